from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.pen.made import NUMBERS, same, samples
from unspool.data.pen.curves import arc, flatten
from unspool.data.pen.markup import parse_xml
from unspool.data.pen.strokes import Strokes
from unspool.data.pen.svg import read_svg

NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'


def read(body: str, tolerance: float | None = None) -> Strokes:
    return read_svg(parse_xml(f"<svg {NAMESPACE}>{body}</svg>".encode(), "a.svg"), "a.svg", tolerance)


def strokes(body: str) -> list[list[list[float]]]:
    """Points with y as it stands in the file."""
    return [np.round(stroke * [1, -1], 9).tolist() for stroke in read(body).strokes()]


@given(samples(timed=st.just(False), pressed=st.just(False), named=False), st.booleans())
def test_any_sample_of_lines_comes_back(sample, relative):
    if (np.diff(sample.ends, prepend=0) < 2).any():
        # a dot is a line too
        sample = Strokes.of([np.concatenate([stroke, stroke[-1:]]) for stroke in sample.strokes()])
    data = []
    here = np.zeros(2)
    for stroke in sample.strokes():
        rows = stroke * [1, -1]
        steps = np.diff(rows, axis=0, prepend=[here]) if relative else rows
        data.append(("m" if relative else "M") + " ".join(f"{x!r},{y!r}" for x, y in steps.tolist()))
        here = rows[-1]
    assert same(read(f'<path d="{"".join(data)}"/>'), sample, tolerance=1e-8)


def test_lines_of_every_kind():
    assert strokes('<path d="M1 2h3v-1H0V7z l1,1"/>') == [
        [[1, 2], [4, 2], [4, 1], [0, 1], [0, 7], [1, 2]],
        [[1, 2], [2, 3]],
    ]
    assert strokes('<polyline points="0,0 1-1 2.5.5"/>') == [[[0, 0], [1, -1], [2.5, 0.5]]]
    assert strokes('<polygon points="0,0 1,0 1,1"/>') == [[[0, 0], [1, 0], [1, 1], [0, 0]]]
    assert strokes('<line x1="1" y2="3px"/>') == [[[1, 0], [0, 3]]]


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        ("translate(10)", [13, 4]),
        ("translate(10, 20) scale(2)", [16, 28]),
        ("scale(2 -1)translate(10,20)", [26, -24]),
        ("rotate(90)", [-4, 3]),
        ("rotate(180 1 1)", [-1, -2]),
        ("matrix(1 2 3 4 5 6)", [1 * 3 + 3 * 4 + 5, 2 * 3 + 4 * 4 + 6]),
        ("skewX(45)", [7, 4]),
        ("skewY(45) ", [3, 7]),
    ],
)
def test_transforms(transform, expected):
    ((point, _),) = strokes(f'<path transform="{transform}" d="M3 4L0 0"/>')
    assert point == pytest.approx(expected)


def test_transforms_of_groups_come_first():
    inside = '<g transform="translate(1 0)"><g transform="scale(2)"><line x1="1" transform="translate(0 5)"/></g></g>'
    assert strokes(inside) == [[[3, 10], [1, 10]]]


def test_what_is_not_drawn_is_passed_over():
    body = '<defs><path d="M9 9L8 8"/></defs><g display="none"><line x1="9"/></g><rect width="9"/><line x1="1"/>'
    assert strokes(body + '<path d="M3 3"/>') == [[[1, 0], [0, 0]]]
    assert read("<title> hi </title><line x1='1'/>").text == "hi"


@pytest.mark.parametrize("hidden", ['visibility="hidden"', 'style="fill: none; visibility : collapse"'])
def test_what_is_hidden_is_passed_over_and_what_is_shown_within_it_is_not(hidden):
    inside = '<line x1="8"/><g visibility="visible"><line x1="2"/></g><line x1="7" visibility="inherit"/>'
    assert strokes(f'<g {hidden}>{inside}</g><line x1="1"/>') == [[[2, 0], [0, 0]], [[1, 0], [0, 0]]]
    assert strokes('<line x1="9" display="inline" style="display:none"/><line x1="1"/>') == [[[1, 0], [0, 0]]]


def distance(points: np.ndarray, curve: np.ndarray) -> float:
    """How far the points of a curve lie from a chain of straight lines at most."""
    start, along = points[:-1], np.diff(points, axis=0)
    length = np.maximum((along**2).sum(axis=1), 1e-300)
    t = np.clip(((curve[:, None] - start) * along).sum(axis=2) / length, 0, 1)
    return float(np.hypot(*(start + t[..., None] * along - curve[:, None]).transpose(2, 0, 1)).min(axis=1).max())


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=3, max_size=4), st.floats(0.5, 50))
def test_flat_curves_lie_within_the_tolerance(control, tolerance):
    control = np.array(control)
    points = flatten([control], tolerance)
    curve = np.stack([casteljau(control, t) for t in np.linspace(0, 1, 100).tolist()])
    assert np.array_equal(points[0], control[0]) and np.array_equal(points[-1], control[-1])
    assert distance(points, curve) <= tolerance * (1 + 1e-6) + 1e-9


