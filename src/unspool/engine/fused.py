"""The "torch" kernel: torch's own fused time loop (oneDNN, cuDNN) on a classic cell's parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import _VF, Tensor
from torch.autograd import forward_ad

from unspool.cells.base import State, Steppable
from unspool.cells.elman import Elman, ElmanState
from unspool.cells.gru import GRU, GRUState
from unspool.cells.lstm import LSTM, LSTMState
from unspool.engine.checks import Lengths, check_input, check_lengths, check_state
from unspool.engine.segments import flip, segmented
from unspool.engine.unroll import Unrolled, unroll

FUSED: dict[type[Any], str] = {Elman: "plain RNN", LSTM: "LSTM", GRU: "GRU"}


def refuses(
    cell: Steppable, x: Tensor, state: State, lengths: Lengths, record: Sequence[str], context: Any = None
) -> str | None:
    """Why this call must go another way; None if it need not. No context matters: these cells read none."""
    if type(cell) not in FUSED:  # a subclass may have changed the step
        return f"torch has no fused kernel for {type(cell).__name__}"
    if record:
        return "torch's fused kernel records nothing on its way"
    if state is not None and state.mask is not None:
        return "torch's fused kernel has no recurrent dropout"
    if isinstance(cell, LSTM) and cell.peephole:
        return "torch's fused kernel has no peepholes"
    if isinstance(cell, GRU) and cell.reset == "before":
        return "torch's fused kernel resets after the product only"
    if isinstance(cell, Elman) and cell.nonlinearity == "sigmoid":
        return "torch's fused kernel has tanh and relu only"
    if x.device.type not in ("cpu", "cuda"):
        return f"torch's fused kernel is used on cpu and cuda only, not on {x.device.type}"
    if torch._C._are_functorch_transforms_active():
        return "torch's fused kernel does not work under torch.func"
    if forward_ad._current_level >= 0:
        return "torch's fused kernel has no forward-mode derivative"
    return None


def merit(cell: Steppable, x: Tensor) -> str:
    """What this kernel is, for this call."""
    return f"torch's fused {FUSED[type(cell)]} in {str(x.dtype).removeprefix('torch.')} on {x.device.type}"


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
    check_input(cell, x)
    steps, batch = x.shape[:2]
    spans = check_lengths(lengths, steps, batch)
    if spans is not None and not any(spans):
        return unroll(cell, x, state, lengths, reverse=reverse)  # nothing to run, only zeros to shape
    if state is None:
        state = cell.init_state(batch)
    check_state(state, batch)

    def piece(x: Tensor, state: State) -> tuple[Tensor, State]:
        return _fused(cell, x, state)

    if reverse:
        x = flip(x, spans)
    output, state = piece(x, state) if spans is None else segmented(piece, x, state, spans)
    return Unrolled(flip(output, spans) if reverse else output, state, {})


def _fused(cell: Steppable, x: Tensor, state: State) -> tuple[Tensor, State]:
    assert isinstance(cell, (Elman, LSTM, GRU))
    weights: list[Tensor] = [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]
    # has_biases, num_layers, dropout, train (keep what backward needs), bidirectional, batch_first
    options = (True, 1, 0.0, torch.is_grad_enabled(), False, False)
    h = state.h.unsqueeze(0)  # [1, B, H]
    if isinstance(cell, LSTM):
        output, h, c = _VF.lstm(x, (h, state.c.unsqueeze(0)), weights, *options)
        return output, LSTMState(h.squeeze(0), c.squeeze(0))
    if isinstance(cell, GRU):
        output, h = _VF.gru(x, h, weights, *options)
        return output, GRUState(h.squeeze(0))
    fused = _VF.rnn_relu if cell.nonlinearity == "relu" else _VF.rnn_tanh
    output, h = fused(x, h, weights, *options)
    return output, ElmanState(h.squeeze(0))
