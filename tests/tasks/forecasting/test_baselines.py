from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from unspool.errors import DataError, ShapeError
from unspool.tasks.forecasting import baselines as forecast_baselines
from unspool.tasks.forecasting.baselines import Ridge, naive, seasonal_naive, seasonal_naive_drift

NAN = np.nan


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=count)


def autoregression(count: int, seed: int = 0) -> np.ndarray:
    """y_t = 1 + 0.6 y_{t-1} - 0.3 y_{t-2} + noise."""
    values = np.zeros(count)
    for t, shock in enumerate(noise(count, seed)[2:], 2):
        values[t] = 1 + 0.6 * values[t - 1] - 0.3 * values[t - 2] + 0.1 * shock
    return values


def test_naive_is_the_last_known_value() -> None:
    assert naive(np.array([1.0, 2.0, 5.0]), 2).tolist() == [5, 5]
    assert naive(np.array([[1.0, 2.0, NAN], [3.0, NAN, NAN]]), 2).tolist() == [[2, 2], [3, 3]]
    assert np.isnan(naive(np.array([NAN, NAN]), 1)).all()


def test_seasonal_naive_repeats_the_last_season() -> None:
    history = np.array([9.0, 1, 2, 3, 4, 5, 6])
    assert seasonal_naive(history, 7, 3).tolist() == [4, 5, 6, 4, 5, 6, 4]
    assert seasonal_naive(np.stack([history, -history]), 2, 3).tolist() == [[4, 5], [-4, -5]]


def test_seasonal_naive_looks_further_back_for_what_is_missing() -> None:
    assert seasonal_naive(np.array([1.0, 2, 3, 4, NAN, 6]), 3, 3).tolist() == [4, 2, 6]
    assert seasonal_naive(np.array([1.0, NAN, 3, 4, NAN, NAN]), 3, 3).tolist() == [4, 4, 3]  # never known: the last one
    assert seasonal_naive(np.array([7.0, 8]), 5, 4).tolist() == [8, 8, 7, 8, 8]  # shorter than a season


def test_drift_goes_on_as_before() -> None:
    time = np.arange(20.0)
    rising = np.tile([0.0, 5, 1, 7], 5) + 0.5 * time
    expected = np.tile([0.0, 5, 1, 7], 3) + 0.5 * np.arange(20, 32)
    np.testing.assert_allclose(seasonal_naive_drift(rising, 12, 4), expected)
    np.testing.assert_allclose(seasonal_naive_drift(time, 3, 1), [20, 21, 22])
    gaps = rising.copy()
    gaps[[3, 8]] = NAN
    np.testing.assert_allclose(seasonal_naive_drift(gaps, 12, 4), expected)
    np.testing.assert_allclose(seasonal_naive_drift(np.stack([rising, gaps]), 12, 4), [expected, expected])


def test_drift_of_a_history_shorter_than_a_season_is_nothing() -> None:
    for count in (1, 3, 4, 5):
        assert seasonal_naive_drift(np.ones(count), 6, 4).tolist() == [1] * 6


