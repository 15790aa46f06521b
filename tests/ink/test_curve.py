from __future__ import annotations

import numpy as np
import pytest

from unspool.ink.curve import drawn, smooth


def test_the_curve_passes_the_points_with_one_tangent() -> None:
    points = np.random.default_rng(0).normal(size=(20, 2))
    curves = np.stack(smooth(points))
    np.testing.assert_array_equal(curves[:, 0], points[:-1])
    np.testing.assert_array_equal(curves[:, 3], points[1:])
    before, after = curves[:-1, 3] - curves[:-1, 2], curves[1:, 1] - curves[1:, 0]
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    assert np.abs(cross).max() < 1e-12
    assert ((before * after).sum(axis=1) > 0).all()


def test_the_handles_are_those_of_barry_and_goldmans_recursion() -> None:
    p = np.array([[0.0, 0.0], [1.0, 2.0], [4.0, 1.0], [5.0, 5.0]])
    t = np.append(0.0, np.cumsum(np.hypot(*np.diff(p, axis=0).T) ** 0.5))
    for share in (0.25, 0.5, 0.8):
        s = t[1] + share * (t[2] - t[1])
        level = p
        for order in (1, 2):
            ranges = [(t[i], t[i + order]) for i in range(4 - order)]
            level = np.array(
                [((b - s) * level[i] + (s - a) * level[i + 1]) / (b - a) for i, (a, b) in enumerate(ranges)]
            )
        expected = ((t[2] - s) * level[0] + (s - t[1]) * level[1]) / (t[2] - t[1])
        b = smooth(p)[1]
        weights = np.array([(1 - share) ** 3, 3 * (1 - share) ** 2 * share, 3 * (1 - share) * share**2, share**3])
        np.testing.assert_allclose(weights @ b, expected, rtol=1e-12)


def test_points_that_repeat_change_nothing() -> None:
    points = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]])
    twice = points[[0, 0, 1, 1, 1, 2, 2]]
    np.testing.assert_array_equal(smooth(twice), smooth(points))


@pytest.mark.parametrize("count", [1, 3])
def test_a_dot_is_one_point(count: int) -> None:
    dot = np.full((count, 2), 4.0)
    assert smooth(dot) == []
    np.testing.assert_array_equal(drawn(dot, 0.01), [[4.0, 4.0]])


def test_two_points_are_joined_by_a_straight_line() -> None:
    np.testing.assert_array_equal(drawn(np.array([[0.0, 0.0], [3.0, 4.0]]), 0.1)[[0, -1]], [[0, 0], [3, 4]])
