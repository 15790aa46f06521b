"""What a training says while it runs; the command line, the log, notebooks and the studio read these."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Event:
    """Something that happened after update `step`, `seconds` into the training."""

    step: int
    seconds: float


@dataclass(frozen=True)
class Started(Event):
    """The training begins or goes on at `step`; `total` is its number of updates, None where minutes decide."""

    total: int | None
    parameters: int
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress(Event):
    """One update was made; `loss` is the smoothed training loss per item, `remaining` an estimate in seconds."""

    epoch: int
    fraction: float
    loss: float
    learning_rate: float
    items_per_second: float
    remaining: float


@dataclass(frozen=True)
class Validated(Event):
    """The held-out data was read once."""

    metrics: dict[str, Any]
    best: bool


@dataclass(frozen=True)
class Sampled(Event):
    """A short sample of what the network makes now."""

    text: str


@dataclass(frozen=True)
class Saved(Event):
    """A file was written."""

    path: Path


@dataclass(frozen=True)
class RolledBack(Event):
    """The training diverged; it went back to update `step` and goes on with smaller steps."""

    failed_step: int
    scale: float
    reason: str


@dataclass(frozen=True)
class Finished(Event):
    """The training is over: "budget", "patience" or "interrupted"."""

    reason: str
    metrics: dict[str, Any]
    advice: list[str] = field(default_factory=list)  # what the run suggests to try next, a line each
