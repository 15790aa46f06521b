from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.pen.made import line, samples
from unspool.data.pen.measures import baseline, down_runs, size, slant, slope, weighted_median
from unspool.data.pen.strokes import Strokes

SHIFTS = st.floats(-100, 100)
SCALES = st.floats(0.01, 100)
SHEARS = st.floats(-1, 1)


def test_down_runs_are_where_the_pen_falls():
    sample = Strokes.of([[[0, 0], [1, 3], [2, 3], [3, 1], [4, 0], [5, 2]], [[6, 9]], [[7, 5], [8, 5], [9, 4]]])
    runs = down_runs(sample)
    assert runs.heights.tolist() == [3, 1]
    assert runs.tops.tolist() == [[1, 3], [7, 5]]
    assert runs.feet.tolist() == [[4, 0], [9, 4]]


@given(samples())
def test_down_runs_equal_a_walk_along_each_stroke(sample):
    expected = []
    for stroke in sample.strokes():
        top = stroke[0, 1]
        for before, after in zip(stroke[:, 1], stroke[1:, 1], strict=False):
            if after > before:
                expected.append(top - before)
                top = after
        expected.append(top - stroke[-1, 1])
    assert down_runs(sample).heights.tolist() == [height for height in expected if height > 0]


def test_a_weighted_median_by_hand():
    assert weighted_median(np.array([5.0, 1.0, 3.0]), np.array([1.0, 1.0, 1.0])) == 3
    assert weighted_median(np.array([5.0, 1.0, 3.0]), np.array([9.0, 1.0, 1.0])) == 5
    assert weighted_median(np.array([1.0, 2.0]), np.array([1.0, 1.0])) == 1


def test_a_written_line_measures_as_it_was_made():
    sample = line(25)
    assert size(sample) == pytest.approx(1, abs=0.01)
    assert slant(sample)[0] == pytest.approx(0, abs=1e-9)
    assert slope(sample) == pytest.approx(0, abs=0.01)
    assert baseline(sample) == pytest.approx(0, abs=0.05)  # though a fifth of the feet lie at -1


@given(SHIFTS, SHIFTS, SCALES, SHEARS)
def test_measures_follow_shift_scale_and_shear(right, up, scale, shear):
    sample = line(15)
    moved = sample.transformed([[scale, scale * shear, right], [0, scale, up]])
    assert size(moved) == pytest.approx(scale * size(sample))
    assert slant(moved)[0] == pytest.approx(slant(sample)[0] + shear, abs=1e-9)
    assert baseline(moved) == pytest.approx(scale * baseline(sample) + up, rel=1e-6, abs=1e-6)


@given(st.floats(-0.45, 0.45))
def test_the_slope_of_a_turned_line(rise):
    angle = math.atan(rise)
    turned = line(30).transformed([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0]])
    assert slope(turned) == pytest.approx(rise, abs=0.03)


def test_what_is_too_short_has_no_slope_and_what_climbs_is_no_line():
    assert slope(line(3).transformed([[1, 0, 0], [0.3, 1, 0]])) == 0
    assert slope(line(30).transformed([[1, 0, 0], [2, 1, 0]])) == 0


def test_dots_and_dashes_have_no_size():
    dash = Strokes.of([[[0, 3], [4, 3]], [[1, 1]]])
    assert (size(dash), slant(dash), slope(dash), baseline(dash)) == (0, (0, 0), 0, 1)
