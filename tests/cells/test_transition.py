"""Layers between the steps: the DT(S)-RNN in NumPy, and what they must leave alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.laws.cases import Case, assert_close, normal
from unspool.cells import CELLS, GRU, LSTM, DeepTransition, Elman
from unspool.engine import choose, unroll
from unspool.errors import DataError, SpecError


@pytest.mark.parametrize("depth", [1, 3])
def test_it_is_pascanus_deep_transition(depth: int, generator: torch.Generator) -> None:
    """h_t = tanh(W^T (h_{t-1} + u^L) + U^T x_t + b): one layer after another, then the layer of the plain network."""
    deep = Case("", lambda: DeepTransition(Elman(3, 4, recurrent_dropout=0.5), depth)).build(generator)
    x, start = normal(generator, 5, 2, 3), deep.init_state(2, generator=generator)
    start = start._replace(h=normal(generator, 2, 4))
    get = {key: value.detach().numpy() for key, value in deep.named_parameters()}
    h, expected = start.h.numpy(), []
    for x_t in x.numpy():
        u = h
        for k in range(depth):
            u = np.tanh(u @ get[f"transition.{k}.weight"].T + get[f"transition.{k}.bias"])
        read = start.mask.numpy() * (h + u)
        sums = read @ get["cell.weight_hh"].T + get["cell.bias_hh"] + x_t @ get["cell.weight_ih"].T
        h = np.tanh(sums + get["cell.bias_ih"])
        expected.append(h)
    np.testing.assert_allclose(unroll(deep, x, start).output.detach().numpy(), np.stack(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", list(CELLS))
def test_layers_that_give_0_are_not_there(name: str, generator: torch.Generator) -> None:
    cell = Case(name, lambda: CELLS[name](3, 4)).build(generator)
    deep = DeepTransition(cell, 2).double()
    with torch.no_grad():
        deep.transition[1].weight.zero_()
        deep.transition[1].bias.zero_()
    x = normal(generator, 5, 2, 3)
    assert_close([unroll(deep, x).output], [unroll(cell, x).output])


def test_what_a_cell_carries_over_is_left_alone(generator: torch.Generator) -> None:
    """With the gates forced, c of an LSTM and h of a GRU go through a step as they are."""
    for kind, gate in ((LSTM, 1), (GRU, 1)):  # f of i f g o, z of r z n
        cell: Any = Case("", lambda kind=kind: kind(3, 4)).build(generator)
        with torch.no_grad():
            cell.bias_ih[4 * gate : 4 * gate + 4] = 1e6
            cell.bias_ih[:4] = -1e6  # i of the LSTM
        deep = Case("", lambda cell=cell: DeepTransition(cell)).make().double()
        start = deep.init_state(2)
        start = type(start)(*(normal(generator, 2, 4) for _ in start[:-1]))
        after = unroll(deep, normal(generator, 3, 2, 3), start).state
        assert_close([after[1] if kind is LSTM else after.h], [start[1] if kind is LSTM else start.h])


def test_the_loop_runs_it_and_it_shows_what_its_cell_shows() -> None:
    deep = DeepTransition(GRU(3, 4))
    choice = choose(deep, torch.zeros(20, 2, 3), deep.init_state(2))
    assert choice.kernel == "loop" and "no native kernel for DeepTransition" in choice.reason
    with pytest.raises(DataError, match=r"^x must be torch\.float32 as the weights are, got torch\.float64"):
        unroll(deep, torch.zeros(2, 1, 3, dtype=torch.float64))
    assert deep.records == ("r", "z", "n")
    assert deep.recurrent_weights == ("cell.weight_hh", "transition.0.weight")
    with pytest.raises(SpecError) as caught:
        DeepTransition(GRU(3, 4), 0)
    assert str(caught.value) == "depth must be at least 1, got 0; without layers between the steps use the cell"
