"""A step for many streams equals a sequence of one step, whichever way it goes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from unspool.cells import state as trees
from unspool.engine.layers import build_stack
from unspool.engine.stepping import FEW, step_stack
from unspool.errors import SpecError


@pytest.mark.parametrize("rows", [1, FEW - 1, FEW])
@pytest.mark.parametrize(
    "options",
    [
        {"cell": "lstm", "layers": 2, "skip": True, "peephole": True},
        {"cell": "gru", "layers": 1},
        {"cell": "rnn", "layers": 2, "residual": True, "layer_norm": True},
    ],
    ids=str,
)
def test_steps_equal_the_whole_sequence(rows: int, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    stack = build_stack(input_size=3, hidden_size=8, **options).eval()
    x = torch.randn(5, rows, 3)
    whole = stack(x)
    state = stack.init_state(rows)
    for step, expected in zip(x, whole.output, strict=True):
        output, state = step_stack(stack, step, state)
        torch.testing.assert_close(output, expected, atol=1e-6, rtol=0)
        assert not output.requires_grad
    for leaf, expected in zip(trees.leaves(state), trees.leaves(whole.state), strict=True):
        torch.testing.assert_close(leaf, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("rows", [1, FEW])
def test_two_directions_are_refused(rows: int) -> None:
    stack = build_stack("gru", 3, 4, 1, bidirectional=True).eval()
    with pytest.raises(SpecError, match="got a Bidirectional; train a model of one direction"):
        step_stack(stack, torch.zeros(rows, 3), stack.init_state(rows))
