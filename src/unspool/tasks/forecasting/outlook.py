"""What a forecast says in units of the data: its mean, quantiles, and how wide they must be to cover what they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.heads import Univariate
from unspool.heads.quantile import LEVELS
from unspool.nets.forecast import Forecast

Numbers = NDArray[np.float64]
NEAR: Final = 1.5  # steps up to so many times as far ahead are stretched by what they miss in common
ENOUGH: Final = 256  # values that a stretching is read off: fewer say little of an outer quantile
KNOTS: Final = 24  # steps that a stretching is worked out at; those between lie on straight lines
LIMITS: Final = (0.2, 5.0)  # of a stretching
ROUNDING: Final = 9  # digits


class Outlook(NamedTuple):
    """B forecasts of C values over H steps."""

    levels: Numbers  # [Q], rising, with 0.5 among them
    mean: Numbers  # [B, H, C]
    quantiles: Numbers  # [B, H, C, Q]

    def at(self, level: float) -> Numbers:
        """Return the quantiles [B, H, C] of one of the levels."""
        return self.quantiles[..., int(np.argmin(np.abs(self.levels - level)))]

    def widened(self, factor: Numbers | float, counts: bool) -> Self:
        """Return the same with every quantile so many times as far from the median.

        `factor` is a number for all, or one for each step, [H] or [B, H], of which a shorter forecast takes the first.
        Quantiles of counts stay counts: they are rounded away from the median, and lie at 0 or above.
        """
        steps = self.quantiles.shape[1]
        factors = np.asarray(factor, np.float64)
        factors = factors[..., :steps, None, None] if factors.ndim else factors
        median = self.at(0.5)[..., None]
        moved = median + factors * (self.quantiles - median)
        if counts:
            near = moved.round(ROUNDING)  # 3.0000000001 is 3
            moved = np.maximum(np.where(near < median, np.floor(near), np.ceil(near)), 0.0)
        return self._replace(quantiles=moved)


def ends(interval: float) -> tuple[float, float]:
    """Return the levels between which a central interval of that share lies."""
    return round((1 - interval) / 2, 6), round((1 + interval) / 2, 6)


def levels_of(interval: float) -> Numbers:
    """Return the levels that are told: those of the quantile head, and the ends of an interval of that share."""
    return np.unique([*LEVELS, *ends(interval)])


def outlook(
    head: Univariate, forecast: Forecast, location: Numbers, scale: Numbers, levels: Sequence[float] | Numbers
) -> Outlook:
    """Return a forecast [H, B, C] in units of the data; location and scale [B, C] are those of the windows."""

    def placed(values: Tensor) -> Numbers:
        numbers: Numbers = values.detach().cpu().double().transpose(0, 1).numpy()  # [B, H, C]
        return numbers if head.discrete else location[:, None] + scale[:, None] * numbers

    with torch.no_grad():
        mean = placed(head.mean(*forecast))
        quantiles = [placed(head.quantile(forecast.raw, float(level), *forecast[1:])) for level in levels]
    return Outlook(np.asarray(levels, np.float64), mean, np.stack(quantiles, -1))


def joined(parts: Sequence[Outlook]) -> Outlook:
    """Return the forecasts of several batches as one."""
    means, quantiles = [part.mean for part in parts], [part.quantiles for part in parts]
    return Outlook(parts[0].levels, np.concatenate(means), np.concatenate(quantiles))


def widening(forecasts: Outlook, truth: Numbers, interval: float) -> Numbers:
    r"""Return the factors [H] by which intervals must be stretched about the median to cover their share of `truth`.

    .. math:: f_h = Q_{share}\left( \max\left(\frac{y - m}{u - m}, \frac{m - y}{m - l}\right) \right)

    with median m and the interval's ends l and u, over the truths [B, H, C] of step h and those near it that are not
    NaN: of the steps from h / 1.5 to 1.5 h, and of more where those are fewer than 256 values. It is split conformal
    prediction with the error in units of the interval: Romano et al. 2019, Conformalized quantile regression, scaled
    where theirs shifts. Forecasts of neighbouring windows err alike, so it is a measured correction, no guarantee.
    """
    median, lower, upper = (forecasts.at(level) for level in (0.5, *ends(interval)))
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.where(truth >= median, (truth - median) / (upper - median), (median - truth) / (median - lower))
    steps = np.arange(1, truth.shape[1] + 1)
    knots = np.unique(np.geomspace(1, len(steps), KNOTS).round().astype(np.int64))
    return np.interp(steps, knots, [_stretching(far, int(step), interval) for step in knots])


def _stretching(far: Numbers, step: int, interval: float) -> float:
    """The factor of one step, counted from 1."""
    count, near = far.shape[1], NEAR
    while True:
        first, last = max(1, int(np.ceil(step / near))), min(count, int(step * near))
        found = far[:, first - 1 : last]
        found = found[np.isfinite(found)]
        if found.size >= ENOUGH or (first, last) == (1, count):
            return float(np.clip(np.quantile(found, interval), *LIMITS)) if found.size else 1.0
        near *= NEAR


def crossed(
    forecasts: Outlook, truth: Numbers, interval: float, origins: NDArray[Any], lasts: NDArray[Any]
) -> Numbers | None:
    """Return factors [B, H] of which none has seen what it is judged by; None where the forecasts span too little.

    The forecasts are halved at the median of their origins [B]; each half gets the factors of the other, fitted to
    those whose values, up to the times `lasts` [B], all lie before it or all behind it.
    """
    cut = np.sort(origins)[len(origins) // 2]
    early = origins < cut
    if not early.any():
        return None
    fits = (early & (lasts < cut), origins > lasts[early].max())
    if not all((np.isfinite(truth[fit])).any() for fit in fits):
        return None
    before, behind = (
        widening(Outlook(forecasts.levels, forecasts.mean[fit], forecasts.quantiles[fit]), truth[fit], interval)
        for fit in fits
    )
    return np.where(early[:, None], behind, before)


def answer_of(forecast: Outlook, row: int, names: Sequence[str], interval: float) -> dict[str, Any]:
    """Return one forecast as JSON has it: lists over time, of each column where there are several."""

    low, high = ends(interval)

    def told(values: Numbers) -> Any:
        lists = {name: values[:, place].tolist() for place, name in enumerate(names)}
        return lists if len(names) > 1 else lists[names[0]]

    return {
        "mean": told(forecast.mean[row]),
        "lower": told(forecast.at(low)[row]),
        "upper": told(forecast.at(high)[row]),
        "quantiles": {
            f"{level:g}": told(forecast.quantiles[row, ..., place]) for place, level in enumerate(forecast.levels)
        },
    }
