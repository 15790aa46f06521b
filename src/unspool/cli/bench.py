"""`unspool bench`: how fast this machine trains and writes, beside what it can do at most."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from unspool.cli.settings import Flat, Machine
from unspool.cli.streams import print_json
from unspool.errors import SpecError

if TYPE_CHECKING:
    from unspool.cli.timings import Case, Limits


class Column(NamedTuple):
    """A column of a table: its title and width, the row's key, and the form of its numbers; words stand left."""

    title: str
    width: int
    key: str
    form: str = ""

    def place(self, value: object) -> str:
        """The value in the column's width."""
        left = self.key in ("cell", "kernel")
        return f"{value!s:<{self.width}}" if left else f"{value!s:>{self.width - 1}} "


CELL, HIDDEN, KERNEL = Column("cell", 5, "cell"), Column("H", 5, "hidden_size"), Column("kernel", 12, "kernel")
REPEATS = Column("repeats", 8, "repeats")
TRAINING = (
    *(CELL, HIDDEN, Column("B", 4, "batch_size"), Column("T", 4, "window"), KERNEL),
    *(Column("ms", 9, "milliseconds", ".1f"), Column("characters/s", 14, "characters_per_second", ",.0f")),
    *(Column("GFLOP/s", 9, "gflops", ",.1f"), Column("of peak", 9, "share_of_peak", ".0%"), REPEATS),
)
GENERATION = (
    *(CELL, HIDDEN, KERNEL, Column("steps/s", 10, "steps_per_second", ",.0f")),
    *(Column("GB/s", 8, "gbytes_per_second", ",.1f"), Column("of bandwidth", 14, "share_of_bandwidth", ".0%"), REPEATS),
)


def bench(
    *,
    json: bool = False,
    seconds: float = 10.0,
    machine: Annotated[Machine, Flat] = Machine(),  # noqa: B008 (frozen)
) -> None:
    """Time training steps and generation on this machine.

    A training step is the forward and backward pass of a character model of two layers, by the loop, by torch.nn and
    by unspool's native kernels; generation is by the loop and by the native generator. Everything is repeated in turn
    until the time is up; medians are shown.

    Parameters
    ----------
    json
        Print one JSON object.
    seconds
        How long to measure, all in all; what would end later is left out.
    """
    import torch

    from unspool.cli.timings import Limits, limits, measure
    from unspool.cli.workloads import cases
    from unspool.engine.dispatch import kernels
    from unspool.engine.library import isa, library
    from unspool.tasks.load import choose_device

    if not 0 < seconds < 1e6:
        raise SpecError(f"--seconds must be above 0 and finite, got {seconds:g}")
    machine.apply()
    device = choose_device(machine.device)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    found = cases(device)
    began = time.perf_counter()
    with kernels(True):  # the comparison is with them, whatever the environment says
        reached = limits(_weights(found), began + seconds) if device.type == "cpu" else Limits(None, {})
        measure(found, began + seconds, device, reached.operations)
    peak, peak_by = _peak(found, reached)
    report: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else device.type,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "native": None if library() is None else isa(),
        "threads": torch.get_num_threads(),
        "load": load,
        "torch": torch.__version__,
        "peak_gflops": peak,
        "peak_by": peak_by,
        "bandwidth": [
            {"hidden_size": hidden, "megabytes": size / 1e6, "gbytes_per_second": reached.bandwidth[hidden] / 1e9}
            for hidden, size in _weights(found).items()
            if hidden in reached.bandwidth
        ],
        "training": [_training(case, peak) for case in found if case.kind == "training"],
        "generation": [_generation(case, reached) for case in found if case.kind == "generation"],
        "seconds": round(time.perf_counter() - began, 3),
    }
    if json:
        print_json(report)
    else:
        _print(report)


def _weights(found: Sequence[Case]) -> dict[int, int]:
    """Units a layer -> bytes of the LSTM's float32 weights."""
    lstm = [case for case in found if (case.cell, case.kernel) == ("lstm", "native f32")]
    return {case.size.hidden: case.weights for case in lstm if case.weights}


def _peak(found: Sequence[Case], reached: Limits) -> tuple[float | None, str]:
    """GFLOP/s of the machine, and what they are of."""
    for case in found:
        if case.kind == "product":  # its best repeat: a peak is what is reached when nothing disturbs
            return (case.operations / min(case.seconds) / 1e9 if case.seconds else None), "matrix product"
    return (None if reached.operations is None else reached.operations / 1e9), "multiply-add instructions"


def _training(case: Case, peak: float | None) -> dict[str, Any]:
    median = case.median
    gflops = None if median is None else case.operations / median / 1e9
    return {
        "cell": case.cell,
        "kernel": case.kernel,
        "hidden_size": case.size.hidden,
        "batch_size": case.size.batch,
        "window": case.size.steps,
        "milliseconds": None if median is None else 1e3 * median,
        "characters_per_second": None if median is None else case.items / median,
        "gflops": gflops,
        "share_of_peak": None if gflops is None or peak is None else gflops / peak,
        "repeats": len(case.seconds),
        "missing": case.missing or None,
    }


def _generation(case: Case, reached: Limits) -> dict[str, Any]:
    median = case.median
    speed = None if median is None else case.items / median
    bytes_per_second = None if speed is None or not case.weights else case.weights * speed
    limit = reached.bandwidth.get(case.size.hidden)
    return {
        "cell": case.cell,
        "kernel": case.kernel,
        "hidden_size": case.size.hidden,
        "steps_per_second": speed,
        "gbytes_per_second": None if bytes_per_second is None else bytes_per_second / 1e9,
        "share_of_bandwidth": None if bytes_per_second is None or limit is None else bytes_per_second / limit,
        "repeats": len(case.seconds),
        "missing": case.missing or None,
    }


def _print(report: dict[str, Any]) -> None:
    print(f"{report['device']} ({report['instructions']}), {report['threads']} threads, torch {report['torch']}")
    print(f"native engine: {report['native'] or 'not built'}")
    if report["load"] is not None:
        print(f"load before the measurement: {report['load']:.1f} (other programs slow all of this down)")
    print(f"float32 peak, by {report['peak_by']}: {_shown(report['peak_gflops'], ',.1f')} GFLOP/s")
    for limit in report["bandwidth"]:
        size, speed = limit["megabytes"], limit["gbytes_per_second"]
        print(f"reading {size:.1f} MB again and again, an LSTM's with H={limit['hidden_size']}: {speed:,.1f} GB/s")
    print("\ntraining step of two layers, forward and backward; GFLOP/s of its matrix products; medians")
    _print_table(TRAINING, report["training"])
    print("\ngeneration, one text, two layers; GB/s of its weights; medians")
    _print_table(GENERATION, report["generation"])
    if any(not row["repeats"] and not row["missing"] for row in (*report["training"], *report["generation"])):
        print("\n-: no time was left; give more --seconds")


def _print_table(columns: Sequence[Column], rows: Sequence[dict[str, Any]]) -> None:
    """A line for each row; one that is missing says why after the name of the kernel."""
    print("".join(column.place(column.title) for column in columns).rstrip())
    for row in rows:
        line = ""
        for column in columns:
            value = row[column.key]
            if column.form:  # the loop's weights are not counted
                value = "" if value is None and row["repeats"] else _shown(value, column.form)
            line += column.place(value)
            if column.key == "kernel" and row["missing"]:
                line += row["missing"]
                break
        print(line.rstrip())


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"
