r"""How far the gradient reaches back in time.

.. math::
    \frac{\partial L_T}{\partial h_{T-k}}
      = \frac{\partial L_T}{\partial h_T} \prod_{i=T-k+1}^{T} \frac{\partial h_i}{\partial h_{i-1}}, \quad
    \frac{\partial h_i}{\partial h_{i-1}} = \mathrm{diag}(f'(a_i))\, W_{hh}

Pascanu, Mikolov and Bengio (2013), On the Difficulty of Training Recurrent Neural Networks, equation 5, written there
for the other order of product and nonlinearity. Equations 6 and 7: with :math:`|f'| \le \gamma` the norm falls at
least as fast as :math:`(\sigma_1 \gamma)^k`, :math:`\sigma_1` the largest singular value of :math:`W_{hh}`, so that
:math:`\sigma_1 < 1/\gamma` suffices for it to vanish, and :math:`\sigma_1 > 1/\gamma` is necessary for it to explode.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from unspool.cells.base import Cell, State, StepOutput
from unspool.engine.layers import Stack
from unspool.engine.unroll import Unrolled
from unspool.probe.places import Place, evaluating, of_layer, places, spans_of, stack_of

Batch = TypeVar("Batch")


@dataclass(frozen=True)
class Flow:
    """The gradient at one state of one layer: `norms[k]` is the mean of |d loss / d state at step T - k| over
    `sequences[k]` sequences, nan where none is so long.
    """

    layer: int
    direction: str
    state: str  # the state's own name: h, or c of an LSTM
    norms: tuple[float, ...]
    sequences: tuple[int, ...]

    @property
    def rate(self) -> float:
        """The factor a step, (norms[k] / norms[0])^(1/k), at the largest k that all sequences reach; nan without."""
        k = max((k for k, count in enumerate(self.sequences) if count == self.sequences[0]), default=0)
        if k == 0 or not self.norms[0] > 0:
            return math.nan
        return float((self.norms[k] / self.norms[0]) ** (1 / k))


def gradient_flow(
    model: nn.Module, loss: Callable[[Batch], Tensor], batches: Iterable[Batch], steps: int
) -> list[Flow]:
    """Measure the gradient of the last step's loss at every state, k = 0 ... steps before it.

    Each row's gradient is of its own loss, its norm is Euclidean over the H units, and the mean runs over all rows of
    all batches. The derivative is total: it counts every path from the state to the loss, also those through layers
    above, and for an LSTM's c also those through h. What the network's output layer reads at earlier steps is held
    fixed, so that the loss is felt at the last step only: in a language model this is the loss of the last symbol,
    in a classifier whose pooling reads all steps it is the loss of the class through the last step's share.

    k counts in the order in which a layer reads: for a backward layer the last step is the beginning of the sequence.
    The lower layers of a bidirectional stack are reached from both ends, so their norms need not fall with k.

    Args:
        model: a network with one `Stack`; its weights are left alone.
        loss: runs the model on a batch of independent rows and returns the sum of their losses.
        batches: what to run it on.
        steps: the largest k.
    """
    found = places(model)
    sums: dict[tuple[int, str], Tensor] = {}
    counts = torch.zeros(steps + 1, dtype=torch.int64)
    for batch in batches:
        with evaluating(model), torch.enable_grad(), _traced(found) as cells, _last_step_only(stack_of(model)) as seen:
            total = loss(batch)
        lengths = seen.pop()
        present = torch.arange(steps + 1)[:, None] < lengths  # [K + 1, B]
        counts += present.sum(1)
        for number, name, norms in _norms(total, cells):
            back = _from_the_end(norms, lengths, steps, found[number].direction == "backward")
            share = back.masked_fill(~present, 0).sum(1)  # [K + 1]
            sums[number, name] = sums[number, name] + share if (number, name) in sums else share
    return [
        Flow(found[number].layer, found[number].direction, name, tuple((s / counts).tolist()), tuple(counts.tolist()))
        for (number, name), s in sums.items()
    ]


class Traced(Cell):
    """A cell that keeps every state it hands on; no kernel knows it, so the loop runs it."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell.input_size, cell.hidden_size, output_size=cell.output_size)
        self.cell = cell
        self.states: list[State] = []

    def init_state(self, batch_size: int, *, generator: torch.Generator | None = None) -> State:
        return self.cell.init_state(batch_size, generator=generator)

    def redraw(self, state: State, generator: torch.Generator | None = None) -> State:
        return self.cell.redraw(state, generator)

    def project(self, x: Tensor) -> Tensor:
        return self.cell.project(x)

    def step(self, projected: Tensor, state: State, context: Any = None) -> tuple[StepOutput, State]:
        output, after = self.cell.step(projected, state, context)
        self.states.append(after)
        return output, after


