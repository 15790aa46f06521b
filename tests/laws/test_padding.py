"""Padding is inert: nothing beyond a sequence's length, not even NaN, reaches results or gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.laws.cases import (
    CELLS,
    LAYERS,
    STEPPABLE,
    Case,
    assert_close,
    each,
    gradients,
    live_leaves,
    normal,
    random_state,
    require_grad,
)
from unspool.cells.state import select
from unspool.engine import run, unroll

pytestmark = pytest.mark.no_cover  # the tests of cells and engine run these lines too; counting them doubles the time

LENGTHS = [4, 0, 6, 1, 4]
STEPS = 7  # one more than the longest


def _padded(generator: torch.Generator) -> Tensor:
    x = normal(generator, STEPS, len(LENGTHS), 3)
    for row, length in enumerate(LENGTHS):
        x[length:, row] = float("nan")
    return x.requires_grad_()


def _alone(go: Any, x: Tensor, start: Any) -> list[Tensor]:
    """Each sequence by itself, without padding; outputs filled up with zeros, and final states."""
    outputs, states = [], []
    for row, length in enumerate(LENGTHS):
        state = select(start, slice(row, row + 1))
        if length == 0:
            width = go(torch.zeros(1, 1, 3, dtype=x.dtype), state).output.shape[2]
            output = torch.zeros(0, 1, width, dtype=x.dtype)
        else:
            output, state, _ = go(x[:length, row : row + 1], state)
        outputs.append(torch.cat([output, output.new_zeros(STEPS - length, *output.shape[1:])]))
        states.append(live_leaves(state))
    return [torch.cat(outputs, dim=1), *(torch.cat(column) for column in zip(*states, strict=True))]


def _compare(module: Any, go: Any, generator: torch.Generator) -> None:
    x = _padded(generator)
    start = require_grad(random_state(module, len(LENGTHS), generator))
    padded = go(x, start, torch.tensor(LENGTHS))
    ours = [padded.output, *live_leaves(padded.state)]
    theirs = _alone(go, x, start)
    assert_close(ours, theirs)
    found, expected = gradients(module, x, start, ours), gradients(module, x, start, theirs)
    assert_close(found, expected)
    for row, length in enumerate(LENGTHS):
        assert torch.equal(padded.output[length:, row], torch.zeros_like(padded.output[length:, row]))
        assert torch.equal(found[0][length:, row], torch.zeros_like(found[0][length:, row]))


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("way", [unroll, run])
@each(STEPPABLE)
def test_padding_is_inert(case: Case, way: Any, reverse: bool, generator: torch.Generator) -> None:
    cell = case.build(generator)
    _compare(cell, lambda *a: way(cell, *a, reverse=reverse), generator)


@each(LAYERS)
def test_padding_is_inert_in_layers(case: Case, generator: torch.Generator) -> None:
    layer = case.build(generator)
    _compare(layer, layer, generator)


@each(LAYERS)
def test_length_0_leaves_the_state_alone(case: Case, generator: torch.Generator) -> None:
    layer = case.build(generator)
    start = random_state(layer, 2, generator)
    x = torch.full((3, 2, 3), float("nan"), dtype=torch.float64)
    output, state, _ = layer(x, start, [0, 0])
    assert torch.equal(output, torch.zeros(3, 2, layer.output_size, dtype=torch.float64))
    assert all(torch.equal(*pair) for pair in zip(live_leaves(state), live_leaves(start), strict=True))


@each(CELLS)
def test_cotangents_beyond_the_length_do_not_count(case: Case, generator: torch.Generator) -> None:
    cell = case.build(generator)
    x = _padded(generator)
    output = run(cell, x, lengths=LENGTHS).output
    cotangent = normal(generator, *output.shape)
    poisoned = cotangent.clone()
    for row, length in enumerate(LENGTHS):
        poisoned[length:, row] = float("nan")
    wanted = [x, *cell.parameters()]
    clean = torch.autograd.grad(output, wanted, cotangent, retain_graph=True)
    assert_close(torch.autograd.grad(output, wanted, poisoned), clean)


@each(CELLS)
def test_records_are_0_beyond_the_length(case: Case, generator: torch.Generator) -> None:
    cell = case.build(generator)
    x = _padded(generator)
    start = random_state(cell, len(LENGTHS), generator)
    record = unroll(cell, x, start, LENGTHS, record=cell.records).record
    assert tuple(record) == cell.records
    for row, length in enumerate(LENGTHS):
        for name, values in record.items():
            assert torch.equal(values[length:, row], torch.zeros_like(values[length:, row])), name
            if length:
                alone = unroll(cell, x[:length, row : row + 1], select(start, slice(row, row + 1)), record=[name])
                assert_close([values[:length, row]], [alone.record[name][:, 0]])