def test_ridge_is_the_closed_form() -> None:
    values, window, horizon = noise(60).cumsum(), 5, 3
    model = Ridge.fit([values], window, horizon)
    spans = np.lib.stride_tricks.sliding_window_view(values, window + horizon)
    spans = spans - spans[:, window - 1 : window]
    x, y = spans[:, :window], spans[:, window:]
    centred = x - x.mean(0)
    gram = centred.T @ centred
    penalty = model.penalty * np.trace(gram) / window
    weights = np.linalg.solve(gram + penalty * np.eye(window), centred.T @ (y - y.mean(0)))
    np.testing.assert_allclose(model.coefficients, weights.T, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(model.intercept, y.mean(0) - x.mean(0) @ weights, rtol=1e-7, atol=1e-9)
    assert model.coefficients.shape == (horizon, window) and model.intercept.shape == (horizon,)
    np.testing.assert_allclose(model.coefficients[:, -1], 0, atol=1e-12)


def test_ridge_recovers_an_autoregression() -> None:
    """Nearly: relative to the last value, the level that it returns to must be read off the window."""
    past = autoregression(300, seed=1)
    forecast = Ridge.fit([autoregression(8000)], 48, 1).forecast(past)
    np.testing.assert_allclose(forecast, [1 + 0.6 * past[-1] - 0.3 * past[-2]], atol=0.03)
    line = Ridge.fit([3 * np.arange(50.0)], 4, 2)
    np.testing.assert_allclose(line.forecast(np.array([[1.0, 4, 7, 10], [0.0, 3, 6, 9]])), [[13, 16], [12, 15]])


def test_ridge_forecasts_from_the_last_values_at_any_level() -> None:
    model = Ridge.fit([autoregression(500)], 8, 4)
    history = noise(20)
    np.testing.assert_allclose(model.forecast(history), model.forecast(history[-8:]))
    np.testing.assert_allclose(model.forecast(history + 100), model.forecast(history) + 100)
    assert model.forecast(np.stack([history] * 3)[:, None]).shape == (3, 1, 4)
    assert np.isnan(model.forecast(np.array([NAN, *history[-7:]]))).all()


def test_several_series_are_one_regression() -> None:
    parts = [autoregression(count, seed) for seed, count in enumerate((300, 5, 200, 12))]
    pooled = Ridge.fit(parts, 6, 2)
    assert Ridge.fit([parts[0], parts[2], parts[3]], 6, 2).coefficients == pytest.approx(pooled.coefficients)
    twice = Ridge.fit([parts[0], parts[0]], 6, 2)
    assert twice.coefficients == pytest.approx(Ridge.fit([parts[0]], 6, 2).coefficients)
    joined = Ridge.fit([np.concatenate(parts)], 6, 2)
    assert joined.coefficients != pytest.approx(pooled.coefficients)  # no window may reach from one into the next


def test_windows_with_gaps_are_left_out() -> None:
    first, second = autoregression(200, 1), autoregression(150, 2)
    gap = np.concatenate([first, [NAN], second])
    found, expected = Ridge.fit([gap], 6, 2, held=0.0), Ridge.fit([first, second], 6, 2, held=0.0)
    assert found.coefficients == pytest.approx(expected.coefficients)


def test_the_penalty_is_chosen_on_later_windows() -> None:
    """White noise is best forecast by its mean: much penalty; a season without noise, by itself: little."""
    season = np.sin(np.arange(400) * 2 * np.pi / 12)
    few = Ridge.fit([season + 1e-6 * noise(400)], 24, 3).penalty
    walk = noise(120, 5).cumsum()
    assert few < 1e-3 < Ridge.fit([walk], 40, 3).penalty


def test_the_choice_sees_no_target_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[np.ndarray] = []
    add = forecast_baselines._Moments.add

    def spy(self: forecast_baselines._Moments, values: np.ndarray, window: int) -> None:
        added.append(values)
        add(self, values, window)

    monkeypatch.setattr(forecast_baselines._Moments, "add", spy)
    Ridge.fit([np.arange(100.0)], 10, 5)  # 86 windows, the last 17 held: their targets begin at 69 + 10
    early, between, late = added
    assert early[-1] == 78 and late[10] == 79
    assert between[-1] == 82 and late[-1] == 99


def test_moments_tell_the_error_of_a_solution() -> None:
    values = autoregression(80)
    moments = forecast_baselines._Moments.zeros(5, 2)
    moments.add(values, 5)
    for weights, intercept in moments.solve([1e-6, 1.0]):
        spans = np.lib.stride_tricks.sliding_window_view(values, 7)
        spans = spans - spans[:, 4:5]
        direct = np.square(spans[:, 5:] - spans[:, :5] @ weights - intercept).sum()
        assert moments.squared_error(weights, intercept) == pytest.approx(direct)


def test_blocks_change_nothing_and_keep_memory_small(monkeypatch: pytest.MonkeyPatch) -> None:
    values = autoregression(3000)
    whole = Ridge.fit([values], 50, 5)
    monkeypatch.setattr(forecast_baselines, "BLOCK", 100)
    tracemalloc.start()
    blocks = Ridge.fit([values], 50, 5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(blocks.coefficients, whole.coefficients, rtol=1e-6, atol=1e-9)
    assert peak < 3000 * 55 * 8 / 2  # all windows at once, copied, would be twice that


def test_little_data_is_enough_or_refused() -> None:
    assert Ridge.fit([np.array([1.0, 2, 3, 4])], 3, 1).forecast(np.array([2.0, 3, 4])) == pytest.approx([5])
    assert Ridge.fit([np.full(50, 7.0)], 5, 2).forecast(np.full(5, 7.0)) == pytest.approx([7, 7])
    with pytest.raises(DataError, match="needs 5 values in a row, 3 known and 2 to forecast"):
        Ridge.fit([np.arange(4.0), np.array([1, 2, NAN, 4, 5, 6])], 3, 2)
    with pytest.raises(ShapeError, match="history must have 3 values or more, got 2"):
        Ridge.fit([np.arange(9.0)], 3, 1).forecast(np.zeros((4, 2)))


def test_histories_are_left_alone() -> None:
    history = np.array([1.0, NAN, 3, 4, 5, 6, 8, 7])
    copy = history.copy()
    naive(history, 2)
    seasonal_naive(history, 2, 3)
    seasonal_naive_drift(history, 2, 3)
    Ridge.fit([history], 3, 1).forecast(history)
    np.testing.assert_array_equal(history, copy)
