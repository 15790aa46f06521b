"""`train --seeds N`: the same training from N seeds, and how far apart the results lie."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from unspool.cli import clock
from unspool.cli.streams import json_text, print_json, print_table, remark, write_output
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
    if out is not None:
        write_output(str(Path(out) / "seeds.json"), json_text(gathered(found)))
    return found


def spread(summaries: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return mean, min and max of each number that all summaries of trained networks measure.

    Baselines stand among them as `baseline, NAME`: the held-out part is another for each seed, and so are they.
    """
    summaries = [{**one, **_baselines(one)} for one in summaries]
    names = [name for name, value in summaries[0].items() if isinstance(value, float) and name not in OF_THE_MACHINE]
    found = {}
    for name in names:
        values = [summary[name] for summary in summaries if isinstance(summary.get(name), float)]
        if len(values) == len(summaries):
            found[name] = {"mean": statistics.fmean(values), "min": min(values), "max": max(values)}
    return found


def _baselines(summary: Mapping[str, Any]) -> dict[str, float]:
    return {f"baseline, {name}": value for name, value in (summary.get("baseline") or {}).items()}


def gathered(summaries: Sequence[Summary]) -> Summary:
    """Return what `--json` prints, and what is kept in seeds.json beside the runs."""
    return {"task": summaries[0]["task"], **spread(summaries), "runs": list(summaries)}


def report(summaries: Sequence[Summary], *, quiet: bool, json: bool) -> None:
    """Tell mean and range of what was measured: as JSON or as a table, either of them the result of the command."""
    if json:
        print_json(gathered(summaries))
        return
    remark(f"mean and range of {len(summaries)} seeds, {_drawn(summaries)}", quiet=quiet)
    print_table({
        name: f"{value['mean']:.4f}  ({value['min']:.4f} to {value['max']:.4f})"
        for name, value in spread(summaries).items()
    })  # fmt: skip


def _drawn(summaries: Sequence[Mapping[str, Any]]) -> str:
    """Say whether all networks were measured on the same."""
    same = len({str(summary.get("split")) for summary in summaries}) == 1
    return "all measured on the same part" if same else "the held-out part drawn anew by each"
