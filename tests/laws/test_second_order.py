"""Derivatives that can be derived again, where the inputs of a layer hang together: states, sharing, ties."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import unspool.nn
from tests.laws.cases import assert_close, live_leaves, normal
from unspool.cells import GRU, LSTM, Elman
from unspool.engine import choose, explain, kernels, run

SIZE = 5
LAYERS = [unspool.nn.RNN, unspool.nn.LSTM, unspool.nn.GRU]


def _carried(layer: Any, x: Tensor) -> Tensor:
    _, state = layer(x[:6])
    output: Tensor = layer(x[6:], state)[0]
    return output


def _twice(layer: Any, x: Tensor) -> Tensor:
    output: Tensor = layer(layer(x)[0])[0]
    return output


def _tied_biases(layer: Any, x: Tensor) -> Tensor:
    layer.bias_hh_l0 = layer.bias_ih_l0
    output: Tensor = layer(x)[0]
    return output


def _tied_weights(layer: Any, x: Tensor) -> Tensor:
    layer.weight_hh_l0 = layer.weight_ih_l0
    output: Tensor = layer(x)[0]
    return output


def _state_of_the_input(layer: Any, x: Tensor) -> Tensor:
    h = torch.stack([x.mean(0), x[0] * x[1]])
    output: Tensor = layer(x, (h, h.sin()) if isinstance(layer, nn.LSTM) else h)[0]
    return output


SCENES = [_carried, _twice, _tied_biases, _tied_weights, _state_of_the_input]


def _drawn(module: Any, generator: torch.Generator) -> Any:
    for parameter in module.parameters():
        parameter.data = normal(generator, *parameter.shape, dtype=torch.float32) * 0.4
    return module


def _derivatives(output: Tensor, wanted: Sequence[Tensor]) -> list[Tensor]:
    """The derivatives of a loss, and those of their own squared length (a gradient penalty)."""
    first = torch.autograd.grad(output.pow(2).sum(), wanted, create_graph=True)
    penalty = sum((slope.pow(2).sum() for slope in first), torch.zeros((), dtype=output.dtype))
    return [*first, *torch.autograd.grad(penalty, wanted)]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__.strip("_"))
@pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)
def test_both_derivatives_of_a_layer_are_those_of_torchs(
    kind: Any, scene: Callable[[Any, Tensor], Tensor], generator: torch.Generator
) -> None:
    found = []
    layer = _drawn(kind(SIZE, SIZE, 2), generator)
    start = normal(generator, 12, 3, SIZE, dtype=torch.float32)
    assert "runs on native" in explain(layer, start)
    theirs = getattr(nn, kind.__name__)(SIZE, SIZE, 2).double()
    theirs.load_state_dict(layer.state_dict())
    for module, dtype in ((layer, torch.float32), (theirs, torch.float64)):
        x = start.to(dtype).requires_grad_()
        output = scene(module, x)
        found.append([value.double() for value in _derivatives(output, [x, *module.parameters()])])
    assert_close(found[0], found[1], tolerance=2e-5)


CELLS = [
    Elman(SIZE, SIZE, "sigmoid"),
    LSTM(SIZE, SIZE, peephole=True),
    GRU(SIZE, SIZE, reset="before"),
]


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: type(cell).__name__)
def test_both_derivatives_of_a_cell_are_the_loops(cell: Any, reverse: bool, generator: torch.Generator) -> None:
    """The last state of one call is the first of the next, and its outputs are the inputs; lengths differ."""
    start = normal(generator, 7, 3, SIZE, dtype=torch.float32)
    _drawn(cell, generator)
    assert choose(cell, start).kernel == "native"
    found = []
    for on in (True, False):
        x = start.clone().requires_grad_()
        with kernels(on):
            first = run(cell, x, lengths=[7, 0, 4], reverse=reverse)
            second = run(cell, first.output, first.state, [2, 7, 5], reverse=reverse)
            values = torch.cat([second.output.flatten(), *(leaf.flatten() for leaf in live_leaves(second.state))])
            found.append(_derivatives(values, [x, *cell.parameters()]))
    assert_close(found[0], found[1], tolerance=2e-5)
