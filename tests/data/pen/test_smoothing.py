from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.pen.made import line, same, samples
from unspool.data.pen.cleaning import cleaned
from unspool.data.pen.resampling import by_length
from unspool.data.pen.smoothing import grain, smoothed
from unspool.data.pen.strokes import Strokes
from unspool.errors import SpecError

SLOPED = np.linspace([0, 0], [24, 15.6], 300)
TURN = np.linspace(0, 1.8 * np.pi, 600)
CIRCLE = 8 * np.stack([np.cos(TURN), np.sin(TURN)], axis=1)


def stairs(points: np.ndarray, unit: float = 1.0) -> Strokes:
    """What a device records that knows multiples of a unit alone."""
    return cleaned(Strokes.of([np.round(points / unit) * unit]))


def turns(sample: Strokes) -> np.ndarray:
    """Angles between successive steps of length 2, but for those next to the ends, which stay on the grid."""
    dx, dy = np.diff(by_length(sample, 2.0).points, axis=0).T
    return np.abs(np.angle(np.exp(1j * np.diff(np.arctan2(dy, dx)))))[1:-1]


def test_the_unit_of_a_grid():
    assert grain(stairs(CIRCLE)) == 1
    assert grain(stairs(CIRCLE, 0.25)) == 0.25
    assert grain(Strokes.of([[[0, 0], [3, 0], [3, 6]], [[100, 100], [103, 100]]])) == 3  # not what lies between strokes
    assert grain(Strokes.of([[[5, 5]], [[9, 9], [9, 9]]])) == 0


def test_the_unit_of_a_grid_that_was_rounded_once_more():
    rounded = Strokes.of([np.round(4.2 * stairs(CIRCLE[::6]).points)])
    assert grain(rounded) == pytest.approx(4.2, abs=0.15)


def test_a_fast_pen_on_a_fine_grid_has_no_coarse_one():
    assert grain(stairs(CIRCLE[::20], 0.05)) < 0.1
    assert grain(Strokes.of([CIRCLE[::20]])) == 0
    assert grain(line()) == 0


def test_stairs_become_the_curve_that_they_were():
    straight, circle = smoothed(stairs(SLOPED), 2.0), smoothed(stairs(CIRCLE), 2.0)
    slope = np.array([-15.6, 24]) / np.hypot(15.6, 24)
    assert np.abs(straight.points @ slope).max() < 0.5
    assert np.abs(np.hypot(*circle.points.T) - 8).max() < 0.5
    assert turns(stairs(SLOPED)).max() > 0.5
    assert turns(straight).max() < 0.3
    assert turns(stairs(CIRCLE)).max() > 0.7
    assert turns(circle).max() < 0.45  # of a true circle 0.25


def test_curves_do_not_shrink():
    """One Gaussian alone would take w^2 / (2 r) = 0.25 off the radius."""
    found = smoothed(Strokes.of([CIRCLE]), 2.0)
    assert np.hypot(*found.points[100:-100].T) == pytest.approx(8, abs=0.03)


def test_a_stroke_goes_on_as_its_reflection():
    half = CIRCLE - CIRCLE[0]
    both = smoothed(Strokes.of([np.concatenate([-half[:0:-1], half])]), 2.0)
    assert both.points[599:] == pytest.approx(smoothed(Strokes.of([half]), 2.0).points, abs=0.01)


def test_each_stroke_is_smoothed_alone():
    strokes = [stairs(CIRCLE).points, stairs(SLOPED).points + 50, stairs(CIRCLE[:200]).points]
    together = smoothed(Strokes.of(strokes), 2.0)
    for found, stroke in zip(together.strokes(), strokes, strict=True):
        assert found == pytest.approx(smoothed(Strokes.of([stroke]), 2.0).points, abs=1e-9)


def test_what_is_straight_or_a_dot_stays():
    dots = Strokes.of([[[3, 4]], [[0, 0], [2, 0]], [[7, 7], [7, 7]]], times=[[0], [1, 2], [3, 4]])
    assert same(smoothed(dots, 0.5), dots)
    straight = Strokes.of([np.array([[0, 0], [1, 2], [3, 6], [3.5, 7], [20, 40]])])
    assert same(smoothed(straight, 1.5), straight, tolerance=1e-12)


def test_a_small_width_gives_back_the_sample_itself():
    fine = stairs(CIRCLE, 0.001)
    assert smoothed(fine, 0.005) is fine
    assert smoothed(fine, 0.0) is fine


@given(samples(), st.floats(0.01, 1e4))
def test_ends_stay_and_so_does_all_but_the_points(sample, width):
    found = smoothed(sample, width)
    assert np.array_equal(found.points[found.starts], sample.points[sample.starts])
    assert np.array_equal(found.points[found.ends - 1], sample.points[sample.ends - 1])
    low, high = sample.points.min(axis=0), sample.points.max(axis=0)
    assert (np.abs(found.points - (low + high) / 2) <= 4 * (high - low) + 1e-6).all()
    unmoved = Strokes(sample.points, found.last, found.times, found.pressure, found.text, found.writer)
    assert same(unmoved, sample)


@given(samples(), st.integers(-6, 6))
def test_a_grid_grows_with_the_sample(sample, power):
    grown = sample.transformed([[2.0**power, 0, 0], [0, 2.0**power, 0]])  # powers of 2 round nothing
    assert 0 <= grain(sample) <= 1.1 * np.abs(np.diff(sample.points, axis=0)).max(initial=0)
    assert grain(grown) == pytest.approx(2.0**power * grain(sample), rel=1e-9)


def test_refusals(refused):
    for width in (-1.0, float("nan"), float("inf")):
        with refused("width of smoothing", f"got {width}", error=SpecError):
            smoothed(line(), width)
