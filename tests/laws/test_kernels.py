"""Every kernel = the loop: outputs, states, all gradients; at odd sizes, both ways, with lengths."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.laws.cases import (
    LAYERS,
    Case,
    assert_close,
    each,
    gradients,
    live_leaves,
    normal,
    random_state,
    require_grad,
)
from unspool.cells import GRU, LSTM, Elman
from unspool.engine import choose, kernels, run, unroll

FUSED = [
    Case("elman-tanh", lambda: Elman(3, 5)),
    Case("elman-relu", lambda: Elman(3, 5, "relu")),
    Case("lstm", lambda: LSTM(3, 5)),
    Case("gru", lambda: GRU(3, 5)),
    Case("lstm-1", lambda: LSTM(1, 1)),
    Case("gru-wide", lambda: GRU(17, 33)),
    Case("lstm-wide", lambda: LSTM(17, 33)),
]
SHAPES: list[tuple[int, int, list[int] | None]] = [
    (1, 1, None),
    (1, 3, [1, 0, 1]),
    (9, 1, [7]),
    (13, 5, None),
    (13, 5, [13, 2, 0, 13, 7]),
    (13, 5, [4, 4, 4, 4, 4]),
    (13, 6, [1, 2, 3, 4, 5, 6]),
    (3, 2, [0, 0]),
]
TOLERANCE = {torch.float64: 1e-11, torch.float32: 2e-5}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@each(FUSED)
def test_the_torch_kernel_equals_the_loop(
    case: Case,
    shape: tuple[int, int, list[int] | None],
    reverse: bool,
    dtype: torch.dtype,
    generator: torch.Generator,
) -> None:
    steps, batch, lengths = shape
    cell = case.build(generator, dtype)
    x = normal(generator, steps, batch, cell.input_size, dtype=dtype).requires_grad_()
    start = require_grad(random_state(cell, batch, generator))
    assert choose(cell, x, start, lengths).kernel == "torch"
    both = []
    for way in (run, unroll):
        result = way(cell, x, start, lengths, reverse=reverse)
        values = [result.output, *live_leaves(result.state)]
        both.append([*values, *gradients(cell, x, start, values)])
    assert type(result.state) is type(start)
    assert_close(*both, tolerance=TOLERANCE[dtype])


@each(LAYERS)
def test_layers_with_kernels_equal_layers_without(case: Case, generator: torch.Generator) -> None:
    layer = case.build(generator, torch.float32)
    x = normal(generator, 10, 4, 3, dtype=torch.float32).requires_grad_()
    start = require_grad(random_state(layer, 4, generator))
    both = []
    for on in (True, False):
        with kernels(on):
            result = layer(x, start, [3, 10, 0, 8])
            values = [result.output, *live_leaves(result.state)]
            both.append([*values, *gradients(layer, x, start, values)])
    assert_close(*both, tolerance=2e-5)


@each(FUSED[:4])
def test_without_gradients_the_results_are_the_same(case: Case, generator: torch.Generator) -> None:
    cell: Any = case.build(generator, torch.float32)
    x = normal(generator, 8, 4, 3, dtype=torch.float32)
    with torch.no_grad():
        quiet = run(cell, x, lengths=[8, 1, 0, 5])
    loud = run(cell.eval(), x, lengths=[8, 1, 0, 5])
    assert not quiet.output.requires_grad
    assert loud.output.requires_grad  # evaluation mode does not decide about gradients
    assert_close([quiet.output, *live_leaves(quiet.state)], [loud.output, *live_leaves(loud.state)], 1e-6)


@each(FUSED[:4])
def test_strided_inputs_and_states_are_welcome(case: Case, generator: torch.Generator) -> None:
    cell = case.build(generator, torch.float32)
    x = normal(generator, 4, 8, 3, dtype=torch.float32).transpose(0, 1)  # batch first, seen as time first
    start = type(cell.init_state(1))(
        *(normal(generator, 5, 4, dtype=torch.float32).t() for _ in cell.init_state(1)[:-1])
    )
    ours, theirs = run(cell, x, start), unroll(cell, x, start)
    assert_close([ours.output, *live_leaves(ours.state)], [theirs.output, *live_leaves(theirs.state)], 1e-5)
