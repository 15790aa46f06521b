"""Small series and small forecasters."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from unspool.tasks.forecasting.forecaster import Forecaster
from unspool.tasks.forecasting.options import ForecasterOptions
from unspool.training.options import Budget

FORECASTER: dict[str, Any] = {
    "hidden_size": 6,
    "layers": 1,
    "dropout": 0.0,
    "batch_size": 8,
    "horizon": 4,
    "context": 16,
}


def hourly(rows: int = 200, seed: int = 0, start: str = "2024-01-01") -> pd.DataFrame:
    """A day's wave with noise, what helps to know it, and what is known ahead."""
    source = np.random.default_rng(seed)
    steps = np.arange(rows)
    hint = source.integers(0, 2, rows).astype(float)
    load = 10 + 3 * np.sin(2 * np.pi * steps / 24) + 2 * hint + 0.3 * source.standard_normal(rows)
    times = pd.date_range(start, periods=rows, freq="h")
    return pd.DataFrame({"time": times, "load": load, "hint": hint, "other": np.roll(load, 1)})


def forecaster(data: Any = None, **options: Any) -> Forecaster:
    """A forecaster that has learned nothing yet."""
    chosen = ForecasterOptions(**{**FORECASTER, **options})
    given = hourly()[["time", "load"]] if data is None else data
    task = Forecaster.prepare(chosen, given, Budget("steps", 30))
    task.model = task.build()  # type: ignore[assignment]
    return task


@cache
def shaken(**options: Any) -> Forecaster:
    """One whose output says something."""
    import torch

    task = forecaster(**options)
    with torch.no_grad():
        task.model.output.weight.normal_(std=0.5, generator=torch.Generator().manual_seed(1))
    return task
