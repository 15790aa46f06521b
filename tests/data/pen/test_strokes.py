from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.pen.made import same, samples
from unspool.data.pen.strokes import Inks, Strokes
from unspool.errors import ShapeError

TWO = Strokes.of([[[0, 0], [3, 4]], [[3, 4], [3, 5], [4, 5]]], text="ab", writer="me")


def test_strokes_are_cut_where_they_end():
    assert [stroke.tolist() for stroke in TWO.strokes()] == [[[0, 0], [3, 4]], [[3, 4], [3, 5], [4, 5]]]
    assert TWO.last.tolist() == [False, True, False, False, True]
    assert (TWO.starts.tolist(), TWO.ends.tolist(), len(TWO)) == ([0, 2], [2, 5], 5)


def test_bounds_and_length_of_ink():
    assert TWO.bounds() == (0, 0, 4, 5)
    assert TWO.length() == 5 + 2  # the pen-up move does not count


@pytest.mark.parametrize(
    "shown", [lambda array: array, np.ndarray.view, lambda array: np.broadcast_to(array, array.shape)]
)
def test_a_sample_cannot_be_changed(shown):
    """Nor by what it was made of, which stays the caller's to write, even where they gave a view that is read-only."""
    own = np.zeros((3, 2)), np.array([True, False, True]), np.zeros(3), np.zeros(3)
    sample = Strokes(*map(shown, own))
    before = Inks([sample]).fingerprint()
    with pytest.raises(ValueError, match="read-only"):
        sample.points[0, 0] = 1
    for array in own:
        array[0] = not array[0].any()
    assert not sample.points.any() and not sample.times.any() and not sample.pressure.any()
    assert sample.last.tolist() == [True, False, True]
    assert Inks([sample]).fingerprint() == before


def test_what_cannot_be_changed_is_not_copied():
    named = replace(TWO, text="c")
    assert named.points is TWO.points and named.last is TWO.last
    assert np.shares_memory(Strokes(TWO.points[:2], TWO.last[:2]).points, TWO.points)


def test_affine_maps():
    turned = TWO.transformed([[0, -1, 10], [1, 0, 20]])
    assert turned.points[1].tolist() == [6, 23]
    assert TWO.flipped().points[:, 1].tolist() == [0, -4, -4, -5, -5]
    assert turned.text == "ab"


def test_selecting_points_moves_the_end_of_a_stroke():
    kept = TWO.select(np.array([True, False, False, True, False]))
    assert kept.points.tolist() == [[0, 0], [3, 5]]
    assert kept.last.tolist() == [True, True]


@given(samples(), samples())
def test_both_one_after_the_other(first, second):
    whole = first + second
    assert [*map(np.ndarray.tolist, whole.strokes())] == [
        stroke.tolist() for sample in (first, second) for stroke in sample.strokes()
    ]
    assert np.isclose(whole.length(), first.length() + second.length())
    if first.times is not None and second.times is not None:
        assert np.diff(whole.times[len(first) :]) == pytest.approx(np.diff(second.times))
    else:
        assert whole.times is None
    assert whole.text == (None if None in (first.text, second.text) else first.text + second.text)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (([], []), ("at least one stroke", "leave empty samples out")),
        (([[0, 0], [1, 1]], [True, False]), ("must end a stroke", "set last[-1]")),
        (([[0, 0], [1, np.nan]], [False, True]), ("finite", "point 2")),
        (([[0, 0]], [True], [np.inf]), ("times must be finite", "point 1")),
        (([[0, 0], [1, 1]], [False, True], [1.0, 0.5]), ("times must never fall", "point 2")),
    ],
)
def test_bad_values(arguments, parts, refused):
    points, *others = arguments
    with refused(*parts):
        Strokes(np.reshape(points, (-1, 2)), *map(np.array, others))


@pytest.mark.parametrize(
    ("build", "parts"),
    [
        (lambda: Strokes(np.zeros((2, 3)), np.ones(2)), ("[N, 2]", "[2, 3]")),
        (lambda: Strokes(np.zeros((2, 2)), np.ones(3)), ("last", "2 points", "[3]")),
        (lambda: Strokes(np.zeros((2, 2)), np.ones(2), np.ones(1)), ("times", "2 points")),
        (lambda: Strokes.of([[[0, 0]], []]), ("stroke 2",)),
        (lambda: TWO.transformed(np.eye(3)), ("[2, 3]", "[3, 3]")),
    ],
)
def test_bad_shapes(build, parts, refused):
    with refused(*parts, error=ShapeError):
        build()


@given(samples(), samples())
def test_the_fingerprint_tells_samples_apart(first, second):
    content = [Inks([sample]).fingerprint() for sample in (first, second)]
    assert (content[0] == content[1]) == same(first, second)
    again = Strokes(first.points.copy(), first.last, first.times, first.pressure, first.text, first.writer)
    assert Inks([again]).fingerprint() == content[0]


def test_the_fingerprint_knows_no_negative_zero():
    assert Inks([TWO.flipped().flipped()]).fingerprint() == Inks([TWO]).fingerprint()
    assert Inks([Strokes([[0.0, -0.0]], [True])]).fingerprint() == Inks([Strokes([[0.0, 0.0]], [True])]).fingerprint()


@given(st.lists(st.integers(0, 4), max_size=4), st.data())
def test_a_list_of_lists_is_one_list(sizes, data):
    parts = [[Strokes([[part, place]], [True]) for place in range(count)] for part, count in enumerate(sizes)]
    flat = [sample for part in parts for sample in part]
    whole = Inks.joined(parts)
    assert list(whole) == flat
    if flat:
        chosen = data.draw(st.lists(st.integers(0, len(flat) - 1)))
        assert list(whole.select(chosen)) == [flat[place] for place in chosen]
        assert list(whole[1::2]) == flat[1::2]
        assert whole[-1] is flat[-1]
