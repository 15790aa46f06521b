"""How good forecasts were, overall and at each step of the horizon; where the truth is missing nothing is counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unspool.errors import ShapeError

Array = NDArray[np.float64]

_SAME: Final = 1e-9  # levels that differ by less are one


class Scores(NamedTuple):
    """Each measure by name: one number, and a list of H, one for each step."""

    overall: dict[str, float]
    by_step: dict[str, list[float]]


class Interval(NamedTuple):
    """A central interval: the places of its two levels, and the probability between them."""

    lower: int
    upper: int
    probability: float


def measure(
    truth: Array,
    forecast: Array,
    quantiles: Array | None = None,
    levels: Sequence[float] = (),
    naive_error: ArrayLike | None = None,
) -> Scores:
    """Return mse, mae; with `naive_error` mase; with quantiles crps, and for each central interval coverage and width.

    `coverage_80` is the share of truths that the central interval of probability 0.8 holds, `width_80` its mean width.
    A truth that is NaN is left out; a forecast that is NaN is not, so the measure is NaN.

    Shapes: truth and forecast [N, H, ...], quantiles [N, H, ..., K] for K rising levels, naive_error a number for all
    or [N, H, ...] broadcast (see `naive_error`).
    """
    if forecast.shape != truth.shape or (quantiles is not None and quantiles.shape != (*truth.shape, len(levels))):
        shapes = [list(array.shape) for array in (truth, forecast, quantiles) if array is not None]
        raise ShapeError(
            f"truth and forecast must be [N, H, ...] alike and quantiles have {len(levels)} levels behind, "
            f"got {', '.join(map(str, shapes))}; give one forecast for each truth"
        )
    errors = {"mse": np.square(forecast - truth), "mae": np.abs(forecast - truth)}
    if naive_error is not None:
        errors["mase"] = errors["mae"] / naive_error
    if quantiles is not None:
        errors["crps"] = crps(truth, quantiles, levels)
        for interval in intervals(levels):
            low, high = quantiles[..., interval.lower], quantiles[..., interval.upper]
            percent = f"{100 * interval.probability:.4g}"
            errors[f"coverage_{percent}"] = ((low <= truth) & (truth <= high)).astype(np.float64)
            errors[f"width_{percent}"] = high - low
    known = np.isfinite(truth)
    steps = [(slice(None), step) for step in range(truth.shape[1])]
    return Scores(
        {name: _mean(error[known]) for name, error in errors.items()},
        {name: [_mean(error[step][known[step]]) for step in steps] for name, error in errors.items()},
    )


def pinball(truth: Array, quantiles: Array, levels: Sequence[float]) -> Array:
    r"""Return :math:`\max(p (y - q), (p - 1)(y - q))`, [..., K]: the loss that the quantile of level p minimises.

    Source: Koenker and Bassett 1978, Regression quantiles.
    """
    away, p = truth[..., None] - quantiles, np.asarray(levels)
    return np.maximum(p * away, (p - 1) * away)


def crps(truth: Array, quantiles: Array, levels: Sequence[float]) -> Array:
    r"""Return the continuous ranked probability score, [...], as far as K quantiles tell it.

    .. math:: CRPS = 2 \int_0^1 pinball_p \, dp \approx 2 \sum_k w_k \, pinball_{p_k}

    with w the widths of the cells around the levels, from middle to middle, the outermost reaching to 0 and 1. Of a
    forecast without any spread it is the absolute error, if the levels lie alike on both sides of 0.5.

    Source: Laio and Tamea 2007, Verification tools for probabilistic forecasts, equation 8.
    """
    p = np.asarray(levels)
    widths = np.diff([0.0, *((p[1:] + p[:-1]) / 2), 1.0])
    return np.asarray(2 * pinball(truth, quantiles, levels) @ widths)


def intervals(levels: Sequence[float]) -> list[Interval]:
    """Return the central intervals that pairs of levels p and 1 - p make, the widest first."""
    pairs = ((low, high) for low in range(len(levels)) for high in range(low + 1, len(levels)))
    return [
        Interval(low, high, round(levels[high] - levels[low], 9))
        for low, high in pairs
        if abs(levels[low] + levels[high] - 1) < _SAME
    ]


def naive_error(training: Array, season: int = 1) -> float:
    r"""Return the mean of :math:`|y_t - y_{t-m}|` over a training series [T], m = season: the unit of mase.

    Source: Hyndman and Koehler 2006, Another look at measures of forecast accuracy, section 3.
    """
    changes = np.abs(training[season:] - training[:-season])
    return _mean(changes[np.isfinite(changes)])


def _mean(numbers: Array) -> float:
    return float(numbers.mean()) if numbers.size else float("nan")
