from __future__ import annotations

import numpy as np
import pytest

from unspool.tasks.forecasting.season import autocorrelation_season, calendar_seasons, season_length


def wave(period: float, count: int = 600, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    time = np.arange(count)
    return np.sin(2 * np.pi * time / period) + noise * np.random.default_rng(seed).normal(size=count)


@pytest.mark.parametrize(
    ("count", "unit", "seasons"),
    [
        (1, "s", [3600, 86_400]),
        (15, "m", [96, 672]),
        (1, "h", [24, 168]),
        (7, "h", [24]),  # of a week; three of them and a bit are no day
        (12, "h", [2, 14]),
        (1, "D", [7]),
        (2, "D", []),
        (7, "D", [52]),
        (1, "M", [12]),
        (3, "M", [4]),
        (12, "M", []),
    ],
)
def test_the_calendar_knows_seasons(count: int, unit: str, seasons: list[int]) -> None:
    step = np.timedelta64(count, unit)
    assert calendar_seasons(step if unit == "M" else step.astype("m8[ns]")) == seasons


def test_a_number_of_steps_is_on_no_calendar() -> None:
    assert calendar_seasons(3600.0) == calendar_seasons(None) == []


def test_of_two_seasons_the_better_is_taken() -> None:
    hour = np.timedelta64(1, "h")
    assert season_length([wave(24)], hour) == 24
    assert season_length([wave(24) + wave(168)], hour) == 168
    small, large = 1e-3 * (wave(24) + wave(336)), 1e6 * (wave(24) + wave(168))
    assert season_length([small, small, small, large], hour) == 24  # each in its own unit
    assert season_length([wave(24, 100)], hour) == 24  # too short for a week
    assert season_length([wave(24, 20)], hour) == 1
    assert season_length([np.full(300, 5.0)], hour) == 1


def test_missing_values_are_no_obstacle() -> None:
    values = wave(24) + wave(168)
    values[::7] = np.nan
    values[300:340] = np.nan
    assert season_length([values], np.timedelta64(1, "h")) == 168
    assert season_length([np.full(300, np.nan)], np.timedelta64(1, "h")) == 1
    gaps = wave(24, noise=0.1)
    gaps[::7] = np.nan
    assert season_length([gaps]) == 24


@pytest.mark.parametrize("period", [7, 24, 60])
@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_without_a_calendar_the_autocorrelation_tells(period: int, noise: float) -> None:
    values = wave(period, noise=noise) + 0.05 * np.arange(600)
    assert season_length([values]) == season_length([values], 1.0) == period


def test_a_season_is_seen_through_a_slow_wandering() -> None:
    walk = np.random.default_rng(1).normal(size=2000).cumsum()
    assert season_length([3 * wave(24, 2000) + walk]) == 24


def test_there_may_be_none() -> None:
    rng = np.random.default_rng(2)
    for values in (rng.normal(size=500), rng.normal(size=500).cumsum(), np.arange(50.0), np.ones(50), np.ones(3)):
        assert season_length([values]) == 1
    assert season_length([]) == season_length([np.full(50, np.nan)]) == 1


def test_the_series_that_shows_it_best_decides() -> None:
    assert season_length([np.random.default_rng(3).normal(size=500), wave(30, noise=0.1), wave(7, noise=2.0)]) == 30


def test_the_autocorrelation_is_that_of_its_definition() -> None:
    values = wave(24, noise=0.3)
    lag, height = autocorrelation_season(values)
    z = values - np.polyval(np.polyfit(np.arange(600), values, 1), np.arange(600))
    assert lag == 24
    assert height == pytest.approx(600 / 576 * (z[24:] @ z[:-24]) / (z @ z), rel=1e-6)
