"""What simple forecasts reach: the bar for any network. Arrays in, arrays out; time is the last axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unspool.errors import DataError, ShapeError

Array = NDArray[np.float64]

PENALTIES: Final = tuple(10.0**power for power in range(-8, 3))
BLOCK: Final = 4096  # windows that are copied at once


def naive(history: Array, horizon: int) -> Array:
    """Return the last value that is known, for every step: [..., T] -> [..., horizon]."""
    return seasonal_naive(history, horizon, 1)


def seasonal_naive(history: Array, horizon: int, season: int) -> Array:
    r"""Return the last season over and over: [..., T] -> [..., horizon].

    .. math:: \hat y_{T+h} = y_{T+h-mk}, \qquad k = \lceil h / m \rceil

    m = season. A value that is missing is replaced by that of the season before; one that no season has, by the last
    value that is known at all.

    Source: Hyndman and Athanasopoulos 2021, Forecasting: principles and practice, section 5.2.
    """
    history = np.asarray(history, dtype=np.float64)
    last = _last_known(history[..., None])
    missing = np.full((*history.shape[:-1], -history.shape[-1] % season), np.nan)
    cycles = np.concatenate([missing, history], -1).reshape(*history.shape[:-1], -1, season)
    latest = _last_known(cycles)
    latest = np.where(np.isfinite(latest), latest, last)  # [..., season]
    forecast: Array = latest[..., np.arange(horizon) % season]
    return forecast


def seasonal_naive_drift(history: Array, horizon: int, season: int, drift: Array | None = None) -> Array:
    r"""Return the last season, going on to rise as it did on average: [..., T] -> [..., horizon].

    .. math:: \hat y_{T+h} = y_{T+h-mk} + k \, \overline{y_t - y_{t-m}}, \qquad k = \lceil h / m \rceil

    The mean runs over all t of the history whose two values are known; it is 0 where there are none. `drift` [...] is
    that mean where more is known of the series than this history.

    Source: Hyndman and Athanasopoulos 2021, Forecasting: principles and practice, section 5.2, both methods in one.
    """
    history = np.asarray(history, dtype=np.float64)
    if drift is None:
        changes = history[..., season:] - history[..., : max(0, history.shape[-1] - season)]
        known = np.isfinite(changes)
        drift = np.where(known, changes, 0).sum(-1) / known.sum(-1).clip(min=1)
    return seasonal_naive(history, horizon, season) + drift[..., None] * (np.arange(horizon) // season + 1)


@dataclass(frozen=True, eq=False)
class Ridge:
    r"""A linear forecast of every step from the last L values, relative to the last of them.

    .. math:: \hat y_{T+h} = y_T + b_h + \sum_{l=1}^{L} W_{hl} (y_{T-L+l} - y_T)

    `coefficients` W [H, L], the earliest value first (the last column multiplies 0 and is 0), `intercept` b [H], and
    the `penalty` that was chosen.

    Source: Hoerl and Kennard 1970, Ridge regression; relative to the last value as in Zeng et al. 2023, Are
    transformers effective for time series forecasting?, section 4.2 (NLinear).
    """

    coefficients: Array
    intercept: Array
    penalty: float

    @classmethod
    def fit(cls, series: Sequence[Array], window: int, horizon: int, *, held: float = 0.2) -> Ridge:
        r"""Fit all windows of all series [T], of whatever length, as one regression.

        .. math:: W_h = \arg\min \|Y_h - X W_h - b_h\|^2 + \lambda \frac{\operatorname{tr} X_c^T X_c}{L} \|W_h\|^2

        with X_c centred. The penalty :math:`\lambda` is that of the least squared error on the last share `held` of
        the windows of each series, whose targets come after all those of the windows fitted; then all are fitted.
        Windows in which a value is missing are left out. Memory does not grow with T.

        Raises:
            DataError: no window is whole.
        """
        early, between, late = (_Moments.zeros(window, horizon) for _ in range(3))
        for values in series:
            windows = max(0, len(values) - window - horizon + 1)
            later = windows - round(held * windows)
            earlier = max(0, later - horizon + 1)
            for moments, start, stop in ((early, 0, earlier), (between, earlier, later), (late, later, windows)):
                moments.add(values[start : stop + window + horizon - 1], window)
        whole = early + between + late
        if not whole.count:
            raise DataError(
                f"a regression needs {window + horizon} values in a row, {window} known and {horizon} to forecast, "
                f"but no series has them; fill gaps, or shorten window or horizon"
            )
        # too little to hold any of it back: choose on what is fitted, at which the least penalty wins
        fitted, judge = (early, late) if early.count and late.count else (whole, whole)
        errors = [judge.squared_error(*solution) for solution in fitted.solve(PENALTIES)]
        penalty = PENALTIES[int(np.argmin(errors))]
        (solution,) = whole.solve([penalty])
        return cls(solution[0].T.copy(), solution[1], penalty)

    def forecast(self, history: Array) -> Array:
        """Return the forecast from the last L values: [..., T >= L] -> [..., H]; NaN if one of them is."""
        window = self.coefficients.shape[1]
        if history.shape[-1] < window:
            raise ShapeError(
                f"a history must have {window} values or more, got {history.shape[-1]}; give the values before it too"
            )
        last = history[..., -1:]
        return last + self.intercept + (history[..., -window:] - last) @ self.coefficients.T


@dataclass(eq=False)
class _Moments:
    """Sums over windows of what a regression needs; x [L] relative to the last value, y [H] too."""

    count: int
    x: Array  # [L]
    y: Array  # [H]
    xx: Array  # [L, L]
    xy: Array  # [L, H]
    yy: Array  # [H]

    @classmethod
    def zeros(cls, window: int, horizon: int) -> _Moments:
        sizes = (window,), (horizon,), (window, window), (window, horizon), (horizon,)
        return cls(0, *map(np.zeros, sizes))

    def __add__(self, other: _Moments) -> _Moments:
        arrays = ((self.x, other.x), (self.y, other.y), (self.xx, other.xx), (self.xy, other.xy), (self.yy, other.yy))
        return _Moments(self.count + other.count, *(mine + theirs for mine, theirs in arrays))

    def add(self, values: Array, window: int) -> None:
        """Count in every whole window of values [T]."""
        span = window + len(self.y)
        if len(values) < span:
            return
        windows = np.lib.stride_tricks.sliding_window_view(values, span)  # [N, L + H], a view
        for start in range(0, len(windows), BLOCK):
            block = windows[start : start + BLOCK]
            block = block[np.isfinite(block).all(1)]
            block = block - block[:, window - 1 : window]
            x, y = block[:, :window], block[:, window:]
            self.count += len(block)
            self.x += x.sum(0)
            self.y += y.sum(0)
            self.xx += x.T @ x
            self.xy += x.T @ y
            self.yy += np.square(y).sum(0)

    def solve(self, penalties: Sequence[float]) -> Iterator[tuple[Array, Array]]:
        """Yield W [L, H] and b [H] for each penalty."""
        mean_x, mean_y = self.x / self.count, self.y / self.count
        spread, axes = np.linalg.eigh(self.xx - self.count * np.outer(mean_x, mean_x))
        spread = spread.clip(min=0)
        products = axes.T @ (self.xy - self.count * np.outer(mean_x, mean_y))
        unit = spread.mean() or 1.0  # a series that never changes has no spread
        for penalty in penalties:
            weights = axes @ (products / (spread + penalty * unit)[:, None])
            yield weights, mean_y - mean_x @ weights

    def squared_error(self, weights: Array, intercept: Array) -> float:
        """Return the sum of squares that a solution leaves of these windows."""
        fitted = (weights * (self.xx @ weights)).sum(0) + 2 * intercept * (self.x @ weights) + self.count * intercept**2
        return float((self.yy - 2 * ((weights * self.xy).sum(0) + intercept * self.y) + fitted).sum())


def _last_known(values: Array) -> Array:
    """Return the last value along axis -2 that is not NaN, else NaN: [..., N, M] -> [..., M]."""
    known = np.isfinite(values)
    behind = np.argmax(known[..., ::-1, :], -2)[..., None, :]
    return np.take_along_axis(values, values.shape[-2] - 1 - behind, -2)[..., 0, :]
