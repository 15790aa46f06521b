"""Every kernel = the loop: outputs, states, all gradients; at odd sizes, both ways, with lengths."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

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
from unspool.engine import fused, kernels, native, run, unroll
from unspool.engine.library import ISAS

pytestmark = pytest.mark.no_cover  # the tests of cells and engine run these lines too; counting them doubles the time

NATIVE = [
    Case("elman-sigmoid", lambda: Elman(3, 5, "sigmoid")),
    Case("lstm-peephole", lambda: LSTM(3, 5, peephole=True)),
    Case("gru-before", lambda: GRU(3, 5, reset="before")),
    Case("lstm-peephole-wide", lambda: LSTM(17, 33, peephole=True)),
    Case("gru-before-wide", lambda: GRU(17, 33, reset="before")),
    Case("gru-after-wide", lambda: GRU(40, 20)),
]
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


shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)
ways = pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])


def results(way: Any, cell: Any, shape: Any, reverse: bool, dtype: torch.dtype) -> list[Tensor]:
    """Outputs, states and all gradients for one random input; what lies beyond the lengths is NaN."""
    generator = torch.Generator().manual_seed(3)
    steps, batch, lengths = shape
    x = normal(generator, steps, batch, cell.input_size, dtype=dtype)
    for row, length in enumerate(lengths or []):
        x[length:, row] = torch.nan
    x.requires_grad_()
    start = require_grad(random_state(cell, batch, generator))
    result = way(cell, x, start, lengths, reverse=reverse)
    assert type(result.state) is type(start)
    values = [result.output, *live_leaves(result.state)]
    return [*values, *gradients(cell, x, start, values)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@ways
@shapes
@each(FUSED)
def test_the_torch_kernel_equals_the_loop(
    case: Case, shape: Any, reverse: bool, dtype: torch.dtype, generator: torch.Generator
) -> None:
    cell = case.build(generator, dtype)
    ours = results(fused.run, cell, shape, reverse, dtype)
    assert_close(ours, results(unroll, cell, shape, reverse, dtype), tolerance=TOLERANCE[dtype])


@pytest.mark.parametrize("instructions", ISAS, indirect=True)
@ways
@shapes
@each([*FUSED, *NATIVE])
def test_the_native_kernel_equals_the_loop(
    case: Case, shape: Any, reverse: bool, instructions: str, generator: torch.Generator
) -> None:
    cell = case.build(generator, torch.float32)
    ours = results(native.run, cell, shape, reverse, torch.float32)
    assert_close(ours, results(unroll, cell, shape, reverse, torch.float32), tolerance=2e-5)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    case=st.sampled_from([*FUSED[:4], *NATIVE[:3]]),
    sizes=st.tuples(st.integers(8, 90), st.integers(8, 90)),  # one number alone may cancel to nothing
    steps=st.integers(1, 20),
    batch=st.integers(1, 20),
    ragged=st.booleans(),
    reverse=st.booleans(),
    threads=st.integers(1, 3),
    seed=st.integers(0, 2**30),
)
@pytest.mark.parametrize("instructions", ISAS, indirect=True)
def test_native_errors_are_those_of_float32(
    case: Case,
    sizes: tuple[int, int],
    steps: int,
    batch: int,
    ragged: bool,
    reverse: bool,
    threads: int,
    seed: int,
    instructions: str,
) -> None:
    """Error over the largest value, against the loop in float64: at most three times that of the loop in float32."""
    generator = torch.Generator().manual_seed(seed)
    small: Any = case.make()
    options = {name: getattr(small, name) for name in ("nonlinearity", "peephole", "reset") if hasattr(small, name)}
    exact = type(small)(*sizes, **options).double()
    for parameter in exact.parameters():  # gates that are not saturated, where 1 - s would lose what s still has
        parameter.data = normal(generator, *parameter.shape) * 0.5 / math.sqrt(parameter.shape[-1])
    single = copy.deepcopy(exact).float()
    lengths = torch.randint(0, steps + 1, (batch,), generator=generator).tolist() if ragged else None
    shape = (steps, batch, lengths)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        ours = results(native.run, single, shape, reverse, torch.float32)
    finally:
        torch.set_num_threads(before)
    truth = results(unroll, exact, shape, reverse, torch.float64)
    plain = results(unroll, single, shape, reverse, torch.float32)
    for one, other, true in zip(ours, plain, truth, strict=True):
        errors = [float((found.detach() - true.detach()).abs().max()) for found in (one, other)]
        assert errors[0] <= max(2e-6 * float(true.detach().abs().max()), 3 * errors[1])


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


@pytest.mark.parametrize("instructions", ISAS[:2], indirect=True)
@ways
@each(
    [case for case in (*FUSED[:4], *NATIVE[:3]) if case.name != "elman-relu"]
)  # whose slope jumps where a sum is near 0
def test_bfloat16_factors_lose_a_hundredth_at_most(
    case: Case, reverse: bool, bfloat16: None, generator: torch.Generator
) -> None:
    ragged = [6, 0, 2, 5, 6, 1, 1, 3, 6, 6, 6, 2, 4, 5]
    for sizes, shape in (((37, 50), (9, 7, None)), ((16, 33), (6, 14, ragged)), ((70, 64), (20, 33, None))):
        small: Any = case.make()
        options = {name: getattr(small, name) for name in ("nonlinearity", "peephole", "reset") if hasattr(small, name)}
        cell: Any = type(small)(*sizes, **options)
        truth = results(unroll, cell, shape, reverse, torch.float32)
        cell.precision = "bf16"
        for ours, true in zip(results(native.run, cell, shape, reverse, torch.float32), truth, strict=True):
            largest = float(true.detach().abs().max())
            error = float((ours.detach() - true.detach()).abs().max())
            assert error <= 0.01 * largest
        assert error > 0
