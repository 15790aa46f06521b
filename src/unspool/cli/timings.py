"""How `unspool bench` measures: cases in turn until the time is up, and what the machine can do at most."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from unspool.engine.library import isa, library

GUESS = 1e10  # operations a second that the matrix product is taken to reach before it has run
PART = 0.25  # of the peak that a training step is taken to reach before one has run


class Size(NamedTuple):
    """Units a layer, sequences side by side, steps of a window."""

    hidden: int
    batch: int
    steps: int


@dataclass
class Case:
    """One thing to time: `work` runs it once, and takes `operations` floating-point operations for `items` symbols."""

    kind: str  # "training", "generation" or "product"
    cell: str
    kernel: str
    size: Size
    operations: float
    items: int
    work: Callable[[int], object]  # takes the number of steps, `size.steps` where it counts
    missing: str = ""  # why it cannot be run here
    weights: int = 0  # bytes of them that a step of generation reads, where that is known
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float | None:
        """Seconds of the middle repeat, None where there was no time for one."""
        return statistics.median(self.seconds) if self.seconds else None


class Limits(NamedTuple):
    """What the processor can do at most, by the native library; empty where that is not built or no time was left."""

    operations: float | None  # a second, float32, in registers
    bandwidth: dict[int, float]  # units a layer -> bytes a second, of as much memory as the weights take


def limits(weights: Mapping[int, int], deadline: float) -> Limits:
    """Measure the limits of the processor; `weights` are units a layer and the bytes to be read again and again."""
    native, threads = library(), torch.get_num_threads()
    operations: float | None = None
    bandwidth: dict[int, float] = {}
    if native is not None:
        isa()  # the one that UNSPOOL_KERNELS asks for
        if time.perf_counter() < deadline:
            operations = native.unspool_peak_operations(threads)
        for hidden, size in weights.items():
            if time.perf_counter() < deadline:
                bandwidth[hidden] = native.unspool_peak_bandwidth(threads, size)
    return Limits(operations, bandwidth)


def measure(found: list[Case], deadline: float, device: torch.device, peak: float | None = None) -> None:
    """Time the cases in turn, round after round, until `deadline` (of time.perf_counter).

    Rounds keep a slow moment of the machine from falling on one case alone. Before its first run, a case warms up on
    two steps. It is left out of a round where it would not end in time, going by its last run or, before that, by the
    slowest rate seen so far; `peak` is the fastest rate that there can be, where it is known.
    """
    rate, ran = GUESS if peak is None else PART * peak, True
    while ran:
        ran = False
        for case in found:
            expected = case.seconds[-1] if case.seconds else case.operations / rate
            if case.missing or time.perf_counter() + expected > deadline:
                continue
            if not case.seconds:
                case.work(2)
            case.seconds.append(_once(case, device))
            ran = True
            reached = case.operations / case.seconds[-1]
            if case.kind == "product" and len(case.seconds) == 1:
                rate = PART * reached
            elif case.kind == "training":
                rate = min(rate, reached)


def _once(case: Case, device: torch.device) -> float:
    wait(device)
    start = time.perf_counter()
    case.work(case.size.steps)
    wait(device)
    return time.perf_counter() - start


def wait(device: torch.device) -> None:
    """Wait until the device has done all that it was asked to."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()
