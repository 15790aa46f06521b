"""Self-checks on the machine at hand: each compares two ways to the same numbers and returns the largest difference."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from unspool.cells import CELLS
from unspool.cells.base import Cell, State
from unspool.cells.state import leaves, select
from unspool.engine.dispatch import KERNELS, Kernel
from unspool.engine.native import BUILT
from unspool.engine.unroll import Unrolled, unroll
from unspool.nets.sequence import SequenceNet
from unspool.training import checkpoint

STEPS, BATCH, INPUT, HIDDEN = 24, 5, 12, 32
LENGTHS = [24, 9, 1, 0, 17]
TOLERANCE = 2e-5  # float32 rounds to 6e-8, sums of a few dozen products over 24 steps lose some digits more


class Check(NamedTuple):
    """A self-check's result; `error` is relative to the largest value, nan or a reason where it could not be had."""

    name: str
    error: float
    tolerance: float
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance; nan is not."""
        return not self.reason and self.error <= self.tolerance


class Scene(NamedTuple):
    """A cell and its input, drawn from one seed: x [T, B, I] and a start state."""

    cell: Cell
    x: Tensor
    state: State


Run = Callable[..., Unrolled]


def checks(device: torch.device) -> Iterator[Check]:
    """Run all self-checks on a device; one that fails with an exception is a result too."""
    for name, tolerance, check in _all(device):
        try:
            yield Check(name, check(), tolerance)
        except Exception as error:  # whatever a broken installation does is what we are here to tell
            yield Check(name, float("nan"), tolerance, f"{type(error).__name__}: {error}".splitlines()[0])


def _all(device: torch.device) -> Iterator[tuple[str, float, Callable[[], float]]]:
    where = "" if device.type == "cpu" else f" on {device.type}"
    for cell in CELLS:
        for kernel in _kernels(device):
            check = partial(kernel_error, kernel, cell, device)
            yield f"{kernel.name} kernel against the loop, {cell}{where}", TOLERANCE, check
    for cell in CELLS:
        yield f"batch of {BATCH} against one by one, {cell}{where}", TOLERANCE, partial(batch_error, cell, device)
    for cell in CELLS:
        yield f"padded against one by one, {cell}{where}", TOLERANCE, partial(padding_error, cell, device)
    if device.type == "cpu":
        yield "model file, written and read", 0.0, file_error


def kernel_error(kernel: Kernel, cell: str, device: torch.device) -> float:
    """A kernel against the loop: outputs, final state and gradients of input, start state and weights."""
    scene = _scene(cell, device)
    if reason := kernel.refuses(scene.cell, scene.x, scene.state, None, ()):
        raise RuntimeError(reason)
    return _largest(_everything(scene, kernel.run), _everything(scene, unroll))


def batch_error(cell: str, device: torch.device) -> float:
    """The rows of a batch against each row alone, by every kernel and the loop."""
    scene = _scene(cell, device)
    return _worst(_rows_error(run, scene, [STEPS] * BATCH, None) for run in _runs(device))


def padding_error(cell: str, device: torch.device) -> float:
    """Sequences of unequal length in one batch, one of them empty, against each alone and unpadded."""
    scene = _scene(cell, device)
    return _worst(_rows_error(run, scene, LENGTHS, LENGTHS) for run in _runs(device))


def file_error() -> float:
    """The weights of a small network against those of another that took them from the first one's file."""
    first, second = (_network(seed) for seed in (1, 2))
    document = {"text": "\u00fc\u2028\U0001f600", "number": 0.1}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        checkpoint.write(path, "model", checkpoint.parameters(first), document)
        tensors, found = checkpoint.read(path, "model")
    if found != document:
        raise RuntimeError("the document came back changed")
    checkpoint.load_parameters(second, tensors, str(path))
    return _largest(list(second.parameters()), list(first.parameters()))


def _network(seed: int) -> SequenceNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SequenceNet(7, cell="lstm", hidden_size=8, layers=2, embedding_size=5).eval()


def _scene(name: str, device: torch.device) -> Scene:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        cell = CELLS[name](INPUT, HIDDEN)
        x = torch.randn(STEPS, BATCH, INPUT)
        state = cell.init_state(BATCH)
        for leaf in leaves(state):
            leaf.copy_(torch.randn(leaf.shape).tanh())
    cell = cell.to(device)
    moved = type(state)(*(None if leaf is None else leaf.to(device).requires_grad_() for leaf in state))
    return Scene(cell, x.to(device).requires_grad_(), moved)


def _everything(scene: Scene, run: Run) -> list[Tensor]:
    result = run(scene.cell, scene.x, scene.state)
    shown = [result.output, *leaves(result.state)]
    # every number counts, each with another weight, so that no error cancels
    weighted = sum((tensor * _ramp(tensor)).sum() for tensor in shown)
    wanted = [scene.x, *leaves(scene.state), *scene.cell.parameters()]
    assert isinstance(weighted, Tensor)
    return [*shown, *torch.autograd.grad(weighted, wanted)]


def _ramp(tensor: Tensor) -> Tensor:
    return torch.linspace(-1, 1, tensor.numel(), device=tensor.device).view(tensor.shape)


def _kernels(device: torch.device) -> list[Kernel]:
    """Those of the table that are there on this machine and device."""
    here = BUILT and device.type == "cpu"
    return [kernel for kernel in KERNELS if here or kernel.name != "native"]


def _runs(device: torch.device) -> list[Run]:
    return [unroll, *(kernel.run for kernel in _kernels(device))]


def _rows_error(run: Run, scene: Scene, spans: list[int], lengths: list[int] | None) -> float:
    ours: list[Tensor] = []
    theirs: list[Tensor] = []
    with torch.no_grad(), _one_thread():
        whole = run(scene.cell, scene.x, scene.state, lengths)
        for row, length in enumerate(spans):
            column, state = whole.output[:, row : row + 1], select(scene.state, [row])
            ours += [column[length:], column[:length], *leaves(select(whole.state, [row]))]
            theirs.append(torch.zeros_like(column[length:]))
            if length:
                alone = run(scene.cell, scene.x[:length, row : row + 1], state)
                theirs += [alone.output, *leaves(alone.state)]
            else:
                theirs += [column[:0], *leaves(state)]
    return _largest(ours, theirs)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Many calls on few numbers: where the cores are busy, threads would wait for each other most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _largest(ours: list[Tensor], theirs: list[Tensor]) -> float:
    """The largest difference in any pair, over the largest value there or 1; nan where there is any."""
    errors = [0.0]
    for one, other in zip(ours, theirs, strict=True):
        if one.shape != other.shape:
            raise RuntimeError(f"a result is {list(one.shape)} and should be {list(other.shape)}")
        if one.numel():
            scale = other.detach().double().abs().max().clamp(min=1)
            errors.append(float((one.detach().double() - other.detach().double()).abs().max() / scale))
    return _worst(errors)


def _worst(errors: Iterable[float]) -> float:
    return float(torch.tensor(list(errors), dtype=torch.float64).max())  # hands nan on, where max() might not
