"""The native kernel of a window on a text = the loop: outputs, states, all gradients; and which calls it takes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from unspool.cells import GRU, LSTM
from unspool.cells.state import leaves
from unspool.engine import explain, kernels, native, unroll, windowed
from unspool.engine.library import ISAS
from unspool.errors import ShapeError, SpecError
from unspool.nets.clipping import ClippedLSTM, Clipping
from unspool.nets.reading import ReadingStack
from unspool.nets.window import Memory, Windowed, remembered

needs_library = pytest.mark.skipif(not native.BUILT, reason="the native engine was not built")

# T, B, lengths, H, symbols, components, symbols of the longest text
CASES: list[tuple[int, int, list[int] | None, int, int, int, int]] = [
    (1, 1, None, 1, 1, 1, 1),
    (9, 3, None, 5, 4, 3, 6),
    (13, 5, [13, 2, 0, 13, 7], 17, 7, 10, 40),
    (7, 26, [*(6 * [7, 1, 3, 5]), 0, 7], 33, 20, 2, 17),  # by sequences, two threads
    (6, 3, [6, 4, 1], 130, 66, 11, 33),  # by units, two threads
    (3, 2, [0, 0], 4, 3, 2, 5),
]
each = pytest.mark.parametrize("case", CASES, ids=lambda case: f"T{case[0]} B{case[1]} H{case[3]}")


def made(case: Any, peephole: bool = True) -> Windowed:
    _, _, _, hidden, symbols, components, _ = case
    module = Windowed(LSTM(3 + symbols, hidden, peephole=peephole), symbols, components, pace=0.5)
    with torch.no_grad():
        for parameter in module.cell.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape) / hidden**0.5)
        module.shape.bias.add_(0.3 * torch.randn(module.shape.bias.shape))
    return module


def text(case: Any, dense: bool) -> tuple[Tensor, list[int]]:
    """Ids, or vectors; what stands beyond a text is no number."""
    _, batch, _, _, symbols, _, width = case
    ends: list[int] = torch.randint(1, width + 1, (batch,)).tolist()
    ends[0] = width
    if not dense:
        return torch.randint(symbols, (batch, width)), ends
    values = torch.randn(batch, width, symbols)
    for row, end in enumerate(ends):
        values[row, end:] = torch.nan
    return values, ends


def results(way: Any, module: Windowed, case: Any, given: Any, dtype: torch.dtype, reverse: bool) -> list[Tensor]:
    """Outputs, states and all gradients; what lies beyond the lengths is NaN."""
    steps, batch, lengths, *_ = case
    points = torch.Generator().manual_seed(5)
    x = torch.randn(steps, batch, 3, generator=points).to(dtype)
    for row, length in enumerate(lengths or []):
        x[length:, row] = torch.nan
    start = module.init_state(batch)
    for leaf in leaves(start):
        leaf.copy_(torch.rand(leaf.shape, generator=points))
        leaf.requires_grad_()
    ids, ends = given
    memory = remembered(ids if ids.dim() == 2 else ids.to(dtype), module.symbols, ends, dtype=dtype)
    found = way(module, x.requires_grad_(), start, lengths, memory, reverse=reverse)
    values: list[Tensor] = [found.output, *leaves(found.state)]
    weights = [torch.randn(value.shape, generator=points).to(dtype) for value in values]
    wanted = [x, *leaves(start), *module.parameters()]
    total = torch.stack([(value * weight).sum() for value, weight in zip(values, weights, strict=True)]).sum()
    return [*(value.detach() for value in values), *torch.autograd.grad(total, wanted)]


@needs_library
@pytest.mark.parametrize("instructions", ISAS, indirect=True)
@pytest.mark.parametrize("threads", [1, 2])
@each
def test_outputs_states_and_gradients_are_the_loops(case: Any, threads: int, instructions: str) -> None:
    torch.manual_seed(len(instructions))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for peephole, dense, reverse in ((True, False, False), (False, True, True), (True, True, False)):
            module, given = made(case, peephole), text(case, dense)
            exact = results(unroll, copy.deepcopy(module).double(), case, given, torch.float64, reverse)
            fast = results(windowed.run, module, case, given, torch.float32, reverse)
            for ours, theirs in zip(fast, exact, strict=True):
                size = float(theirs.abs().max()) if theirs.numel() else 0.0
                torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=2e-5 * max(size, 1.0))
    finally:
        torch.set_num_threads(before)


@needs_library
@pytest.mark.parametrize("instructions", ISAS[:2], indirect=True)
@pytest.mark.parametrize("threads", [1, 2])
@each
def test_bfloat16_factors_lose_two_hundredths_at_most(
    case: Any, threads: int, instructions: str, bfloat16: None
) -> None:
    torch.manual_seed(len(instructions))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for reverse in (False, True):
            module, given = made(case), text(case, dense=False)
            exact = results(windowed.run, module, case, given, torch.float32, reverse)
            module.cell.precision = "bf16"
            rounded = results(windowed.run, module, case, given, torch.float32, reverse)
            for ours, theirs in zip(rounded, exact, strict=True):
                size = float(theirs.abs().max()) if theirs.numel() else 0.0
                torch.testing.assert_close(ours, theirs, rtol=0, atol=0.02 * max(size, 1e-3))
            assert not torch.equal(rounded[0], exact[0]) or not exact[0].any()
    finally:
        torch.set_num_threads(before)


@needs_library
def test_derivatives_of_derivatives_are_the_loops() -> None:
    torch.manual_seed(1)
    case = CASES[1]
    module, (ids, ends) = made(case), text(case, dense=False)
    memory, found = remembered(ids, module.symbols, ends), []
    for on in (True, False):
        x = torch.ones(5, 3, 3, requires_grad=True)
        with kernels(on):
            output = ReadingStack(module)(x, context=memory).output
        (first,) = torch.autograd.grad(output.square().sum(), x, create_graph=True)
        found.append(torch.autograd.grad(first.square().sum(), [x, *module.parameters()]))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


@needs_library
def test_a_long_text_and_a_window_far_from_it() -> None:
    """Where no bell reaches the text, the window is 0, and so are its derivatives."""
    case = (4, 1, None, 4, 3, 2, 300)
    torch.manual_seed(2)
    module, given = made(case), text(case, dense=False)
    for place in (-1e4, 150.5, 1e4):
        with torch.no_grad():
            module.shape.bias[2 * 2 :].fill_(torch.tensor(abs(place)).log().item())
        exact = results(unroll, copy.deepcopy(module).double(), case, given, torch.float64, False)
        fast = results(windowed.run, module, case, given, torch.float32, False)
        for ours, theirs in zip(fast, exact, strict=True):
            size = float(theirs.abs().max())
            torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=1e-3 * max(size, 1.0))


@needs_library
def test_explain_says_which_way_a_call_goes() -> None:
    def told(cell: Any, **options: Any) -> str:
        stack = ReadingStack(Windowed(cell, 2, 3))
        memory = options.pop("memory", None) or remembered(torch.tensor([[0, 1]]), 2)

        class Call(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.stack = stack

            def forward(self, x: Tensor) -> Any:
                return self.stack(x, context=memory, **options)

        return explain(Call(), torch.zeros(3, 1, 4))

    assert "runs on native: unspool's C++ kernel, cell and window" in told(LSTM(6, 4))
    assert "runs on loop: there is no native kernel for Windowed over GRU" in told(GRU(6, 4))
    assert "runs on loop: there is no native kernel for Windowed over ClippedLSTM" in told(
        ClippedLSTM(6, 4, Clipping())
    )
    assert "runs on loop: the native kernel records nothing" in told(LSTM(6, 4), record=["0.phi"])
    vectors = remembered(torch.randn(1, 2, 2, requires_grad=True), 2)
    assert "runs on loop: the native kernel has no derivative of the text" in told(LSTM(6, 4), memory=vectors)
    with kernels(False):
        assert "runs on loop: kernels are switched off" in told(LSTM(6, 4))


@needs_library
def test_a_memory_is_checked_before_c_reads_it() -> None:
    module = Windowed(LSTM(5, 4), 2, 3)
    memory = remembered(torch.tensor([[0, 1]]), 2)
    for wrong in (0, 3):
        with pytest.raises(ShapeError, match="make it with remembered"):
            windowed.run(module, torch.zeros(3, 1, 3), context=memory._replace(lengths=torch.tensor([wrong])))
    with pytest.raises(SpecError, match="must be given a text"):
        windowed.run(module, torch.zeros(3, 1, 3))
    with pytest.raises(ShapeError, match="one text a sequence"):
        windowed.run(module, torch.zeros(3, 2, 3), context=memory)
    assert isinstance(memory, Memory)


@needs_library
def test_two_windows_in_turn_are_one() -> None:
    torch.manual_seed(3)
    case = CASES[2]
    module, (ids, ends) = made(case), text(case, dense=False)
    memory, x = remembered(ids, module.symbols, ends), torch.randn(12, 5, 3)
    with torch.no_grad():
        whole = windowed.run(module, x, context=memory)
        first = windowed.run(module, x[:5], context=memory)
        second = windowed.run(module, x[5:], first.state, context=memory)
    torch.testing.assert_close(torch.cat([first.output, second.output]), whole.output, rtol=0, atol=1e-6)
    torch.testing.assert_close(second.state.kappa, whole.state.kappa, rtol=0, atol=1e-6)
