"""Self-checks of what runs cells over time: kernels against the loop, batches against single rows, packed input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import unspool.nn
from unspool.cells import CELLS
from unspool.cells.base import Cell, State
from unspool.cells.state import leaves, select
from unspool.cli.comparison import BFLOAT16, Comparison, largest, one_thread, with_gradients, worst
from unspool.engine.dispatch import KERNELS, Kernel, kernels
from unspool.engine.layers import build_stack
from unspool.engine.library import has_bfloat16
from unspool.engine.native import BUILT
from unspool.engine.unroll import Unrolled, unroll

STEPS, BATCH, INPUT, HIDDEN = 24, 5, 12, 32
LENGTHS = [24, 9, 1, 0, 17]
TOLERANCE = 2e-5  # float32 rounds to 6e-8, sums of a few dozen products over 24 steps lose some digits more
MODULES: dict[str, Callable[..., nn.RNNBase]] = {"rnn": unspool.nn.RNN, "lstm": unspool.nn.LSTM, "gru": unspool.nn.GRU}


class Scene(NamedTuple):
    """A cell and its input, drawn from one seed: x [T, B, I] and a start state."""

    cell: Cell
    x: Tensor
    state: State


Run = Callable[..., Unrolled]


def comparisons(device: torch.device) -> Iterator[Comparison]:
    """All of them, for one device."""
    where = "" if device.type == "cpu" else f" on {device.type}"
    for cell in CELLS:
        for kernel in _kernels(device):
            check = partial(kernel_error, kernel, cell, device)
            yield Comparison(f"{kernel.name} kernel against the loop, {cell}{where}", TOLERANCE, check)
    if device.type == "cpu" and BUILT and has_bfloat16():
        for cell in CELLS:
            yield Comparison(f"bf16 kernel against float32, {cell}", BFLOAT16, partial(bfloat16_error, cell))
    for name, error, cells in (
        (f"batch of {BATCH} against one by one", batch_error, CELLS),
        ("padded against one by one", padding_error, CELLS),
        ("packed against padded", packed_error, MODULES),
    ):
        for cell in cells:
            yield Comparison(f"{name}, {cell}{where}", TOLERANCE, partial(error, cell, device))


def kernel_error(kernel: Kernel, cell: str, device: torch.device) -> float:
    """A kernel against the loop: outputs, final state and gradients of input, start state and weights."""
    scene = _scene(cell, device)
    if reason := kernel.refuses(scene.cell, scene.x, scene.state, None, (), None):
        raise RuntimeError(reason)
    return largest(_everything(scene, kernel.run), _everything(scene, unroll))


def bfloat16_error(cell: str) -> float:
    """The native kernel with factors rounded to bfloat16 against itself in float32: all that kernel_error compares."""
    (native,) = (kernel for kernel in KERNELS if kernel.name == "native")
    scene = _scene(cell, torch.device("cpu"))
    exact = _everything(scene, native.run)
    scene.cell.precision = "bf16"  # type: ignore[assignment]
    return largest(_everything(scene, native.run), exact)


def batch_error(cell: str, device: torch.device) -> float:
    """The rows of a batch against each row alone, by every kernel and the loop."""
    scene = _scene(cell, device)
    return worst(_rows_error(run, scene, [STEPS] * BATCH, None) for run in _runs(device))


def padding_error(cell: str, device: torch.device) -> float:
    """Sequences of unequal length in one batch, one of them empty, against each alone and unpadded."""
    scene = _scene(cell, device)
    return worst(_rows_error(run, scene, LENGTHS, LENGTHS) for run in _runs(device))


def packed_error(cell: str, device: torch.device) -> float:
    """Two layers of unspool.nn, both directions, on a packed batch, against our own layers on a padded one.

    Outputs, final states, and gradients of input and weights.
    """
    scene = _scene(cell, device)
    spans = torch.tensor([max(length, 1) for length in LENGTHS])  # torch packs no empty sequence
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        layer = MODULES[cell](INPUT, HIDDEN, 2, bidirectional=True)
    stack = build_stack(cell, INPUT, HIDDEN, 2, bidirectional=True)
    for mine, given in zip(stack.parameters(), layer.parameters(), strict=True):
        mine.data.copy_(given.data)
    layer, stack = layer.to(device), stack.to(device)
    with kernels(True):
        packed, after = layer(pack_padded_sequence(scene.x, spans, enforce_sorted=False))
        padded = stack(scene.x, lengths=spans.tolist())
    output, _ = pad_packed_sequence(packed, total_length=STEPS)
    states = torch.stack(after if isinstance(after, tuple) else (after,), 1).flatten(0, 1)  # [L * D * (h, c), B, H]
    ours = with_gradients([output, *states], [scene.x, *layer.parameters()])
    theirs = with_gradients([padded.output, *leaves(padded.state)], [scene.x, *stack.parameters()])
    return largest(ours, theirs)


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
    wanted = [scene.x, *leaves(scene.state), *scene.cell.parameters()]
    return with_gradients([result.output, *leaves(result.state)], wanted)


def _kernels(device: torch.device) -> list[Kernel]:
    """Those of the table that are there on this machine and device."""
    here = BUILT and device.type == "cpu"
    return [kernel for kernel in KERNELS if here or kernel.name != "native"]


def _runs(device: torch.device) -> list[Run]:
    return [unroll, *(kernel.run for kernel in _kernels(device))]


def _rows_error(run: Run, scene: Scene, spans: list[int], lengths: list[int] | None) -> float:
    ours: list[Tensor] = []
    theirs: list[Tensor] = []
    with torch.no_grad(), one_thread():
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
    return largest(ours, theirs)
