from __future__ import annotations

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from unspool.errors import ShapeError
from unspool.tasks.forecasting.measures import crps, intervals, measure, naive_error, pinball

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
NAN = np.nan


def test_errors_by_hand() -> None:
    truth, forecast = np.array([[1.0, 2.0], [3.0, NAN]]), np.array([[2.0, 0.0], [3.0, 100.0]])
    scores = measure(truth, forecast, naive_error=0.5)
    assert scores.overall == pytest.approx({"mse": 5 / 3, "mae": 1.0, "mase": 2.0})
    assert scores.by_step == {"mse": [0.5, 4.0], "mae": [0.5, 2.0], "mase": [1.0, 4.0]}


def test_each_series_has_its_own_unit() -> None:
    truth = np.zeros((2, 3, 2))
    forecast = np.broadcast_to([1.0, 10.0], truth.shape)
    assert measure(truth, forecast, naive_error=np.array([1.0, 10.0])).overall["mase"] == 1.0


def test_a_forecast_that_is_missing_is_not_passed_over() -> None:
    scores = measure(np.array([[1.0, 2.0]]), np.array([[NAN, 2.0]]))
    assert np.isnan(scores.overall["mse"])
    assert scores.by_step["mse"][1] == 0


def test_no_truth_at_all_is_no_number() -> None:
    quantiles = np.zeros((1, 2, 3))
    scores = measure(np.array([[1.0, NAN]]), np.zeros((1, 2)), quantiles, (0.1, 0.5, 0.9), 1.0)
    assert all(np.isnan(steps[1]) and not np.isnan(steps[0]) for steps in scores.by_step.values())
    assert np.isnan(measure(np.full((1, 2), NAN), np.zeros((1, 2))).overall["mae"])


def test_coverage_and_width_by_hand() -> None:
    truth = np.array([[0.0, 1.0, 2.0, 3.0, NAN]])
    quantiles = np.broadcast_to([-1.0, 0.0, 0.5, 2.0, 2.5], (1, 5, 5))
    scores = measure(truth, np.zeros((1, 5)), quantiles, (0.1, 0.25, 0.5, 0.75, 0.9))
    assert scores.overall["coverage_80"] == 0.75 and scores.overall["width_80"] == 3.5
    assert scores.overall["coverage_50"] == 0.75 and scores.overall["width_50"] == 2.0  # its ends belong to it
    assert scores.by_step["coverage_80"][:4] == [1, 1, 1, 0]


def test_intervals_are_the_pairs_around_the_median() -> None:
    assert [(band.lower, band.upper, band.probability) for band in intervals(LEVELS)] == [
        (0, 6, 0.9),
        (1, 5, 0.8),
        (2, 4, 0.5),
    ]
    assert intervals((0.1, 0.5, 0.8)) == intervals((0.5,)) == intervals(()) == []


def test_pinball_is_least_at_the_quantile() -> None:
    draws = np.random.default_rng(0).normal(size=20_000)
    candidates = np.linspace(-2, 2, 81)
    for level in (0.1, 0.5, 0.9):
        losses = pinball(draws[:, None], candidates[None, :, None], (level,))[..., 0].mean(0)
        assert candidates[losses.argmin()] == pytest.approx(stats.norm.ppf(level), abs=0.06)
    assert pinball(np.array([3.0]), np.array([[1.0, 5.0]]), (0.1, 0.9)).tolist() == [pytest.approx([0.2, 0.2])]


def test_crps_is_that_of_a_normal_distribution() -> None:
    y = np.linspace(-3, 3, 13)
    exact = y * (2 * stats.norm.cdf(y) - 1) + 2 * stats.norm.pdf(y) - 1 / np.sqrt(np.pi)  # Gneiting and Raftery 2007
    many = np.linspace(0.001, 0.999, 999)
    quantiles = np.broadcast_to(stats.norm.ppf(many), (13, 999))
    np.testing.assert_allclose(crps(y, quantiles, many), exact, atol=2e-3)
    few = crps(y, np.broadcast_to(stats.norm.ppf(LEVELS), (13, 7)), LEVELS)
    np.testing.assert_allclose(few, exact, rtol=0.1)


def test_crps_without_spread_is_the_absolute_error() -> None:
    assert crps(np.array([3.0, -2.0]), np.zeros((2, 7)), LEVELS).tolist() == pytest.approx([3, 2])
    assert crps(np.array([3.0]), np.zeros((1, 1)), (0.5,)).tolist() == [3]


def test_naive_error_leaves_gaps_out() -> None:
    assert naive_error(np.array([1.0, 2.0, 4.0, NAN, 5.0])) == 1.5
    assert naive_error(np.array([1.0, 2.0, 4.0, NAN, 5.0]), season=2) == pytest.approx((3 + 1) / 2)
    assert np.isnan(naive_error(np.array([1.0]), season=2))


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"got \[2, 3\], \[3, 2\]"):
        measure(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(ShapeError, match=r"7 levels behind, got \[2, 3\], \[2, 3\], \[2, 3, 3\]"):
        measure(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((2, 3, 3)), LEVELS)
