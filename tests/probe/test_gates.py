"""Gates that are forced open or shut are counted so, padding is not counted, and the network is left alone."""

from __future__ import annotations

import pytest
import torch

from tests.laws.cases import normal
from unspool.cells import CELLS, LSTM, Elman
from unspool.engine.layers import Recurrent, Stack, build_stack
from unspool.engine.unroll import unroll
from unspool.probe.gates import Activity, activities

T, B, INPUT, H = 6, 3, 2, 4


def found(stack: Stack, x: torch.Tensor, lengths: list[int] | None = None) -> dict[str, Activity]:
    measured = activities(stack, lambda batch: stack(batch, None, lengths), [x])
    return {f"{one.layer}{one.direction[:1]}.{one.name}": one for one in measured}


def test_forced_gates_and_a_memory_without_bounds() -> None:
    """i and f open, o shut, g = 1: c counts the steps, 1 ... T."""
    cell = LSTM(1, H)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.bias_ih.copy_(torch.tensor([50.0, 50.0, 50.0, -50.0]).repeat_interleave(H))
    shown = found(Stack([Recurrent(cell)]), torch.zeros(T, B, 1))
    assert list(shown) == ["1.i", "1.f", "1.g", "1.o", "1.c", "1.h"]
    assert [(shown[f"1.{g}"].below, shown[f"1.{g}"].above) for g in "ifgo"] == [(0, 1), (0, 1), (0, 1), (1, 0)]
    memory = shown["1.c"]
    assert (memory.smallest, memory.largest, memory.mean) == (1.0, T, pytest.approx((T + 1) / 2))
    assert memory.above == pytest.approx(1 - 1 / T), "the 1 of the first step is within the bounds"


def test_padding_does_not_count(generator: torch.Generator) -> None:
    cell, x = LSTM(INPUT, H), normal(generator, T, B, INPUT, dtype=torch.float32)
    shown = found(Stack([Recurrent(cell)]), x, [T, 0, 2])
    record = unroll(cell, x, record=["f"]).record["f"].detach()  # [T, B, H]
    values = torch.cat([record[:, 0], record[:2, 2]])
    gate = shown["1.f"]
    assert gate.mean == pytest.approx(float(values.mean()), rel=1e-6)
    assert (gate.smallest, gate.largest) == (pytest.approx(float(values.min())), pytest.approx(float(values.max())))


@pytest.mark.parametrize(
    ("nonlinearity", "below", "above"), [("tanh", 0.25, 0.25), ("relu", 0.5, 0.0), ("sigmoid", 0.25, 0.25)]
)
def test_the_plain_network_shows_its_output(nonlinearity: str, below: float, above: float) -> None:
    """One unit each at -5, -1, 1 and 5 before the nonlinearity."""
    cell = Elman(1, H, nonlinearity)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.bias_ih.copy_(torch.tensor([-5.0, -1.0, 1.0, 5.0]))
    shown = found(Stack([Recurrent(cell)]), torch.zeros(T, B, 1))
    assert list(shown) == ["1.h"]
    assert (shown["1.h"].below, shown["1.h"].above) == (below, above)


@pytest.mark.parametrize("cell", CELLS)
def test_every_layer_and_direction_is_there_and_the_network_is_left_alone(
    cell: str, generator: torch.Generator
) -> None:
    stack = build_stack(cell, INPUT, H, 2, bidirectional=True, dropout=0.5).train()
    x = normal(generator, T, B, INPUT, dtype=torch.float32)
    shown = found(stack, x)
    assert {name.split(".")[0] for name in shown} == {"1f", "1b", "2f", "2b"}
    assert stack.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in stack.modules())
    backward = stack[0].back.cell  # type: ignore[union-attr]
    record = unroll(backward, x, record=backward.records, reverse=True)
    assert shown["1b.h"].largest == pytest.approx(float(record.output.detach().max()), rel=1e-5)
