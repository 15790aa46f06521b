"""Gradients = finite differences, first and second, for inputs, initial state and all parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from tests.laws.cases import CELLS, LAYERS, STACKS, Case, each, live_leaves, normal, random_state
from unspool.engine import unroll

pytestmark = pytest.mark.no_cover  # the tests of cells and engine run these lines too; counting them doubles the time


def _function(case: Case, generator: torch.Generator, reverse: bool = False) -> tuple[Any, list[Tensor]]:
    """A case as a function of x, its state's values and its parameters, and a point to start from."""
    module = case.build(generator)
    # relu is smooth away from 0 only: the sums must not sit there, which small numbers would
    x = normal(generator, 3, 3, 3)
    start = random_state(module, 3, generator)
    names = list(dict(module.named_parameters()))
    count = len(live_leaves(start))

    class Run(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, x: Tensor, state: Any) -> Any:
            if isinstance(self.inner, torch.nn.Module) and case in LAYERS:
                return self.inner(x, state, [3, 0, 2])
            return unroll(self.inner, x, state, [3, 0, 2], reverse=reverse)

    def function(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        state = _refill(start, list(rest[:count]))
        parameters = {f"inner.{name}": value for name, value in zip(names, rest[count:], strict=True)}
        result = functional_call(Run(), parameters, (x, state))
        return (result.output, *live_leaves(result.state))

    at = [x, *live_leaves(start), *(parameter.detach() for parameter in module.parameters())]
    return function, [value.clone().requires_grad_() for value in at]


def _refill(state: Any, values: list[Tensor]) -> Any:
    if state is None:
        return None
    if not isinstance(state, tuple):
        return values.pop(0)
    if "mask" in getattr(state, "_fields", ()):
        return type(state)(*(_refill(branch, values) for branch in state[:-1]), state.mask)
    children = [_refill(branch, values) for branch in state]
    return type(state)(*children) if hasattr(state, "_fields") else tuple(children)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@each(CELLS)
def test_first_derivatives(case: Case, reverse: bool, generator: torch.Generator) -> None:
    function, at = _function(case, generator, reverse)
    assert torch.autograd.gradcheck(function, at, fast_mode=reverse)  # every entry forward, a projection in reverse


@each(CELLS)
def test_second_derivatives(case: Case, generator: torch.Generator) -> None:
    function, at = _function(case, generator)
    assert torch.autograd.gradgradcheck(function, at, fast_mode=True)


@each([case for case in LAYERS if case not in STACKS] + STACKS[1:3])
def test_first_derivatives_of_layers(case: Case, generator: torch.Generator) -> None:
    function, at = _function(case, generator)
    assert torch.autograd.gradcheck(function, at, fast_mode=True)


# torch builds its forward-mode formulas with a function that it has itself deprecated
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
@each([case for case in CELLS if "dropout" not in case.name])
def test_forward_mode_agrees(case: Case, generator: torch.Generator) -> None:
    function, at = _function(case, generator)
    assert torch.autograd.gradcheck(function, at, fast_mode=True, check_forward_ad=True, check_backward_ad=False)
