"""`unspool doctor` passes where all is well, and names what is not."""

from __future__ import annotations

import copy
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from unspool.cells import LSTM
from unspool.cells.base import Cell, State, StepOutput
from unspool.cli import generation_checks, kernel_checks, pen_checks
from unspool.cli.doctor import EXTRAS
from unspool.cli.main import run
from unspool.engine import fused, modules, native
from unspool.engine.generator import WEIGHTS, Generator
from unspool.engine.library import has_bfloat16, isa
from unspool.engine.plan import GenerationPlan
from unspool.engine.reading import WindowedCall
from unspool.engine.writing import Writer
from unspool.training import checkpoint

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
CHECKS = 13 + 15 * native.BUILT + 4 * has_bfloat16()
# without it torch's kernel runs the layers of other rows too
needs_native = pytest.mark.skipif(not native.BUILT, reason="the native engine was not built")


def failed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    status = run(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    names = [check["name"] for check in report["checks"] if not check["passed"]]
    assert (status, report["passed"]) == ((1, False) if names else (0, True))
    return names


@needs_native
def test_all_is_well_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    for word in ("torch", torch.__version__, torch.backends.cpu.get_cpu_capability(), isa(), "tolerance"):
        assert word in shown.out
    assert shown.out.count("\nok ") == CHECKS and "WRONG" not in shown.out


@needs_native
def test_a_kernel_that_is_slightly_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = fused._fused

    def wrong(cell: Cell, x: Tensor, state: State) -> tuple[Tensor, State]:
        output, after = right(cell, x, state)
        return (output * 1.0001 if isinstance(cell, LSTM) else output), after

    monkeypatch.setattr(fused, "_fused", wrong)
    assert failed(capsys) == ["torch kernel against the loop, lstm"]
    assert run(["doctor"]) == 1
    shown = capsys.readouterr()
    assert "WRONG  torch kernel against the loop, lstm" in shown.out
    assert f"1 of {CHECKS} self-checks failed (torch kernel against the loop, lstm)" in shown.err


@needs_native
def test_a_corrupted_weight_in_the_native_kernel_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = native.sequence

    def corrupted(name: str, *tensors: Tensor, **options: Any) -> Any:
        x, h, c, weight_ih, weight_hh, *rest = tensors
        if name.startswith("gru"):
            weight_hh = weight_hh + torch.zeros_like(weight_hh).index_put(
                (torch.tensor(5), torch.tensor(7)), torch.tensor(1e-2)
            )
        return right(name, x, h, c, weight_ih, weight_hh, *rest, **options)

    monkeypatch.setattr(native, "sequence", corrupted)
    assert failed(capsys) == ["native kernel against the loop, gru"]


@needs_native
@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_corrupted_packed_weight_of_the_generator_is_named(
    weights: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A number of one layer, as it is handed over to be packed."""

    class Corrupted(Generator):
        def __init__(self, plan: GenerationPlan, kind: str = "f32") -> None:
            if kind == weights and plan.layers[0].name == "gru_after":
                plan = copy.deepcopy(plan)
                plan.layers[1].cell.weight_hh.data[85, 7] += 1
            super().__init__(plan, kind)

    monkeypatch.setattr(generation_checks, "Generator", Corrupted)
    assert failed(capsys) == [f"native generator, {weights}, against the loop, gru"]


@needs_native
def test_a_sampler_that_reads_other_random_numbers_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Next(Generator):
        def generate(self, *arguments: Any, seed: int = 0, **options: Any) -> Any:
            return super().generate(*arguments, seed=seed + 1, **options)

    monkeypatch.setattr(generation_checks, "Generator", Next)
    assert failed(capsys) == ["native sampler against the loop's choices"]


@needs_native
def test_a_pen_that_reads_other_random_numbers_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Next(Writer):
        def write(self, *arguments: Any, **options: Any) -> Any:
            return super().write(*arguments, seed=1, **options)

    monkeypatch.setattr(pen_checks, "Writer", Next)
    assert failed(capsys) == ["native pen against the loop's points"]


@needs_native
def test_a_wrong_gradient_of_the_window_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = WindowedCall.backward

    def wrong(*arguments: Any) -> Any:
        *others, bias = right(*arguments)
        return [*others, bias * 1.001]

    monkeypatch.setattr(WindowedCall, "backward", wrong)
    assert failed(capsys) == ["native kernel against the loop, lstm with a window"]


@needs_native
@pytest.mark.skipif(not has_bfloat16(), reason="this processor has no bfloat16 products")
def test_a_wrong_bfloat16_kernel_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    right = native.sequence

    def stronger(name: str, *tensors: Tensor, precision: str = "float32", **options: Any) -> Any:
        y, *states = right(name, *tensors, precision=precision, **options)
        return (y * 1.1 if precision == "bf16" and name == "lstm" else y, *states)

    monkeypatch.setattr(native, "sequence", stronger)
    assert failed(capsys) == ["bf16 kernel against float32, lstm"]


@pytest.mark.skipif(not has_bfloat16(), reason="this processor has no bfloat16 products")
def test_products_of_bfloat16_are_what_is_checked() -> None:
    """Float32 against itself would be right however wrong they are."""
    for check in (*kernel_checks.comparisons(torch.device("cpu")), *pen_checks.comparisons()):
        if check.name.startswith("bf16"):
            assert 1e-5 < check.error() < check.tolerance, check.name


def test_packed_sequences_that_run_on_into_their_padding_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = modules._layers
    monkeypatch.setattr(modules, "_layers", lambda module, x, states, _: right(module, x, states, None))
    wrong = [f"packed against padded, {cell}" for cell in ("rnn", "lstm", "gru")]
    assert failed(capsys) == (wrong if native.BUILT else [])


def test_without_the_native_engine_doctor_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(native, "BUILT", False)
    monkeypatch.setattr(kernel_checks, "BUILT", False)
    monkeypatch.setattr(generation_checks, "generation_library", lambda: None)
    monkeypatch.setattr(pen_checks, "pen_library", lambda: None)
    assert run(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "was not built" in shown and shown.count("\nok ") == 13
    for row in ("native kernel against", "native generator", "native sampler", "bf16 kernel", "native pen"):
        assert row not in shown


@needs_native
def test_a_wrong_gradient_nan_and_an_exception_are_seen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = fused._fused

    def half(cell: Cell, x: Tensor, state: State) -> tuple[Tensor, State]:
        output, after = right(cell, x, state)
        return 0.5 * output + 0.5 * output.detach(), after

    def nothing(cell: Cell, x: Tensor, state: State) -> tuple[Tensor, State]:
        output, after = right(cell, x, state)
        return output * torch.nan, after

    def crash(*_: Any) -> tuple[Tensor, State]:
        raise RuntimeError("illegal instruction")

    monkeypatch.setattr(fused, "_fused", half)
    assert failed(capsys) == [f"torch kernel against the loop, {cell}" for cell in ("rnn", "lstm", "gru")]
    for broken in (nothing, crash):
        monkeypatch.setattr(fused, "_fused", broken)
        assert len(failed(capsys)) == 9, "all but the model file"
    assert run(["doctor"]) == 1
    assert "RuntimeError: illegal instruction" in capsys.readouterr().out


def test_a_row_that_sees_its_neighbours_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = LSTM.step

    def mixed(self: LSTM, projected: Tensor, state: State, context: Any = None) -> tuple[StepOutput, State]:
        return right(self, projected + 1e-3 * projected.mean(0) * (len(projected) > 1), state, context)

    monkeypatch.setattr(LSTM, "step", mixed)
    assert {"batch of 5 against one by one, lstm", "padded against one by one, lstm"} < set(failed(capsys))


def test_a_file_that_loses_digits_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    right = checkpoint.write

    def rounded(path: Path, kind: checkpoint.Kind, tensors: dict[str, Tensor], document: dict[str, Any]) -> None:
        right(path, kind, {name: tensor.detach().half().float() for name, tensor in tensors.items()}, document)

    monkeypatch.setattr(checkpoint, "write", rounded)
    assert failed(capsys) == ["model file, written and read"]


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(["doctor"]) == 0
    assert "matplotlib (pictures) not installed" in " ".join(capsys.readouterr().out.split())


def test_the_extras_are_those_of_the_package() -> None:
    optional = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    told = {extra: set(names.values()) for extra, names in EXTRAS.items()}
    asked = {extra: {need.split(">")[0] for need in needs} for extra, needs in optional.items()}
    assert told == {extra: needs for extra, needs in asked.items() if extra not in ("all", "test")}
