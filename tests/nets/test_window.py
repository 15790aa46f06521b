"""The soft window against a transcription of Graves (2013), (46)-(51); the laws in tests/laws run over it too."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.laws.cases import Case, normal
from tests.nets import graves
from unspool.cells import GRU, LSTM
from unspool.cells.state import expand, select
from unspool.engine import unroll
from unspool.errors import DataError, ShapeError, SpecError
from unspool.nets.window import Memory, Windowed, finished, remembered

SYMBOLS, HIDDEN, COMPONENTS = 5, 4, 3
IDS = torch.tensor([[0, 3, 1, 4], [2, 2, 0, 0], [4, 0, 0, 0]])
LENGTHS = [4, 2, 1]
RECORD = ("phi", "kappa", "window")


def windowed(generator: torch.Generator) -> Windowed:
    cell = LSTM(3 + SYMBOLS, HIDDEN, peephole=True)
    made: Windowed = Case("", lambda: Windowed(cell, SYMBOLS, COMPONENTS)).build(generator)
    return made


def texts(ids: Tensor = IDS, lengths: list[int] = LENGTHS) -> Memory:
    return remembered(ids, SYMBOLS, lengths, dtype=torch.float64)


def test_every_quantity_is_graves(generator: torch.Generator) -> None:
    module, x = windowed(generator), normal(generator, 9, 3, 3)
    output, state, record = unroll(module, x, context=texts(), record=RECORD)
    get, cell = graves.weights(module), graves.weights(module.cell)
    for row, length in enumerate(LENGTHS):
        text = np.eye(SYMBOLS)[IDS[row, :length].numpy()]
        h, c = np.zeros(HIDDEN), np.zeros(HIDDEN)
        shown = graves.Window(np.zeros(COMPONENTS), [], np.zeros(SYMBOLS))
        for t in range(9):
            h, c = graves.lstm(cell, np.concatenate([x[t, row].numpy(), shown.w]), h, c)  # the window of t - 1
            shown = graves.window(get["shape.weight"], get["shape.bias"], h, shown.kappa, text)
            padded = shown.phi + (4 - length) * [0.0]
            for name, expected in zip(RECORD, (padded, shown.kappa, shown.w), strict=True):
                np.testing.assert_allclose(record[name][t, row].detach().numpy(), expected, rtol=0, atol=1e-12)
            np.testing.assert_allclose(output[t, row].detach().numpy(), [*shown.w, *h], rtol=0, atol=1e-12)
        np.testing.assert_allclose(state.kappa[row].detach().numpy(), shown.kappa, rtol=0, atol=1e-12)


def test_derivatives_are_finite_differences_in_the_text_too(generator: torch.Generator) -> None:
    module = windowed(generator)
    x, vectors = normal(generator, 3, 2, 3), normal(generator, 2, 3, SYMBOLS)

    def function(x: Tensor, vectors: Tensor, *_: Tensor) -> tuple[Tensor, ...]:
        found = unroll(module, x, context=remembered(vectors, SYMBOLS, [3, 2]), record=("phi",))
        return found.output, found.state.kappa, found.record["phi"]

    at = (x.requires_grad_(), vectors.requires_grad_(), *module.parameters())
    assert torch.autograd.gradcheck(function, at, fast_mode=True)


def test_the_gradient_runs_back_through_kappa_over_all_time(generator: torch.Generator) -> None:
    """The last window alone reaches the first advance, through the sum of all, without the cell between."""
    module, x = windowed(generator), normal(generator, 30, 3, 3)
    with torch.no_grad():
        module.cell.weight_hh.zero_()
        module.cell.weight_ih[:, 3:].zero_()  # the window's share
        module.cell.bias_ih[HIDDEN : 2 * HIDDEN].fill_(-1e3)  # forgets at once
        for gate in "ifo":
            getattr(module.cell, f"weight_peephole_{gate}").zero_()
        module.shape.bias[2 * COMPONENTS :].fill_(-3.0)
        module.shape.bias[COMPONENTS : 2 * COMPONENTS].fill_(-2.0)
    found = unroll(module, x.requires_grad_(), context=texts(), record=("window",))
    (gradient,) = torch.autograd.grad(found.record["window"][-1].square().sum(), x)
    assert bool((gradient.abs().sum((1, 2)) > 1e-9).all())


@pytest.mark.parametrize("kind", ["ids", "vectors"])
def test_padding_of_the_text_is_inert(kind: str, generator: torch.Generator) -> None:
    module, x = windowed(generator), normal(generator, 7, 3, 3)
    vectors = torch.nn.functional.one_hot(IDS, SYMBOLS).double()
    wide_ids, wide = torch.full((3, 9), -77), torch.full((3, 9, SYMBOLS), math.nan, dtype=torch.float64)
    for row, length in enumerate(LENGTHS):
        wide_ids[row, :length], wide[row, :length] = IDS[row, :length], vectors[row, :length]
    wide.requires_grad_()
    memory = texts(wide_ids) if kind == "ids" else remembered(wide, SYMBOLS, torch.tensor(LENGTHS))
    found, plain = (unroll(module, x, context=context, record=RECORD) for context in (memory, texts()))
    assert torch.equal(found.output, plain.output)
    assert torch.equal(found.record["phi"][..., :5], plain.record["phi"])
    assert not found.record["phi"][..., 5:].any()
    if kind == "vectors":
        (gradient,) = torch.autograd.grad(found.output.sum(), wide)
        for row, length in enumerate(LENGTHS):
            assert bool(gradient[row, :length].any()) and not gradient[row, length:].any()


def test_rows_are_apart_and_a_memory_is_a_tree(generator: torch.Generator) -> None:
    module, x = windowed(generator), normal(generator, 6, 3, 3)
    whole = unroll(module, x, context=texts()).output
    for row in range(3):
        alone = unroll(module, x[:, row : row + 1], context=select(texts(), [row])).output
        torch.testing.assert_close(alone[:, 0], whole[:, row], rtol=0, atol=1e-12)
    twice = unroll(module, x.repeat_interleave(2, 1), context=expand(texts(), 2)).output
    torch.testing.assert_close(twice[:, ::2], whole, rtol=0, atol=1e-12)


def test_the_untrained_window_passes_a_letter_in_25_points() -> None:
    torch.manual_seed(0)
    module = Windowed(GRU(3 + SYMBOLS, 64), SYMBOLS, 10)
    x = 0.1 * torch.randn(100, 2, 3, generator=torch.Generator().manual_seed(0))
    record = unroll(module, x, context=remembered(IDS[:2], SYMBOLS), record=RECORD).record
    kappa = record["kappa"].detach()
    assert bool((kappa.diff(dim=0) > 0).all())
    assert float(kappa[-1].mean()) == pytest.approx(4, rel=0.15)
    assert 0.5 < float(record["phi"].detach()[24].max()) < 1.5
    assert float(Windowed(GRU(8, 4), 5, pace=0.5).shape.bias.detach()[-1]) == pytest.approx(math.log(0.5))


def test_the_stop_rule_looks_one_place_behind_each_text() -> None:
    memory = texts()
    phi = torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.5], [0.1, 0.2, 0.3, 0.0, 0.0], [0.2, 0.2, 0.0, 0.0, 0.0]]).double()
    assert finished(phi, memory).tolist() == [True, True, False]
    assert finished(phi.flip(1), memory).tolist() == [False, True, False]
    assert finished(torch.zeros(3, 5).double(), memory).tolist() == [False, False, False]


def test_wrong_calls_are_refused(generator: torch.Generator) -> None:
    module, x = windowed(generator), normal(generator, 2, 3, 3)
    with pytest.raises(SpecError, match="a window must be given a text to read, got NoneType"):
        unroll(module, x)
    with pytest.raises(ShapeError, match=r"\[B, U, V\] with B=3 and V=5, got \[2, 4, 5\]"):
        unroll(module, x, context=select(texts(), [0, 1]))
    with pytest.raises(ShapeError, match=r"with B=3 and V=5, got \[3, 4, 6\]"):
        unroll(module, x, context=remembered(IDS, 6, LENGTHS, dtype=torch.float64))
    with pytest.raises(DataError, match="at least 0 and below 4, got 0 to 4"):
        remembered(IDS, 4)
    with pytest.raises(ShapeError, match="at least 1 symbol"):
        remembered(IDS, 5, [4, 0, 1])
    with pytest.raises(ShapeError, match=r"\[B, U\] or vectors \[B, U, 5\], got \[4\]"):
        remembered(IDS[0], 5)
    for wrong in ({"components": 0}, {"pace": 0.0}):
        with pytest.raises(SpecError, match="a window must have at least 1 symbol"):
            Windowed(GRU(8, 4), 5, **wrong)