@contextmanager
def _traced(found: list[Place]) -> Iterator[list[Traced]]:
    before = [(place.recurrent.cell, place.recurrent.recompute) for place in found]
    traced = [Traced(cell) for cell, _ in before]
    try:
        for place, cell in zip(found, traced, strict=True):
            place.recurrent.cell, place.recurrent.recompute = cell, False
        yield traced
    finally:
        for place, (cell_before, recompute) in zip(found, before, strict=True):
            place.recurrent.cell, place.recurrent.recompute = cell_before, recompute


@contextmanager
def _last_step_only(stack: Stack) -> Iterator[list[Tensor]]:
    """Let gradients into the stack's output at each direction's last step only; yields where the lengths will be."""
    seen: list[Tensor] = []

    def close(_: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any], result: Unrolled) -> Unrolled:
        lengths = spans_of(arguments, keywords, result.output)
        seen.append(lengths)
        open_at = _last_steps(stack, lengths, len(result.output)).to(result.output.device)
        return result._replace(output=torch.where(open_at, result.output, result.output.detach()))

    handle = stack.register_forward_hook(close, with_kwargs=True)
    try:
        yield seen
    finally:
        handle.remove()


def _last_steps(stack: Stack, lengths: Tensor, steps: int) -> Tensor:
    """Where the stack's output [T, B, H] shows what a direction saw last."""
    t = torch.arange(steps)[:, None]  # [T, 1]
    shown = list(enumerate(stack, start=1)) if stack.skip else [(len(stack), stack[-1])]
    columns = []
    for number, layer in shown:
        for place in of_layer(number, layer):
            last = t == (torch.zeros_like(lengths) if place.direction == "backward" else lengths - 1)  # [T, B]
            columns.append(last[:, :, None].expand(-1, -1, place.recurrent.output_size))
    return torch.cat(columns, dim=2)


def _norms(total: Tensor, cells: list[Traced]) -> Iterator[tuple[int, str, Tensor]]:
    """(number of the cell, name of the state, norms [steps, B] in the cell's own order) for every tensor of a state."""
    columns = [
        (number, name, [getattr(state, name) for state in cell.states])
        for number, cell in enumerate(cells)
        for name in cell.states[0]._fields
        if name != "mask"
    ]
    flat = [state for _, _, column in columns for state in column]
    gradients = iter(torch.autograd.grad(total, flat, allow_unused=True, materialize_grads=True))
    for number, name, column in columns:
        stacked = torch.stack([next(gradients) for _ in column])  # [steps, B, H]
        yield number, name, stacked.double().norm(dim=2).cpu()


def _from_the_end(norms: Tensor, lengths: Tensor, steps: int, backward: bool) -> Tensor:
    """Norms [K + 1, B] at k steps before each row's last one; what lies before the first step is whatever it is."""
    k = torch.arange(steps + 1)[:, None]  # [K + 1, 1]
    # the loop stops at the longest sequence; a backward one begins there, so that all rows end together
    last = torch.full_like(lengths, len(norms)) if backward else lengths
    return norms.gather(0, (last - 1 - k).clamp(min=0))
