from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.data.pen.made import line, same, samples
from unspool.data.pen.cleaning import cleaned
from unspool.data.pen.strokes import Strokes

LINE = line(10)


def test_a_clean_line_stays_as_it_is():
    assert same(cleaned(LINE), LINE)


@given(st.integers(1, len(LINE) - 2), st.floats(5, 1000), st.floats(0, 6.28))
def test_a_spike_goes_and_nothing_else(place, far, angle):
    if LINE.last[place] or LINE.last[place - 1]:
        return
    points = LINE.points.copy()
    points[place] += far * np.array([np.cos(angle), np.sin(angle)])
    kept = np.arange(len(LINE)) != place
    assert same(cleaned(Strokes(points, LINE.last, text=LINE.text, writer=LINE.writer)), LINE.select(kept))


def test_a_fast_straight_line_is_no_spike():
    dash = Strokes.of([[[0, 0], [2, 0], [4, 0]]], text="-", writer="w")
    assert same(cleaned(LINE + dash), LINE + dash)


def test_a_stroke_ends_before_a_jump():
    joined = LINE.last.copy()
    joined[LINE.ends[3] - 1] = False  # the pen was lifted here, and the device did not say so
    far = LINE.points + np.where(np.arange(len(LINE)) < LINE.ends[3], 0, 5)[:, None] * [1, 0]
    assert cleaned(Strokes(far, joined)).last.tolist() == LINE.last.tolist()
    near = cleaned(Strokes(LINE.points, joined))
    assert near.last.tolist() == joined.tolist()  # a move as small may have been drawn


def test_drawings_of_few_long_lines_stay():
    star = Strokes.of([[[0, 0], [5, 100], [10, 0], [0, 60], [10, 60], [0, 0]]])
    assert same(cleaned(star), star)


def test_repeated_points_go_but_dots_stay():
    sample = Strokes.of(
        [[[0, 0], [0, 0], [1, 1], [1, 1]], [[1, 1]], [[2, 2], [2, 2]]], times=[[0, 1, 2, 3], [4], [5, 6]]
    )
    clean = cleaned(sample)
    assert [stroke.tolist() for stroke in clean.strokes()] == [[[0, 0], [1, 1]], [[1, 1]], [[2, 2]]]
    assert clean.times.tolist() == [0, 2, 4, 5]


@given(samples())
def test_every_sample_keeps_points_and_repeats_none(sample):
    clean = cleaned(sample)
    assert len(clean) >= 1
    for stroke in clean.strokes():
        assert (np.diff(stroke, axis=0) != 0).any(axis=1).all()
