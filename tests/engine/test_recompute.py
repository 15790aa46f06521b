"""Checkpointed BPTT: the same gradients, from about 2 sqrt(T) steps in memory instead of T."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.laws.cases import (
    CELLS,
    Case,
    assert_close,
    each,
    gradients,
    live_leaves,
    normal,
    random_state,
    require_grad,
)
from unspool.cells import LSTM
from unspool.engine import Recurrent, build_stack, kernels


@pytest.mark.no_cover
@pytest.mark.parametrize("on", [True, False], ids=["kernel", "loop"])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("steps", [1, 2, 17])
@each(CELLS)
def test_the_gradients_are_those_of_plain_bptt(
    case: Case, steps: int, reverse: bool, on: bool, generator: torch.Generator
) -> None:
    cell = case.build(generator)
    plain, frugal = Recurrent(cell), Recurrent(cell, recompute=True)
    x = normal(generator, steps, 3, 3).requires_grad_()
    start = require_grad(random_state(cell, 3, generator))
    both = []
    for layer in (frugal, plain):
        with kernels(on):
            result = layer(x, start, [steps, 0, (steps + 1) // 2], reverse=reverse)
            values = [result.output, *live_leaves(result.state)]
            both.append([*values, *gradients(layer, x, start, values)])
    assert_close(*both)


def test_records_are_the_same(generator: torch.Generator) -> None:
    cell = Case("", lambda: LSTM(3, 4)).build(generator)
    x = normal(generator, 10, 3, 3)
    for reverse in (False, True):
        plain = Recurrent(cell)(x, record=["i", "c"], reverse=reverse).record
        frugal = Recurrent(cell, recompute=True)(x, record=["i", "c"], reverse=reverse).record
        assert plain.keys() == frugal.keys()
        assert_close(list(frugal.values()), list(plain.values()))


def test_a_step_that_draws_draws_the_same_again(generator: torch.Generator) -> None:
    stack = Case("", lambda: build_stack("rnn", 3, 20, 2, dropout=0.5)).build(generator)
    x = normal(generator, 10, 2, 3)
    both = []
    for recompute in (True, False):
        torch.manual_seed(4)
        output = Recurrent(stack, recompute=recompute)(x).output
        both.append([output, *torch.autograd.grad(output.square().sum(), list(stack.parameters()))])
    assert_close(*both)


def test_without_gradients_nothing_is_checkpointed(generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("unspool.engine.recompute.checkpoint", fail)
    layer = Case("", lambda: Recurrent(LSTM(3, 4), recompute=True)).build(generator)
    with torch.no_grad():
        layer(normal(generator, 9, 2, 3))


def _peak(layer: nn.Module, x: Tensor) -> int:
    """The most bytes that torch held at once during a forward and a backward pass."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        layer(x).output.sum().backward()
    assert profile.profiler is not None
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = itertools.accumulate(event.nbytes() for event in sorted(events, key=lambda event: event.start_ns()))
    return max(held)


def test_it_holds_a_fraction_of_the_memory(generator: torch.Generator) -> None:
    cell = LSTM(2, 16, peephole=True, recurrent_dropout=0.3)
    x = normal(generator, 144, 8, 2, dtype=torch.float32).requires_grad_()
    plain, frugal = _peak(Recurrent(cell), x), _peak(Recurrent(cell, recompute=True), x)
    outputs = 2 * 4 * 144 * 8 * 16  # in both cases, and twice while the segments' are put together
    assert frugal < plain / 4
    assert frugal - outputs < (plain - outputs) / 10  # about sqrt(T) = 12 times less
