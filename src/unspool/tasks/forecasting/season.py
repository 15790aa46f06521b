"""How many steps a season has: read off the calendar where stamps have one, else off the values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unspool.data.steps import Step, nominal

_HOUR: Final = 3600 * 10**9  # nanoseconds
_DAY: Final = 24 * _HOUR
_WEEK: Final = 7 * _DAY
_YEAR: Final = 365.2425 * _DAY
_ROUNDING: Final = 0.02  # of a season: 52 weeks are a year, three steps of 7 hours are no day
SIMILAR: Final = 0.02  # of a deviation: a longer season must be better by more
LEAST: Final = 0.2  # an autocorrelation below this is no season
DEVIATIONS: Final = 3.5  # of the autocorrelation of noise, which are 1 / sqrt(T) each
LEAST_VALUES: Final = 8


def season_length(series: Sequence[NDArray[np.float64]], step: Step | None = None) -> int:
    """Return the steps of a season, 1 if there is none; each series is [T] with NaN where a value is missing.

    By the calendar: steps shorter than a minute have an hour or a day, shorter than a day a day or a week, shorter than
    a week a week, and shorter than a year a year; of two, the longer one only if its seasonal-naive error is clearly
    less. Steps that are numbers have the lag at which the autocorrelation peaks.
    """
    candidates = calendar_seasons(step)
    if isinstance(step, np.timedelta64):
        errors = {season: error for season in candidates if np.isfinite(error := _error(series, season))}
        return next((season for season in errors if errors[season] <= min(errors.values()) + SIMILAR), 1)
    return max((autocorrelation_season(values) for values in series), key=lambda found: found[1], default=(1, 0.0))[0]


def calendar_seasons(step: Step | None) -> list[int]:
    """Return the steps of each season that the calendar holds for such a step, the shortest first."""
    if not isinstance(step, np.timedelta64):
        return []
    length = float(nominal(step) / np.timedelta64(1, "ns"))
    if length < 60 * 10**9:
        cycles: list[float] = [_HOUR, _DAY]
    elif length < _DAY:
        cycles = [_DAY, _WEEK]
    else:
        cycles = [_WEEK] if length < _WEEK else [_YEAR]
    counts = [cycle / length for cycle in cycles]
    return [round(count) for count in counts if count > 1.5 and abs(count / round(count) - 1) < _ROUNDING]


def autocorrelation_season(values: NDArray[np.float64]) -> tuple[int, float]:
    r"""Return the lag of the season of values [T] and the autocorrelation there; (1, 0) if there is none.

    .. math:: r_k = \frac{\overline{z_t z_{t+k}}}{\overline{z_t^2}}

    over the t whose values are known. z are the changes from step to step, in which a slow wandering hides no season,
    or what a straight line leaves of the values, in which noise hides less: whichever shows it better. The season is
    the highest peak (the shortest of those as good, for its multiples are as good) among lags from where r first falls
    below 0 up to T / 3. It must exceed 0.2 and 3.5 / sqrt(T), which noise hardly does.
    """
    known = np.isfinite(values)
    if known.sum() < LEAST_VALUES:
        return 1, 0.0
    time = np.arange(len(values))
    line = np.polyval(np.polyfit(time[known], values[known], 1), time)
    return max(map(_highest_peak, (np.diff(values), values - line)), key=lambda found: found[1])


def _highest_peak(z: NDArray[np.float64]) -> tuple[int, float]:
    known = np.isfinite(z)
    centred = np.where(known, z - z[known].mean() if known.any() else 0.0, 0.0)
    pairs = _lagged(known.astype(np.float64)).round().clip(min=1)
    products = _lagged(centred) / pairs
    if products[0] <= 0:
        return 1, 0.0
    r = products / products[0]
    inner, floor = r[1:-1], np.maximum(LEAST, DEVIATIONS / np.sqrt(pairs[1:-1]))
    peaks = 1 + np.flatnonzero((inner > r[:-2]) & (inner >= r[2:]) & (inner > floor))
    peaks = peaks[np.minimum.accumulate(r)[peaks] < 0]
    if not len(peaks):
        return 1, 0.0
    lag = int(peaks[r[peaks] >= 0.9 * r[peaks].max()][0])
    return lag, float(r[lag])


def _lagged(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum over t of z_t z_(t+k) for k = 0 ... T / 3."""
    spectrum = np.abs(np.fft.rfft(z, 2 * len(z))) ** 2  # of twice the length, so that the ends do not meet
    return np.fft.irfft(spectrum)[: len(z) // 3 + 1]


def _error(series: Sequence[NDArray[np.float64]], season: int) -> float:
    """Return the mean absolute change over a season, each series in units of its deviation; NaN if none is so long."""
    changes = [np.empty(0)]
    for values in series:
        known = values[np.isfinite(values)]
        if len(known) and known.min() < known.max():
            changes.append(np.abs(values[season:] - values[:-season]) / known.std())
    found = np.concatenate(changes)
    found = found[np.isfinite(found)]
    return float(found.mean()) if len(found) else float("nan")
