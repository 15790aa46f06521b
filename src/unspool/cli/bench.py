"""`unspool bench`: how fast this machine trains and writes, beside what its matrix product can do."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from unspool.cli.settings import Flat, Machine
from unspool.cli.streams import print_json
from unspool.errors import SpecError

if TYPE_CHECKING:
    from unspool.cli.timings import Case


def bench(
    *,
    json: bool = False,
    seconds: float = 10.0,
    machine: Annotated[Machine, Flat] = Machine(),  # noqa: B008 (frozen)
) -> None:
    """Time training steps and generation on this machine.

    A training step is the forward and backward pass of a character model of two layers, by the loop and by torch's
    fused kernel. Everything is repeated in turn until the time is up; medians are shown.

    Parameters
    ----------
    json
        Print one JSON object.
    seconds
        How long to measure, all in all; what would end later is left out.
    """
    import torch

    from unspool.cli.timings import cases, measure
    from unspool.engine.dispatch import kernels
    from unspool.tasks.load import choose_device

    if not 0 < seconds < 1e6:
        raise SpecError(f"--seconds must be above 0 and finite, got {seconds:g}")
    machine.apply()
    device = choose_device(machine.device)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    found = cases(device)
    began = time.perf_counter()
    with kernels(True):  # the comparison is with them, whatever the environment says
        measure(found, began + seconds, device)
    peak = _peak(found)
    report: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else device.type,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "load": load,
        "torch": torch.__version__,
        "matmul_gflops": peak,
        "training": [_training(case, peak) for case in found if case.kind == "training"],
        "generation": [_generation(case) for case in found if case.kind == "generation"],
        "seconds": round(time.perf_counter() - began, 3),
    }
    if json:
        print_json(report)
    else:
        _print(report)


def _peak(found: Sequence[Case]) -> float | None:
    """The best repeat of the matrix product: a peak is what the machine can do when nothing disturbs it."""
    product = next(case for case in found if case.kind == "product")
    return product.operations / min(product.seconds) / 1e9 if product.seconds else None


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
        "share_of_matmul": None if gflops is None or peak is None else gflops / peak,
        "repeats": len(case.seconds),
    }


def _generation(case: Case) -> dict[str, Any]:
    median = case.median
    return {
        "cell": case.cell,
        "kernel": case.kernel,
        "hidden_size": case.size.hidden,
        "steps_per_second": None if median is None else case.items / median,
        "repeats": len(case.seconds),
    }


def _print(report: dict[str, Any]) -> None:
    print(f"{report['device']} ({report['instructions']}), {report['threads']} threads, torch {report['torch']}")
    if report["load"] is not None:
        print(f"load before the measurement: {report['load']:.1f} (other programs slow all of this down)")
    print(f"float32 matrix product, best of all: {_shown(report['matmul_gflops'], ',.1f')} GFLOP/s")
    print("\ntraining step of two layers, forward and backward; GFLOP/s of its matrix products; medians")
    heads = ("cell", "H", "B", "T", "kernel", "ms", "characters/s", "GFLOP/s", "of product", "repeats")
    print(_row(heads))
    for row in report["training"]:
        numbers = (
            _shown(row["milliseconds"], ".1f"),
            _shown(row["characters_per_second"], ",.0f"),
            _shown(row["gflops"], ",.1f"),
            _shown(row["share_of_matmul"], ".0%"),
        )
        size = (row["hidden_size"], row["batch_size"], row["window"])
        print(_row((row["cell"], *size, row["kernel"], *numbers, row["repeats"])))
    print("\ngeneration by the loop, one text, two layers; medians")
    for row in report["generation"]:
        speed = _shown(row["steps_per_second"], ",.0f")
        print(f"{row['cell']:<5}H={row['hidden_size']:<6}{speed:>8} steps/s{row['repeats']:>6} repeats")
    if any(not row["repeats"] for row in (*report["training"], *report["generation"])):
        print("\n-: no time was left; give more --seconds")


def _row(cells: Sequence[object]) -> str:
    widths = (5, 5, 4, 4, 7, 9, 14, 9, 11, 8)
    left = (0, 4)
    return "".join(
        f"{cell!s:<{width}}" if place in left else f"{cell!s:>{width - 1}} "
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ).rstrip()


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"
