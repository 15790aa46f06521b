"""Flags that several verbs share, and what they do before a verb begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from cyclopts import Parameter, Token, convert

from unspool.errors import SpecError


def exact(kind: Any, tokens: Sequence[Token]) -> Any:
    """Return the value of a flag, whose type is `kind`, as cyclopts does, which alone would round 1.5 to 2."""
    kinds = get_args(kind) or (kind,)
    if int in kinds and float not in kinds and len(tokens) == 1:
        try:
            return int(tokens[0].value)
        except ValueError:
            if str not in kinds:
                raise SpecError(f"{tokens[0].keyword} must be a whole number, got {tokens[0].value}") from None
    return convert(kind, tokens)


@dataclass(frozen=True)
class Machine:
    """Where to compute."""

    device: str = "auto"
    """auto, cpu, cuda or mps."""
    threads: int | None = None
    """CPU threads; all cores otherwise."""

    def apply(self) -> None:
        """Set the number of threads."""
        if self.threads is None:
            return
        if self.threads < 1:
            raise SpecError(f"--threads must be at least 1, got {self.threads}")
        import torch

        torch.set_num_threads(self.threads)


@dataclass(frozen=True)
class TrainSettings:
    """Flags of a training that are not options of its task."""

    out: str | None = None
    """Folder of the run; the next free one of runs/TASK-1, runs/TASK-2, ... otherwise."""
    from_: Annotated[str | None, Parameter(name="--from")] = None
    """Run or model file to start from."""
    minutes: float | None = None
    """Train so long; counts the whole command."""
    epochs: float | None = None
    """Train so many passes over the data."""
    steps: int | None = None
    """Train so many updates."""
    seeds: int | None = None
    """Train so many networks, from --seed on, each with the whole budget, and tell mean and range."""
    baseline: bool = True
    """Measure the simple baseline too."""
    quiet: bool = False
    """Show no progress."""
    json: bool = False
    """Print one JSON object at the end."""
    force: bool = False
    """Overwrite the run that is there."""


Flat = Parameter(name="*")
