"""`train --seeds N`: the same training from N seeds, and how far apart the results lie."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from unspool.cli import clock
from unspool.cli.streams import print_json, remark
from unspool.errors import SpecError

Summary = dict[str, Any]
OF_THE_MACHINE = ("seconds", "tokens_per_second")


def train_seeds(
    count: int,
    first: int,
    data: Sequence[str],
    out: str | None,
    train: Callable[[int, str | None, Callable[[Summary], None]], int],
) -> list[Summary] | int:
    """Train from seeds first, first + 1, ..., each in a folder of its own and with the whole budget.

    `train` takes a seed, the folder of its run, and what to give the summary to; it returns an exit status. Returns the
    summaries, or the status of the training that a signal ended.
    """
    if count < 2:
        raise SpecError(f"--seeds must be at least 2, got {count}; use --seed for one")
    if "-" in data:
        raise SpecError("--seeds reads the data once for each network, but standard input comes once; give a file")
    found: list[Summary] = []
    for number in range(count):
        if number:
            clock.start()
        seed = first + number
        if status := train(seed, None if out is None else str(Path(out) / f"seed-{seed}"), found.append):
            return status
    return found


def spread(summaries: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return mean, min and max of each number that all summaries of trained networks measure."""
    names = [name for name, value in summaries[0].items() if isinstance(value, float) and name not in OF_THE_MACHINE]
    found = {}
    for name in names:
        values = [summary[name] for summary in summaries if isinstance(summary.get(name), float)]
        if len(values) == len(summaries):
            found[name] = {"mean": statistics.fmean(values), "min": min(values), "max": max(values)}
    return found


def report(summaries: Sequence[Summary], *, quiet: bool, json: bool) -> None:
    """Tell mean and range of what was measured."""
    numbers = spread(summaries)
    if json:
        print_json({"task": summaries[0]["task"], **numbers, "runs": list(summaries)})
    remark(f"mean and range of {len(summaries)} seeds", quiet=quiet)
    for name, value in numbers.items():
        remark(f"{name:<20}  {value['mean']:.4f}  ({value['min']:.4f} to {value['max']:.4f})", quiet=quiet)
