"""Options of the forecaster. Free of torch: the command line reads its flags from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from unspool.spec import Between
from unspool.training.options import TrainingOptions


@dataclass(frozen=True)
class ForecasterOptions(TrainingOptions):
    """Options of a forecaster of one or many time series."""

    time: str | None = None
    """Column of the stamps; guessed otherwise."""
    zone: str | None = None
    """Time zone of the stamps, such as Europe/Berlin, whose clocks say day and week; as they are written otherwise."""
    target: str | None = None
    """Columns to forecast, separated by commas; every column of numbers that has no other use otherwise."""
    known: str | None = None
    """Columns that are known ahead of time too, such as holidays and prices, separated by commas."""
    covariates: str | None = None
    """Columns that help but are known of the past only, separated by commas."""
    key: str | None = None
    """Column that tells many series apart; one network learns all of them."""
    before: str | None = None
    """Train on what lies before this time only."""
    horizon: Annotated[int | None, Between(1, 100_000)] = None
    """Steps to forecast."""
    context: Annotated[int | None, Between(2, 100_000)] = None
    """Steps that a forecast looks back on."""
    season: Annotated[int | None, Between(1, 100_000)] = None
    """Steps after which the series is alike, such as 24 of hours."""
    step: str | None = None
    """Uniform step between rows, such as 15min, 1h, 7D or 1M; the usual one in the data otherwise."""
    interpolation: Literal["previous", "linear"] | None = None
    """How gaps are filled: linear, or by the value before where stamps lie off the step; splines would look ahead."""
    max_gap: str | None = None
    """Longest gap that is filled, such as 1D; all otherwise. What is filled is marked, and is no target."""
    distribution: Literal["normal", "student", "negative-binomial", "quantiles"] = "normal"
    """What a forecast is: normal, heavy-tailed, of counts, or quantiles of any shape."""
    scaling: Literal["window", "series"] = "window"
    """Scale by what a forecast looks back on, or by all training data; only the second can answer streams."""
    interval: Annotated[float, Between(0.01, 0.99)] = 0.8
    """Share of the values that the printed interval is to cover."""
