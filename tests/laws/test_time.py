"""Step by step = the whole sequence = any split of it, with the state carried."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings, strategies

from tests.laws.cases import (
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
from unspool.engine import run, unroll

pytestmark = pytest.mark.no_cover  # the tests of cells and engine run these lines too; counting them doubles the time


@each(STEPPABLE)
def test_steps_equal_the_sequence(case: Case, generator: torch.Generator) -> None:
    cell = case.build(generator)
    x = normal(generator, 7, 5, 3).requires_grad_()
    start = require_grad(random_state(cell, 5, generator))
    state, outputs = start, []
    for t in range(7):
        shown, state = cell.step(cell.project(x[t]), state)
        outputs.append(shown.h)
    whole = unroll(cell, x, start)
    assert whole.output.shape == (7, 5, cell.output_size)
    ours, theirs = [whole.output, *live_leaves(whole.state)], [torch.stack(outputs), *live_leaves(state)]
    assert_close(ours, theirs)
    assert_close(gradients(cell, x, start, ours), gradients(cell, x, start, theirs))


@each(STEPPABLE)
def test_projection_is_pointwise_in_time(case: Case, generator: torch.Generator) -> None:
    cell = case.build(generator)
    x = normal(generator, 4, 2, 3)
    projected = cell.project(x)
    for t in range(4):
        assert_close([cell.project(x[t])], [projected[t]])


@given(cuts=strategies.sets(strategies.integers(1, 8)), seed=strategies.integers(0, 9))
@settings(max_examples=4, deadline=None, derandomize=True, database=None)
def _check_splits(case: Case, cuts: set[int], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    cell = case.build(generator)
    x = normal(generator, 9, 2, 3).requires_grad_()
    start = require_grad(random_state(cell, 2, generator))
    whole = run(cell, x, start)
    state, outputs = start, []
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), 9], strict=True):
        output, state, _ = run(cell, x[begin:end], state)
        outputs.append(output)
    ours, theirs = [torch.cat(outputs), *live_leaves(state)], [whole.output, *live_leaves(whole.state)]
    assert_close(ours, theirs)
    assert_close(gradients(cell, x, start, ours), gradients(cell, x, start, theirs))


@each(STEPPABLE)
def test_any_split_equals_the_sequence(case: Case) -> None:
    _check_splits(case)


@each([case for case in LAYERS if "bidirectional" not in case.name])
def test_layers_split_like_cells(case: Case, generator: torch.Generator) -> None:
    layer = case.build(generator)
    x = normal(generator, 9, 2, 3)
    start = random_state(layer, 2, generator)
    whole = layer(x, start)
    first = layer(x[:4], start)
    second = layer(x[4:], first.state)
    assert_close([torch.cat([first.output, second.output])], [whole.output])
    assert_close(live_leaves(second.state), live_leaves(whole.state))


@each([case for case in STEPPABLE if case.name.startswith("stack")])
def test_a_stack_layer_by_layer_equals_a_stack_step_by_step(case: Case, generator: torch.Generator) -> None:
    stack = case.build(generator)
    x = normal(generator, 6, 3, 3).requires_grad_()
    start = require_grad(random_state(stack, 3, generator))
    lengths = [6, 0, 4]
    ours, theirs = stack(x, start, lengths), unroll(stack, x, start, lengths)
    one = [ours.output, *live_leaves(ours.state)]
    other = [theirs.output, *live_leaves(theirs.state)]
    assert_close(one, other)
    assert_close(gradients(stack, x, start, one), gradients(stack, x, start, other))


@each(STEPPABLE)
def test_the_state_carries_its_mask_and_takes_no_other(case: Case, generator: torch.Generator) -> None:
    cell = case.build(generator)
    start = cell.init_state(2, generator=generator)
    after = unroll(cell, normal(generator, 3, 2, 3), start, [3, 1]).state
    masks = [mask for mask in _masks(start) if mask is not None]
    assert len(masks) == (0 if "dropout" not in case.name and case.name != "stack-lstm" else len(_masks(start)))
    assert all(before is now for before, now in zip(_masks(start), _masks(after), strict=True))


def _masks(state: object) -> list[torch.Tensor | None]:
    if hasattr(state, "mask"):
        return [state.mask]
    if not isinstance(state, tuple):
        return []
    return [mask for branch in state for mask in _masks(branch)]