def casteljau(control: np.ndarray, t: float) -> np.ndarray:
    while len(control) > 1:
        control = (1 - t) * control[:-1] + t * control[1:]
    return control[0]


def test_smooth_commands_reflect_the_control_point():
    plain = read('<path d="M0 0C0 10 10 10 10 0C10 -10 20 -10 20 0"/>')
    assert same(read('<path d="M0 0C0 10 10 10 10 0S20 -10 20 0"/>'), plain, 1e-9)
    assert same(read('<path d="m0 0c0 10 10 10 10 0s10-10 10 0"/>'), plain, 1e-9)
    quadratic = read('<path d="M0 0Q5 10 10 0Q15 -10 20 0"/>')
    assert same(read('<path d="M0 0Q5 10 10 0T20 0"/>'), quadratic, 1e-9)
    # without a curve of its kind before it, the control point is where the pen is
    straight = read('<path d="M0 0L10 0T20 9"/>').points
    assert straight[1:, 1] == pytest.approx(-0.9 * (straight[1:, 0] - 10))


@given(st.floats(1, 50), st.floats(1, 50), st.floats(0, 360), st.floats(0, 6), st.floats(0.2, 6), st.booleans())
def test_an_arc_lies_on_its_ellipse(rx, ry, tilt, first, swept, sweep):
    """An ellipse is drawn from its centre; SVG's parameters of the arc must lead back to it."""
    turn = np.array([[math.cos(math.radians(tilt)), -math.sin(math.radians(tilt))],
                     [math.sin(math.radians(tilt)), math.cos(math.radians(tilt))]])  # fmt: skip
    second = first + (swept if sweep else -swept)
    start, middle, end = (
        turn @ [rx * math.cos(angle), ry * math.sin(angle)] + [3, 4] for angle in (first, (first + second) / 2, second)
    )
    curves = list(arc(start, (rx, ry), tilt, swept > math.pi, sweep, end))
    points = flatten(curves, 1e-3)
    unit = (points - [3, 4]) @ turn / [rx, ry]
    # two ends tell the centre the less well the nearer they are to opposite or to each other
    loose = 1e-2 if abs(swept - math.pi) < 0.01 else 2e-3
    assert np.hypot(*unit.T) == pytest.approx(1, abs=loose)
    assert np.hypot(*(points - middle).T).min() < 0.1 * max(rx, ry)
    assert np.array_equal(points[0], start) and np.array_equal(points[-1], end)


def test_arcs_of_path_data_with_flags_that_touch():
    half = read('<path d="M0 0a5 5 0 1110 0"/>', 1e-3)  # a half circle above, since y is down and the sweep is positive
    assert half.points[-1].tolist() == [10, 0]
    assert half.points[:, 1].max() == pytest.approx(5, abs=5e-3)
    assert strokes('<path d="M0 0A0 5 0 0 1 10 0A5 5 0 0 1 10 0"/>') == [[[0, 0], [10, 0]]]
    # radii that are too small grow until they reach
    assert read('<path d="M0 0A1 1 0 0 1 10 0"/>', 1e-3).points[:, 1].max() == pytest.approx(5, abs=5e-3)


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("<rect/>", ("paths, polylines", "a.svg", "objects to paths")),
        ('<path d="M1"/>', ("a path of a.svg", "2 numbers of M")),
        ('<path d="M1 2 L3 4 5"/>', ("2 numbers of L",)),
        ('<path d="M1 2 X3"/>', ("'X3'", "character 6")),
        ('<path d="1 2"/>', ("a command", "'1 2'")),
        ('<path d="M1 2z3"/>', ("a command", "'3'")),
        ('<path d="M1 2A1 1 0 2 0 1 1"/>', ("7 numbers of A",)),
        ('<path d="M1e999 0L1 1"/>', ("2 numbers of M", "'1e999 0L1 1'")),
        ('<polyline points="1 2e300"/>', ("1e+12", "2e+300")),
        ('<g transform="scale(1e12)">' * 30 + '<line x1="1"/>' + "</g>" * 30, ("finite size", "a.svg")),
        ('<polyline points="1 2 3"/>', ("3 numbers", "a polyline of a.svg")),
        ('<polyline points="1 2 a"/>', ("'a'", "a polyline of a.svg")),
        ('<line x1="50%"/>', ("'%'", "a line of a.svg")),
        ('<line x1="1" transform="turn(3)"/>', ("turn with 1",)),
        ('<line x1="1" transform="rotate(3 1)"/>', ("rotate with 2",)),
        ('<line x1="1" transform="rotate 3"/>', ("rotate 3", "list like")),
    ],
)
def test_refusals(body, parts, refused):
    with refused(*parts):
        read(body)
