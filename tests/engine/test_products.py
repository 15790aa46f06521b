"""Products that torch computes, with factors rounded to bfloat16."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import linear

import unspool
from tests.tasks.made import write_model
from tests.tasks.pen.made import handwriting
from unspool.cells import LSTM
from unspool.engine import products as engine_products
from unspool.engine.dispatch import kernels
from unspool.engine.library import has_bfloat16
from unspool.engine.products import products, without_effect
from unspool.engine.unroll import unroll
from unspool.training.state import Training

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
needs_bfloat16 = pytest.mark.skipif(
    not has_bfloat16() or not hasattr(torch.backends.mkldnn, "matmul"), reason="no bfloat16 products here"
)


def everything(generator: torch.Generator) -> list[Tensor]:
    """The output of a layer and both gradients."""
    x, weight = (torch.randn(*shape, generator=generator, requires_grad=True) for shape in ((300, 64), (70, 64)))
    y = linear(x, weight)
    return [y, *torch.autograd.grad(y.square().sum(), [x, weight])]


@needs_bfloat16
def test_factors_are_rounded_and_sums_are_not(generator: torch.Generator) -> None:
    start = generator.get_state()
    exact = everything(generator)
    with products("bf16"):
        rounded = everything(generator.set_state(start))
    after = everything(generator.set_state(start))
    for true, near, again in zip(exact, rounded, after, strict=True):
        assert near.dtype == torch.float32 and torch.equal(true, again)
        assert 1e-4 < float((near - true).detach().norm() / true.detach().norm()) < 1e-2
    ones, long = torch.ones(1, 1 << 16), torch.full((1 << 16, 1), 1 / 256)
    with products("bf16"):
        assert float(ones @ long) == 256  # of sums in bfloat16 no more than 1 would come


@needs_bfloat16
def test_the_setting_is_put_back() -> None:
    found = [torch.backends.mkldnn.matmul.fp32_precision]

    def fails() -> None:
        with products("bf16"):
            found.append(torch.backends.mkldnn.matmul.fp32_precision)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    found.append(torch.backends.mkldnn.matmul.fp32_precision)
    assert found[0] == found[2] != found[1] == "bf16"


def test_nothing_changes_without_such_products(generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    start = generator.get_state()
    exact = everything(generator)
    monkeypatch.setattr(engine_products, "has_bfloat16", lambda: False)
    for precision in ("float32", "bf16"):
        with products(precision):
            assert all(map(torch.equal, exact, everything(generator.set_state(start))))
    assert "no bfloat16 products: --precision bf16 computes in float32" in without_effect("bf16", CPU)
    assert without_effect("float32", CPU) == without_effect("float32", CUDA) == ""
    assert "on cuda all is computed in float32" in without_effect("bf16", CUDA)
    monkeypatch.setattr(engine_products, "has_bfloat16", lambda: True)
    assert without_effect("bf16", CPU) == ""
    monkeypatch.setattr(engine_products, "_setting", lambda: None)
    assert "with torch before 2.9" in without_effect("bf16", CPU)


@needs_bfloat16
def test_the_loop_rounds_its_products_too(generator: torch.Generator) -> None:
    """Which has no other way to, so that no cell is too special for --precision bf16."""
    cell, x = LSTM(32, 64, recurrent_dropout=0.2).eval(), torch.randn(6, 8, 32, generator=generator)
    exact = unroll(cell, x).output
    with products("bf16"):
        rounded = unroll(cell, x).output
    assert 1e-5 < float((rounded - exact).detach().norm() / exact.detach().norm()) < 1e-2


def test_a_model_that_is_loaded_computes_in_float32(tmp_path: Path) -> None:
    """Or a seed would write other ink where the processor has no such products."""
    task = handwriting(precision="bf16")
    cells = [
        [cell.precision for cell in model.modules() if isinstance(cell, LSTM)]
        for model in (task.model, unspool.load(write_model(task, tmp_path / "model")).model)
    ]
    assert cells == [["bf16", "bf16"], ["float32", "float32"]]


@needs_bfloat16
def test_a_training_rounds_all_its_products() -> None:
    losses: dict[Any, float] = {}
    for precision in ("float32", "bf16"):
        task = handwriting(precision=precision)
        with kernels(False):
            losses[precision] = Training(task).update(0.01).loss
    assert losses["bf16"] != losses["float32"]
    assert losses["bf16"] == pytest.approx(losses["float32"], rel=1e-2)
