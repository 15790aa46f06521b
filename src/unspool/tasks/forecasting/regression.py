"""The linear forecast that a network starts from, and is judged beside."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.tasks.forecasting.baselines import Ridge
from unspool.tasks.forecasting.windows import Panel, Scaling, gather

SAMPLED = 2000  # windows that the error is measured on
LEAST = 1e-3  # error on the scaled axis


@dataclass(frozen=True, eq=False)
class Start:
    """What `ForecastNet.start` takes."""

    ridge: Tensor  # [C, H, L]
    error: Tensor  # [H, C]


def regression(panel: Panel, origins: NDArray[np.int64], context: int, horizon: int, scaling: Scaling) -> Start:
    """Fit a ridge regression for each of C values on the training part, and measure its error in scaled windows.

    Every series goes in with its mirror image, so that there is no intercept, and divided by its deviation, so that
    large ones count no more than small ones: the regression commutes with any scaling and shift of a window.
    """
    columns = [_columns(panel, place) for place in range(panel.values.shape[1])]
    fits = [Ridge.fit([sign * part for part in column for sign in (1, -1)], context, horizon) for column in columns]
    coefficients = torch.from_numpy(np.stack([fit.coefficients for fit in fits])).float()  # [C, H, L]
    index = origins[np.unique(np.linspace(0, len(origins) - 1, SAMPLED).round().astype(np.int64))]
    windows = gather(panel, index, context, horizon, replace(scaling, counts=False))
    values = windows.past[..., : len(fits)]  # [L, B, C]
    away = windows.target - values[-1] - torch.einsum("chl,lbc->hbc", coefficients, values - values[-1])
    count = windows.observed.sum(1).clamp(min=1)  # [H, C]
    error = (torch.where(windows.observed, away, 0.0).square().sum(1) / count).sqrt()
    return Start(coefficients, error.clamp(min=LEAST))


def _columns(panel: Panel, place: int) -> list[NDArray[np.float64]]:
    """One value of each series, filled where it is missing, in units of its deviation."""
    parts = [panel.values[rows, place] for rows in panel.series]
    deviations = [np.nanstd(part) if np.isfinite(part).any() else 0.0 for part in parts]
    return [part / (deviation or 1.0) for part, deviation in zip(parts, deviations, strict=True)]
