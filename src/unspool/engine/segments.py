"""Unequal lengths without padding work, for kernels that know only full batches."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from unspool.cells.base import State
from unspool.cells.state import select

Piece = Callable[[Tensor, State], tuple[Tensor, State]]
"""A kernel: x [T, b, I] and the state before it -> output [T, b, H] and the state after it."""


def segmented(run: Piece, x: Tensor, state: State, spans: list[int]) -> tuple[Tensor, State]:
    """Run a kernel over sequences of unequal lengths.

    The batch is sorted, longest first; between two neighbouring lengths the set of living sequences is
    constant and a prefix of the batch, so the kernel runs once for each distinct length, on a full batch. A
    sequence's final state is the one with which it leaves the prefix. x [T, B, I], spans B lengths, not all
    0; returns output [T, B, H], 0 beyond the lengths, and the final state.
    """
    steps, batch = x.shape[:2]
    order = sorted(range(batch), key=lambda row: -spans[row])
    forth = torch.tensor(order, device=x.device)
    back = torch.empty_like(forth)
    back[forth] = torch.arange(batch, device=x.device)
    x, state = x.index_select(1, forth), select(state, forth)

    distinct = sorted(set(spans) - {0})
    sizes = [length - before for before, length in zip([0, *distinct], distinct, strict=False)]
    outputs: list[Tensor] = []
    finished: list[State] = []  # groups of rows, the shortest sequences first
    alive = batch
    # split has one backward for all pieces, where slices would each have one of the size of x
    for length, piece in zip([0, *distinct], [None, *torch.split(x[: distinct[-1]], sizes)], strict=True):
        if piece is not None:
            output, state = run(piece[:, :alive], state)
            outputs.append(functional.pad(output, (0, 0, 0, batch - alive)))  # [t, B, H]
        staying = sum(span > length for span in spans)
        finished.append(select(state, slice(staying, alive)))
        state = select(state, slice(0, staying))
        alive = staying
    whole = functional.pad(torch.cat(outputs), (0, 0, 0, 0, 0, steps - distinct[-1]))
    return whole.index_select(1, back), select(_joined(finished[::-1]), back)


def _joined(states: list[State]) -> State:
    """One state from groups of rows."""
    first = states[0]
    if first is None:
        return None
    if isinstance(first, tuple):
        branches = [_joined(list(column)) for column in zip(*states, strict=True)]
        return type(first)(*branches) if hasattr(first, "_fields") else tuple(branches)
    return torch.cat(states)


def flip(x: Tensor, spans: list[int] | None) -> Tensor:
    """x [T, B, ...] with each sequence backwards inside its own length; what lies beyond stays in place."""
    if spans is None:
        return x.flip(0)
    steps = x.shape[0]
    t = torch.arange(steps).unsqueeze(1)  # [T, 1]
    ends = torch.tensor(spans)  # [B]
    source = torch.where(t < ends, ends - 1 - t, t).to(x.device)  # [T, B]
    return x.gather(0, source.view(*source.shape, *[1] * (x.dim() - 2)).expand_as(x))
