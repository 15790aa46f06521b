"""A torch.nn.RNN, LSTM or GRU by the native kernel: its layers, directions, dropout and packed sequences."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from unspool.engine import dispatch, native

NAMES = {"RNN_TANH": "rnn_tanh", "RNN_RELU": "rnn_relu", "LSTM": "lstm", "GRU": "gru_after"}


def forward(module: nn.RNNBase, given: Any, hx: Any, theirs: Callable[..., Any]) -> Any:
    """What module(given, hx) returns, by the native kernel or, where it does not apply, by `theirs`."""
    reason = unsuitable(module, given, hx)
    if reason is not None:
        dispatch.observed(module, dispatch.Choice("torch", f"{reason}; torch.nn's own code"))
        return theirs(given, hx)
    dispatch.observed(module, dispatch.Choice("native", native.merit(module, _tensor(given))))
    if isinstance(given, PackedSequence):
        return _packed(module, given, hx)
    return _batched(module, given, hx)


def unsuitable(module: nn.RNNBase, given: Any, hx: Any) -> str | None:
    """Why this call goes torch's way; what torch refuses is left for torch to refuse."""
    if not dispatch.enabled():
        return "kernels are switched off"
    if module.proj_size:
        return "the native kernel has no projection"
    x, states = _tensor(given), _states(hx)
    if not isinstance(x, Tensor) or not all(isinstance(state, Tensor) for state in states):
        return "this input is not for a recurrent layer"
    if not _fits(module, given, states):
        return "the input does not fit the layer"
    timed = x.transpose(0, 1) if module.batch_first and x.dim() == 3 else x
    return native.unsuitable(NAMES[module.mode], timed, [*states, *module._flat_weights])


def torch_twin(module: nn.RNNBase, kind: type[nn.RNNBase]) -> nn.RNNBase:
    """torch's own module with the same parameters: what TorchScript can compile."""
    twin = copy.copy(module)
    twin.__class__ = kind
    return twin


def _tensor(given: Any) -> Any:
    return given.data if isinstance(given, PackedSequence) else given


def _states(hx: Any) -> tuple[Any, ...]:
    return () if hx is None else tuple(hx) if isinstance(hx, (tuple, list)) else (hx,)


def _fits(module: nn.RNNBase, given: Any, states: tuple[Tensor, ...]) -> bool:
    x = _tensor(given)
    packed = isinstance(given, PackedSequence)
    if x.dim() not in ((2,) if packed else (2, 3)) or x.shape[-1] != module.input_size or x.numel() == 0:
        return False
    if not states:
        return True
    if len(states) != (2 if module.mode == "LSTM" else 1):
        return False
    rows = module.num_layers * (2 if module.bidirectional else 1)
    batch = [int(given.batch_sizes[0])] if packed else [x.shape[0 if module.batch_first else 1]] if x.dim() == 3 else []
    return all(list(state.shape) == [rows, *batch, module.hidden_size] for state in states)


def _batched(module: nn.RNNBase, x: Tensor, hx: Any) -> Any:
    states = list(_states(hx))
    if single := x.dim() == 2:
        x, states = x.unsqueeze(1), [state.unsqueeze(1) for state in states]
    elif module.batch_first:
        x = x.transpose(0, 1)
    y, after = _layers(module, x, states, None)  # [T, B, D*H]
    if single:
        return y.squeeze(1), _as_given(module, [state.squeeze(1) for state in after])
    return (y.transpose(0, 1) if module.batch_first else y), _as_given(module, after)


def _packed(module: nn.RNNBase, given: PackedSequence, hx: Any) -> Any:
    data, batch_sizes, order, back = given
    states = [state if order is None else state.index_select(1, order) for state in _states(hx)]
    x, lengths = torch._VF._pad_packed_sequence(data, batch_sizes, False, 0.0, len(batch_sizes))  # longest first
    y, after = _layers(module, x, states, lengths)
    data, _ = torch._VF._pack_padded_sequence(y, lengths, False)
    after = [state if back is None else state.index_select(1, back) for state in after]
    return PackedSequence(data, batch_sizes, order, back), _as_given(module, after)


def _as_given(module: nn.RNNBase, states: list[Tensor]) -> Any:
    return tuple(states) if module.mode == "LSTM" else states[0]


def _layers(module: nn.RNNBase, x: Tensor, states: list[Tensor], lengths: Tensor | None) -> tuple[Tensor, list[Tensor]]:
    """x [T, B, I] through all layers and directions -> y [T, B, D*H], h_n (and c_n) [L*D, B, H]."""
    name, lstm = NAMES[module.mode], module.mode == "LSTM"
    directions = 2 if module.bidirectional else 1
    zeros = x.new_zeros(x.shape[1], module.hidden_size)
    hs: list[Tensor] = []
    cs: list[Tensor] = []
    for layer in range(module.num_layers):
        outputs = []
        for direction in range(directions):
            row = layer * directions + direction
            h = states[0][row] if states else zeros
            c = (states[1][row] if states else zeros) if lstm else None
            y, h, c = native.sequence(name, x, h, c, *_weights(module, row), lengths=lengths, reverse=bool(direction))
            outputs.append(y)
            hs.append(h)
            cs.append(c)
        x = outputs[0] if directions == 1 else torch.cat(outputs, 2)
        if module.dropout and layer + 1 < module.num_layers:
            x = _dropped(x, module.dropout, module.training, lengths)
    return x, [torch.stack(hs), torch.stack(cs)] if lstm else [torch.stack(hs)]


def _dropped(x: Tensor, p: float, training: bool, lengths: Tensor | None) -> Tensor:
    """Dropout that draws as many random numbers as torch does: for packed sequences, none beyond their ends."""
    if lengths is None or not training:
        return functional.dropout(x, p, training)
    data, batch_sizes = torch._VF._pack_padded_sequence(x, lengths, False)
    data = functional.dropout(data, p, training)
    return torch._VF._pad_packed_sequence(data, batch_sizes, False, 0.0, len(x))[0]


def _weights(module: nn.RNNBase, row: int) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """weight_ih, weight_hh, bias_ih, bias_hh of one layer in one direction."""
    count = 4 if module.bias else 2
    found: Any = module._flat_weights[row * count : (row + 1) * count]
    return (*found, None, None) if count == 2 else tuple(found)
