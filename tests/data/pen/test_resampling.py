from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.pen.made import same, samples
from unspool.data.pen.resampling import by_length, by_time
from unspool.data.pen.strokes import Strokes
from unspool.errors import SpecError

STEPS = st.floats(1, 1e4)


def test_equal_steps_by_hand():
    sample = Strokes.of([[[0, 0], [4, 0], [4, 3]], [[9, 9], [9, 9]]], times=[[0, 4, 7], [8, 9]])
    found = by_length(sample, 1.1)  # 7 / 1.1 is nearest to 6 steps
    corner = [[0, 0], [7 / 6, 0], [7 / 3, 0], [3.5, 0], [4, 2 / 3], [4, 11 / 6], [4, 3]]
    assert found.points == pytest.approx(np.array([*corner, [9, 9]]))
    assert found.last.tolist() == [False] * 6 + [True, True]
    assert found.times == pytest.approx([0, 7 / 6, 7 / 3, 3.5, 14 / 3, 35 / 6, 7, 8])


@given(samples(), STEPS)
def test_ends_stay_and_steps_are_equal(sample, step):
    found = by_length(sample, step)
    assert len(found.ends) == len(sample.ends)
    assert found.length() <= sample.length() + 1e-6
    for new, old in zip(found.strokes(), sample.strokes(), strict=True):
        way = np.hypot(*np.diff(old, axis=0).T).sum()
        assert len(new) == (max(1, round(way / step)) + 1 if way > 0 else 1)
        assert np.array_equal(new[0], old[0])
        if way > 0:
            assert np.array_equal(new[-1], old[-1])
        # a chord is at most as long as its part of the way
        assert np.hypot(*np.diff(new, axis=0).T).max(initial=0) <= way / max(len(new) - 1, 1) + 1e-6


@given(samples(), STEPS)
def test_new_points_lie_on_the_old_lines(sample, step):
    assert_on_lines(by_length(sample, step), sample)


def assert_on_lines(found: Strokes, sample: Strokes) -> None:
    for new, old in zip(found.strokes(), sample.strokes(), strict=True):
        start, along = (old[:-1], np.diff(old, axis=0)) if len(old) > 1 else (old, old * 0)
        length = np.maximum((along**2).sum(axis=1), 1e-12)
        t = np.clip(((new[:, None] - start) * along).sum(axis=2) / length, 0, 1)
        assert np.hypot(*(start + t[..., None] * along - new[:, None]).T).min(axis=0).max() < 1e-4


def test_a_straight_line_resampled_again_is_the_same():
    straight = Strokes.of([[[0, 0], [3, 4], [30, 40]]])
    once = by_length(straight, 2.5)
    assert len(once) == 21
    assert same(by_length(once, 2.5), once, tolerance=1e-9)


@given(samples(), STEPS, st.floats(0.01, 1))
def test_jitter_moves_points_along_the_ink_only(sample, step, jitter):
    even, uneven = by_length(sample, step), by_length(sample, step, jitter)
    assert uneven.last.tolist() == even.last.tolist()
    assert same(by_length(sample, step, jitter), uneven)
    assert_on_lines(uneven, sample)
    ends = np.concatenate([sample.starts, sample.ends - 1])
    assert np.array_equal(uneven.points[np.concatenate([uneven.starts, uneven.ends - 1])], sample.points[ends])


def test_the_logarithm_of_a_step_varies_by_the_jitter():
    sample = Strokes.of([[[0, 0], [3000, 4000]], [[7, 7]], [[0, 9], [5000, 9]]])
    found = by_length(sample, 1.0, 0.3)
    first, dot, third = found.strokes()
    assert len(dot) == 1
    for stroke in (first, third):
        steps = np.log(np.hypot(*np.diff(stroke, axis=0).T))
        assert len(steps) == 5000
        assert steps.std() == pytest.approx(0.3, rel=0.05)
        assert np.corrcoef(steps[1:], steps[:-1])[0, 1] == pytest.approx(0, abs=0.05)
        assert np.exp(steps).sum() == pytest.approx(5000)


def test_equal_times():
    sample = Strokes.of([[[0, 0], [1, 0], [5, 0]], [[7, 7]]], times=[[10, 10.5, 11], [20]], pressure=[[0, 1, 0], [1]])
    found = by_time(sample, 4)
    assert found.points.tolist() == [[0, 0], [0.5, 0], [1, 0], [3, 0], [5, 0], [7, 7]]
    assert found.times.tolist() == [10, 10.25, 10.5, 10.75, 11, 20]
    assert found.pressure.tolist() == [0, 0.5, 1, 0.5, 0, 1]


def test_refusals(refused):
    sample = Strokes.of([[[0, 0], [1, 0]]])
    with refused("needs times", "recorded with times"):
        by_time(sample, 10)
    with refused("rate", "got 0", error=SpecError):
        by_time(sample, 0)
    with refused("step", "got nan", error=SpecError):
        by_length(sample, float("nan"))
