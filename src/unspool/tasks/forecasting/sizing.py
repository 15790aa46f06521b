"""The choices of a forecaster that a person need not make: season, horizon, context, size, number of updates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.data.steps import Step, nominal
from unspool.errors import DataError
from unspool.tasks.forecasting.options import ForecasterOptions
from unspool.tasks.forecasting.season import season_length

YEAR = np.timedelta64(300, "D")  # or a little more
LONG = 336  # steps of context for short seasons: two weeks of hours
APART = 1600  # windows side by side from which on the learning rate is the full one
PLAIN_CONTEXT, PLAIN_HORIZON = 48, 12  # without any season


class Span(NamedTuple):
    """How far a forecast looks back and ahead, in steps."""

    season: int
    horizon: int
    context: int


class ForecasterSizing(NamedTuple):
    """What `forecaster_sizing` proposes."""

    hidden_size: int
    layers: int
    dropout: float
    learning_rate: float
    batch_size: int
    steps: int


def span_of(
    options: ForecasterOptions, step: Step, series: Sequence[NDArray[np.float64]], most: int | None = None
) -> Span:
    """Choose season, horizon and context from the step and the training series [T], NaN where a value is missing.

    A horizon that is chosen here has `most` steps, as many as are held out.

    Raises:
        DataError: no series is long enough for one forecast and something to forecast it from.
    """
    rows = max(map(len, series))
    season = options.season or season_length(series, step)
    wanted = min(season if season > 1 else PLAIN_HORIZON, rows // 4, most or rows)
    horizon = options.horizon or max(1, wanted)
    if rows < horizon + 2:
        raise DataError(
            f"to learn forecasts of {horizon} steps, a series must have {horizon + 2} rows before those held out, the "
            f"longest has {rows}; choose a smaller --horizon, or give more data"
        )
    yearly = not isinstance(step, float) and season * nominal(step) > YEAR
    wanted = 2 * season if yearly else max(2 * season, min(14 * season, LONG), PLAIN_CONTEXT)
    context = options.context or max(2, min(wanted, max(2 * rows // 3 - horizon, horizon // 2)))
    return Span(season, horizon, min(context, rows - horizon))


def forecaster_sizing(windows: int, horizon: int) -> ForecasterSizing:
    """Propose a network and a budget for so many training windows.

    Windows overlap, so there is far less to learn from than their number says: small networks, much dropout, few
    passes, and steps that are smaller the fewer windows lie side by side. The regression that they start from has done
    most of the work.
    """
    hidden = 32 if windows < 50_000 else 64 if windows < 500_000 else 128
    batch_size = max(4, min(64, windows // 8))
    learning_rate = 2e-3 * min(1.0, max(0.25, windows / horizon / APART))  # ETTh1: more follows noise
    steps = max(300, min(3000, 4 * windows // batch_size))
    return ForecasterSizing(hidden, 1, 0.3, round(learning_rate, 5), batch_size, steps)
