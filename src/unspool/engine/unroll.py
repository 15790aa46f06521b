"""THE loop: a cell over time. Whatever else runs a cell must equal it, in outputs and all gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from unspool.cells.base import State, Steppable
from unspool.cells.state import where
from unspool.engine.checks import Lengths, check_input, check_lengths, check_record, check_state
from unspool.errors import SpecError


class Unrolled(NamedTuple):
    """output [T, B, H], the state after the last step, and what was recorded, name -> [T, B, ...]."""

    output: Tensor
    state: State
    record: dict[str, Tensor]


def unroll(
    cell: Steppable,
    x: Tensor,
    state: State = None,
    lengths: Lengths = None,
    context: Any = None,
    *,
    record: Sequence[str] = (),
    reverse: bool = False,
) -> Unrolled:
    """Run a cell over time.

    h_t, s_t = step(project(x)_t, s_{t-1}, context)    t = 1 ... T, or T ... 1 in reverse

    x [T, B, I], output [T, B, H] with h_t at index t in either direction; state and context hold B in
    dimension 0; without a state, init_state(B). With lengths [B], outputs and records beyond a sequence's
    length are 0, its final state is the one at its length (in reverse: at its first step), and length 0
    leaves its state alone; what x holds beyond the lengths, NaN included, reaches neither results nor
    gradients. `record` names the extras to stack.
    """
    check_input(cell, x)
    check_record(cell, record)
    steps, batch = x.shape[:2]
    spans = check_lengths(lengths, steps, batch)
    if state is None:
        state = cell.init_state(batch)
    check_state(state, batch)
    # no step is computed beyond the longest sequence, and none is masked where all sequences are alive
    last = steps if spans is None else max(1, *spans)
    alive_until = steps if spans is None else min(spans)
    x = x[:last]
    live = None
    if alive_until < last:
        live = torch.arange(last).unsqueeze(1) < torch.tensor(spans)  # [T, B]
        live = live.to(x.device)
        x = x.masked_fill(~live.unsqueeze(2), 0)

    # T of [B, G*H]; unbind has one backward for all, where an index would have one of the size of x a step
    frames = cell.project(x).unbind(0)
    outputs: list[Tensor] = []
    recorded: dict[str, list[Tensor]] = {name: [] for name in record}
    for t in reversed(range(last)) if reverse else range(last):
        (h, extras), after = cell.step(frames[t], state, context)
        state = after if live is None or t < alive_until else where(live[t], after, state)
        outputs.append(h)
        for name, column in recorded.items():
            column.append(extras[name])

    def stacked(column: list[Tensor]) -> Tensor:
        whole = torch.stack(column[::-1] if reverse else column)  # [T, B, ...]
        if live is not None:
            whole = whole.masked_fill(~live.view(last, batch, *[1] * (whole.dim() - 2)), 0)
        return whole if last == steps else torch.cat([whole, whole.new_zeros(steps - last, *whole.shape[1:])])

    return Unrolled(stacked(outputs), state, {name: stacked(column) for name, column in recorded.items()})


def rollout(
    step: Callable[[Any, State], tuple[Tensor, State]],
    state: State,
    feed: Callable[[int, Tensor | None], Any],
    steps: int,
) -> tuple[Tensor, State]:
    """Run freely: the next input comes from the last output, and gradients flow through both.

    y_t, s_t = step(feed(t, y_{t-1}), s_{t-1})    t = 0 ... steps - 1, y_{-1} = None

    y_t [B, ...]; returns y [steps, B, ...] and the last state. `feed` may hand on the output, a sample of it,
    or at some t the truth (scheduled sampling).
    """
    if steps < 1:
        raise SpecError(f"steps must be at least 1, got {steps}; a run of no steps has no output")
    last: Tensor | None = None
    outputs: list[Tensor] = []
    for t in range(steps):
        last, state = step(feed(t, last), state)
        outputs.append(last)
    return torch.stack(outputs), state
