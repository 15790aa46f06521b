"""What `unspool bench` measures: training steps by the loop and by each kernel, generation, and the matrix product."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from unspool.cells import CELLS
from unspool.engine.dispatch import kernels
from unspool.heads.categorical import Categorical
from unspool.nets.sequence import SequenceNet

LAYERS, SYMBOLS = 2, 96
WRITTEN = 50  # symbols in one measurement of generation
PRODUCT = {"cpu": 1024, "cuda": 4096}  # rows and columns of the matrix product
GUESS = 1e10  # operations a second that the matrix product is taken to reach before it has run
PART = 0.25  # of the product's rate that a training step is taken to reach before one has run


class Size(NamedTuple):
    """Units a layer, sequences side by side, steps of a window."""

    hidden: int
    batch: int
    steps: int


SIZES = (Size(128, 50, 50), Size(256, 64, 64))


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
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float | None:
        """Seconds of the middle repeat, None where there was no time for one."""
        return statistics.median(self.seconds) if self.seconds else None


def cases(device: torch.device) -> list[Case]:
    """Return everything to be timed, the quickest first."""
    edge = PRODUCT.get(device.type, PRODUCT["cpu"])
    a, b = torch.randn(edge, edge, device=device), torch.randn(edge, edge, device=device)
    found = [Case("product", "", "", Size(edge, edge, 1), 2.0 * edge**3, 0, lambda _: torch.mm(a, b))]
    for size in SIZES:
        found += [_generation(cell, size, device) for cell in CELLS]
    for size in SIZES:
        found += [_training(cell, kernel, size, device) for cell in CELLS for kernel in ("loop", "torch")]
    return found


def measure(found: list[Case], deadline: float, device: torch.device) -> None:
    """Time the cases in turn, round after round, until `deadline` (of time.perf_counter).

    Rounds keep a slow moment of the machine from falling on one case alone. Before its first run, a case warms up on
    two steps. It is left out of a round where it would not end in time, going by its last run or, before that, by the
    slowest rate seen so far.
    """
    rate, ran = GUESS, True
    while ran:
        ran = False
        for case in found:
            expected = case.seconds[-1] if case.seconds else case.operations / rate
            if time.perf_counter() + expected > deadline:
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


def operations(cell: str, size: Size, layers: int = LAYERS) -> float:
    """Floating-point operations of the matrix products of one training step.

    A layer's forward pass takes 2 T B G H (I + H), the output layer's 2 T B H V, with I = H; the backward pass takes
    each twice more: once for the inputs, once for the weights. Gates, softmax and embedding are not counted.
    """
    gates = len(CELLS[cell].gates)  # type: ignore[attr-defined]
    hidden = size.hidden
    one = 2.0 * size.batch * hidden * (layers * gates * 2 * hidden + SYMBOLS)
    return 3.0 * size.steps * one


def _network(cell: str, hidden: int, device: torch.device) -> SequenceNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = SequenceNet(SYMBOLS, cell=cell, hidden_size=hidden, layers=LAYERS, embedding_size=hidden)
    return net.to(device)


def _training(cell: str, kernel: str, size: Size, device: torch.device) -> Case:
    """Forward and backward pass of a character model of two layers: embedding, layers, softmax, no optimiser."""
    net = _network(cell, size.hidden, device)
    ids = torch.randint(SYMBOLS, (size.steps + 1, size.batch), generator=torch.Generator().manual_seed(0)).to(device)
    head = Categorical(SYMBOLS)

    def work(steps: int) -> None:
        with kernels(False) if kernel == "loop" else nullcontext():
            loss: Tensor = -head.log_prob(net(ids[:steps]).raw, ids[1 : steps + 1]).mean()
        for parameter in net.parameters():
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]

    return Case("training", cell, kernel, size, operations(cell, size), size.batch * size.steps, work)


def _generation(cell: str, size: Size, device: torch.device) -> Case:
    """One text written symbol by symbol through all layers of the loop, the likeliest symbol fed back."""
    net = _network(cell, size.hidden, device).eval()

    def work(steps: int) -> None:
        stack = net.stack
        with torch.no_grad():
            ids, state = torch.zeros(1, dtype=torch.int64, device=device), net.init_state(1)
            for _ in range(steps):
                output, state = stack.step(stack.project(net.embed(ids)), state)
                ids = net.output(output.h).argmax(-1)

    written = Size(size.hidden, 1, WRITTEN)
    one = operations(cell, written) / 3  # a forward pass
    return Case("generation", cell, "loop", written, one, WRITTEN, work)
