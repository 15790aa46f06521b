"""Derivatives of derivatives for the native kernel: its first derivative once more, by the loop, which has a graph."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from unspool.cells.elman import Elman, ElmanState
from unspool.cells.gru import GRU, GRUState
from unspool.cells.lstm import LSTM, LSTMState
from unspool.engine.unroll import unroll


def gradients_by_loop(
    name: str, reverse: bool, tensors: Sequence[Tensor | None], outputs: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """The derivatives of sum(output * gradient) with respect to `tensors`, themselves differentiable.

    `tensors` are those of operators.sequence: x h0 c0 weight_ih weight_hh bias_ih bias_hh peephole lengths;
    `outputs` are the gradients of y, h_n and c_n, None where nothing flows. An input may come from another one, as a
    carried state does, or be another one, as a tied weight is; that is for the graph outside to count. So the loop runs
    on aliases, one for each place, through which second derivatives flow on to `tensors`.
    """
    aliases = [None if tensor is None else tensor.view_as(tensor) for tensor in tensors]
    x, h0, c0, *weights, peephole, lengths = aliases
    assert x is not None and h0 is not None
    cell = _cell(name, weights, peephole)
    kind = {LSTM: LSTMState, GRU: GRUState, Elman: ElmanState}[type(cell)]
    result = unroll(cell, x, kind(*(state for state in (h0, c0) if state is not None)), lengths, reverse=reverse)
    found = (result.output, result.state.h, getattr(result.state, "c", None))
    pairs = [(y, dy) for y, dy in zip(found, outputs, strict=True) if y is not None and dy is not None]
    wanted = [alias for alias in aliases if alias is not None and alias.requires_grad]
    grads = torch.autograd.grad(
        [y for y, _ in pairs], wanted, [dy for _, dy in pairs], create_graph=True, allow_unused=True
    )
    by_alias = {id(alias): grad for alias, grad in zip(wanted, grads, strict=True)}
    return [by_alias.get(id(alias)) for alias in aliases]


def _cell(name: str, weights: Sequence[Tensor | None], peephole: Tensor | None) -> Elman | LSTM | GRU:
    """The cell with these tensors in place of its parameters."""
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    assert weight_ih is not None and weight_hh is not None
    kind, _, option = name.partition("_")
    sizes = (weight_ih.shape[1], weight_hh.shape[1])
    cell: Elman | LSTM | GRU
    with torch.device("meta"):  # its own parameters are thrown away
        if kind == "lstm":
            cell = LSTM(*sizes, peephole=bool(option))
        elif kind == "gru":
            cell = GRU(*sizes, reset=option)
        else:
            cell = Elman(*sizes, option)
    zeros = weight_ih.new_zeros(weight_ih.shape[0])
    given = {
        "weight_ih": weight_ih,
        "weight_hh": weight_hh,
        "bias_ih": zeros if bias_ih is None else bias_ih,
        "bias_hh": zeros if bias_hh is None else bias_hh,
    }
    if peephole is not None:
        given |= {f"weight_peephole_{gate}": row for gate, row in zip("ifo", peephole, strict=True)}
    for parameter, tensor in given.items():
        delattr(cell, parameter)
        setattr(cell, parameter, tensor)
    return cell
