"""Our layers = torch.nn.RNN, LSTM and GRU on the same weights: outputs, states, gradients, also packed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.laws.cases import assert_close, normal
from unspool.cells import ElmanState, GRUState, LSTMState
from unspool.engine import BidirectionalState, Stack, build_stack, kernels

OPTIONS: dict[str, tuple[str, dict[str, Any], type[nn.RNNBase], dict[str, Any]]] = {
    "tanh": ("rnn", {}, nn.RNN, {}),
    "relu": ("rnn", {"nonlinearity": "relu"}, nn.RNN, {"nonlinearity": "relu"}),
    "lstm": ("lstm", {}, nn.LSTM, {}),
    "gru": ("gru", {}, nn.GRU, {}),
}
H = 5


def _pair(option: str, layers: int, bidirectional: bool, generator: torch.Generator) -> tuple[Stack, nn.RNNBase]:
    name, ours_options, theirs_type, theirs_options = OPTIONS[option]
    ours = build_stack(name, 3, H, layers, bidirectional=bidirectional, **ours_options).double()
    theirs = theirs_type(3, H, layers, bidirectional=bidirectional, **theirs_options).double()
    for parameter in theirs.parameters():
        parameter.data = normal(generator, *parameter.shape) * 0.5
    names = theirs.state_dict()
    for index, layer in enumerate(ours):
        cells = [layer.ahead.cell, layer.back.cell] if bidirectional else [layer.cell]
        for cell, suffix in zip(cells, ["", "_reverse"], strict=False):
            cell.load_state_dict({key: names[f"{key}_l{index}{suffix}"] for key in cell.state_dict()})
    return ours, theirs


def _start(option: str, layers: int, directions: int, batch: int, generator: torch.Generator) -> tuple[Any, Any]:
    """The same random start in our form and in torch's [L * directions, B, H]."""
    parts = 2 if option == "lstm" else 1
    theirs = tuple(normal(generator, layers * directions, batch, H).requires_grad_() for _ in range(parts))
    kind = {"lstm": LSTMState, "gru": GRUState}.get(option, ElmanState)
    rows = [kind(*(part[row] for part in theirs)) for row in range(layers * directions)]
    ours = tuple(
        BidirectionalState(*rows[i : i + 2]) if directions == 2 else rows[i] for i in range(0, len(rows), directions)
    )
    return ours, theirs


def _torch_form(state: Any, directions: int, parts: int) -> list[Tensor]:
    rows = [row for layer in state for row in (layer if directions == 2 else [layer])]
    return [torch.stack([row[part] for row in rows]) for part in range(parts)]


def _by_torch_name(stack: Stack) -> dict[str, nn.Parameter]:
    named = {}
    for key, parameter in stack.named_parameters():
        _, layer, *way, name = key.split(".")
        named[f"{name}_l{layer}{'_reverse' if 'back' in way else ''}"] = parameter
    return named


@pytest.mark.parametrize("lengths", [None, [6, 1, 4, 6]], ids=["full", "packed"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one-way", "two-way"])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("on", [True, False], ids=["kernel", "loop"])
@pytest.mark.parametrize("option", list(OPTIONS))
def test_the_same_weights_give_the_same_results(
    option: str,
    on: bool,
    layers: int,
    bidirectional: bool,
    lengths: list[int] | None,
    generator: torch.Generator,
) -> None:
    ours, theirs = _pair(option, layers, bidirectional, generator)
    directions, batch = 1 + bidirectional, 4
    x = normal(generator, 6, batch, 3).requires_grad_()
    start, torch_start = _start(option, layers, directions, batch, generator)
    with kernels(on):
        result = ours(x, start, lengths)
    hx: Any = torch_start if option == "lstm" else torch_start[0]
    if lengths is None:
        expected, last = theirs(x, hx)
    else:
        packed, last = theirs(pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False), hx)
        expected, _ = pad_packed_sequence(packed)
    one = [result.output, *_torch_form(result.state, directions, len(torch_start))]
    other = [expected, *(last if option == "lstm" else [last])]
    assert_close(one, other)
    cotangents = [normal(generator, *value.shape) for value in other]
    names = _by_torch_name(ours)
    assert names.keys() == dict(theirs.named_parameters()).keys()
    found = torch.autograd.grad(one, [x, *torch_start, *names.values()], cotangents)
    wanted = [x, *torch_start, *(theirs.get_parameter(name) for name in names)]
    assert_close(found, torch.autograd.grad(other, wanted, cotangents))
