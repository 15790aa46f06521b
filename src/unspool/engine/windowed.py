"""The native kernel of a layer that slides a window over a text; nets/window.py has its equations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from unspool.cells.base import State, Steppable
from unspool.cells.lstm import LSTM, LSTMState
from unspool.engine import native
from unspool.engine.checks import Lengths, check_input, check_lengths, check_state
from unspool.engine.library import has_bfloat16, isa
from unspool.engine.reading import WindowedCall, reading_library
from unspool.engine.substitute import substituted
from unspool.engine.unroll import Unrolled, unroll
from unspool.errors import ShapeError

PEEPHOLES = tuple(f"weight_peephole_{gate}" for gate in "ifo")


def refuses(
    cell: Steppable, x: Tensor, state: State, lengths: Lengths, record: Sequence[str], context: Any = None
) -> str | None:
    """Why this call must go another way; None if it need not."""
    windowed: Any = cell
    inner = windowed.cell
    if type(inner) is not LSTM:  # a subclass may have changed the step
        return f"there is no native kernel for {type(cell).__name__} over {type(inner).__name__}"
    if record:
        return "the native kernel records nothing on its way"
    if state is not None and state.cell.mask is not None:
        return "the native kernel has no recurrent dropout"
    if context is not None and context.values.requires_grad:
        return "the native kernel has no derivative of the text"
    if torch.compiler.is_compiling():
        return "torch.compile knows the loop only"
    states = () if state is None else (*state.cell[:2], *state[1:])
    text = () if context is None else (context.values,)
    reason = native.unsuitable("lstm", x, [*states, *text, *windowed.parameters()])
    if reason is None and reading_library() is None:
        return "the native engine was built from an earlier source"
    return reason


def merit(cell: Any, x: Tensor) -> str:
    """What this kernel is, for this call."""
    return native.merit(cell.cell, x, ", cell and window,")


def run(
    cell: Steppable,
    x: Tensor,
    state: State = None,
    lengths: Lengths = None,
    context: Any = None,
    *,
    record: Sequence[str] = (),
    reverse: bool = False,
) -> Unrolled:
    """unroll() for the calls that `refuses` lets pass."""
    windowed: Any = cell
    check_input(windowed, x)
    steps, batch = x.shape[:2]
    spans = check_lengths(lengths, steps, batch)
    if state is None:
        state = windowed.init_state(batch)
    check_state(state, batch)
    memory = windowed.checked(context, batch)
    _check_texts(memory)
    isa()  # the one that UNSPOOL_KERNELS asks for
    inner, shape = windowed.cell, windowed.shape
    peephole = torch.stack([getattr(inner, name) for name in PEEPHOLES]) if inner.peephole else None

    def loop(*given: Tensor) -> tuple[Tensor, ...]:
        x, h, c, kappa, window, *weights, rows, weight, bias = given
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        held = {f"cell.{name}": tensor for name, tensor in zip(names, weights, strict=True)}
        if inner.peephole:
            held |= {f"cell.{name}": row for name, row in zip(PEEPHOLES, rows, strict=True)}
        held |= {"shape.weight": weight, "shape.bias": bias}
        start = state._replace(cell=LSTMState(h, c), kappa=kappa, window=window)
        found = substituted(windowed, held, unroll, windowed, x, start, spans, memory, reverse=reverse)
        return found.output, found.state.cell.h, found.state.cell.c, found.state.kappa, found.state.window

    call = WindowedCall(
        "lstm_peephole" if inner.peephole else "lstm",
        memory.values.contiguous(),
        memory.lengths.to(torch.int64).contiguous(),
        None if spans is None else torch.tensor(spans),
        reverse,
        inner.precision == "bf16" and has_bfloat16(),
        loop,
    )
    weights = (inner.weight_ih, inner.weight_hh, inner.bias_ih, inner.bias_hh, peephole, shape.weight, shape.bias)
    y, h, c, kappa, window = call(x, *state.cell[:2], state.kappa, state.window, *weights)
    return Unrolled(y, state._replace(cell=LSTMState(h, c), kappa=kappa, window=window), {})


def _check_texts(memory: Any) -> None:
    """C reads by address and looks at nothing."""
    width, ends = memory.values.shape[1], memory.lengths.tolist()
    if len(ends) != len(memory.values) or not 1 <= min(ends) <= max(ends) <= width:
        raise ShapeError(
            f"a memory must hold {len(memory.values)} texts of 1 to {width} symbols, got lengths {ends}; "
            "make it with remembered()"
        )
