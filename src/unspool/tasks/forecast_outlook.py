"""What a forecast says in units of the data: its mean, quantiles, and how wide they must be to cover what they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.heads import Univariate
from unspool.heads.quantile import LEVELS
from unspool.nets.forecast import Forecast

Numbers = NDArray[np.float64]


class Outlook(NamedTuple):
    """B forecasts of C values over H steps."""

    levels: Numbers  # [Q], rising, with 0.5 among them
    mean: Numbers  # [B, H, C]
    quantiles: Numbers  # [B, H, C, Q]

    def at(self, level: float) -> Numbers:
        """Return the quantiles [B, H, C] of one of the levels."""
        return self.quantiles[..., int(np.argmin(np.abs(self.levels - level)))]

    def widened(self, factor: float, counts: bool) -> Self:
        """Return the same with every quantile so many times as far from the median; counts stay at 0 or above."""
        median = self.at(0.5)[..., None]
        moved = median + factor * (self.quantiles - median)
        return self._replace(quantiles=np.maximum(moved, 0.0) if counts else moved)


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


def widening(forecasts: Outlook, truth: Numbers, interval: float) -> float:
    r"""Return the factor by which intervals must be stretched about the median to cover their share of `truth`.

    .. math:: f = Q_{share}\left( \max\left(\frac{y - m}{u - m}, \frac{m - y}{m - l}\right) \right)

    with median m and the interval's ends l and u, over all truths [B, H, C] that are not NaN. It is split conformal
    prediction with the error in units of the interval: Romano et al. 2019, Conformalized quantile regression, scaled
    where theirs shifts. Forecasts of neighbouring windows err alike, so it is a measured correction, no guarantee.
    """
    median, lower, upper = (forecasts.at(level) for level in (0.5, *ends(interval)))
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.where(truth >= median, (truth - median) / (upper - median), (median - truth) / (median - lower))
    far = far[np.isfinite(far)]
    return float(np.clip(np.quantile(far, interval), 0.2, 5.0)) if far.size else 1.0


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
