from __future__ import annotations

import numpy as np
import pytest

from tests.ink.made import word
from unspool.data.pen.strokes import Points, Strokes
from unspool.ink.gcode import commands, gcode
from unspool.ink.options import Page
from unspool.ink.page import lay_out

PAGE = Page(size="120x80", margin=0, letter=2)


def plotted(content: bytes) -> list[Points]:
    """What a machine draws: the way [n, 2] between each lowering and lifting of the pen."""
    strokes: list[list[list[float]]] = []
    place, down = [0.0, 0.0], False
    for line in content.decode("ascii").splitlines():
        if line in ("G1 Z0", "G0 Z5"):
            down = line == "G1 Z0"
            strokes += [[place]] if down else []
        elif line[:2] in ("G0", "G1"):
            place = [float(word[1:]) for word in line.split()[1:]]
            assert (line[:2] == "G1") is down, "G1 draws and G0 travels"
            if down:
                strokes[-1].append(place)
    assert not down
    assert place == [0.0, 0.0]
    return [np.array(stroke) for stroke in strokes]


def test_a_machine_passes_every_point() -> None:
    sheet = lay_out([[word(), word(20)], [], [word()]], PAGE)
    strokes = plotted(gcode(sheet, PAGE))
    assert len(strokes) == len(sheet.strokes) == 9
    for way, points in zip(strokes, sheet.strokes, strict=True):
        gaps = np.hypot(*(points[:, None] - way).transpose(2, 0, 1))
        assert gaps.min(axis=1).max() < 0.01
        assert (np.diff(gaps.argmin(axis=1)) >= 0).all(), "in their order"
        assert (way >= 0).all() and (way <= [120, 80]).all()


def test_the_head_sets_the_units() -> None:
    lines = gcode(lay_out([[word()]], PAGE), PAGE).decode().splitlines()
    assert lines[:5] == ["; word", "G21", "G90", "F1500", "G0 Z5"]
    assert lines[-2:] == ["G0 X0 Y0", "M2"]


def test_a_curve_that_bulges_over_the_edge_is_held_at_it() -> None:
    bulging = Strokes.of([[[0, 0], [0.0, 1.0], [1.0, 0.0], [0.0, -1.0]]])  # x = 0 is the page's edge
    way = plotted(gcode(lay_out([[bulging]], PAGE), PAGE))[0]
    assert way[:, 0].min() == 0.0
    assert way[:, 0].max() == pytest.approx(2.0, abs=0.05)


def test_a_dot_is_a_touch_of_the_pen() -> None:
    (dot,) = plotted(gcode(lay_out([[Strokes.of([[[0.0, 0.5]]])]], PAGE), PAGE))
    np.testing.assert_allclose(dot, [[0.0, 80 - 6 + 1]])


def test_a_pen_moves_by_height_or_by_commands() -> None:
    assert commands("-1.5", "G1") == ["G1 Z-1.5"]
    assert commands("M3 S90, G4 P0.2", "G1") == ["M3 S90", "G4 P0.2"]
    assert commands("inf", "G1") == ["inf"], "no height that a machine would go to"
    page = Page(pen_up="M5", pen_down="M3 S90,G4 P0.2")
    lines = gcode(lay_out([[Strokes.of([[[0, 0]]])]], page), page).decode().splitlines()
    assert lines[3] == "M5"
    assert lines[5:8] == ["M3 S90", "G4 P0.2", "M5"]


@pytest.mark.parametrize("text", ["a\nM112", "b) G0 X999", "!?~%", "é日\ud800\u2028", "x" * 500, "\\", "$H"])
def test_no_text_becomes_a_command(text: str) -> None:
    content = gcode(lay_out([[word(text=text)]], PAGE), PAGE)
    comment, head = content.decode("ascii").splitlines()[:2]
    assert head == "G21"
    assert comment.startswith("; ") and len(comment) <= 62
    assert not set(comment[1:]) & set("!?~%()$;")


def test_an_empty_page_draws_nothing() -> None:
    assert plotted(gcode(lay_out([[]], PAGE), PAGE)) == []
