"""`unspool bench` counts right, ends in time, and says what it had no time for or what is missing."""

from __future__ import annotations

import json
import time

import pytest
import torch
from torch import nn

from unspool.cli import workloads
from unspool.cli.main import run
from unspool.cli.timings import Case, Size, limits, measure
from unspool.cli.workloads import cases, operations
from unspool.engine import dispatch
from unspool.engine.dispatch import Choice
from unspool.engine.library import has_bfloat16, library

CPU = torch.device("cpu")
CELLS = ("rnn", "lstm", "gru")
needs_native = pytest.mark.skipif(library() is None, reason="the native engine was not built")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(workloads, "SIZES", (Size(4, 2, 7), Size(6, 3, 6)))
    monkeypatch.setattr(workloads, "PRODUCT", {"cpu": 16})
    monkeypatch.setattr(workloads, "WRITTEN", {"loop": 3, "native": 3})


@needs_native
def test_everything_is_timed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--json", "--seconds", "1.5"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["peak_gflops"] > 0 and report["seconds"] < 4
    assert [limit["gbytes_per_second"] > 0 for limit in report["bandwidth"]] == [True, True]
    rows = report["training"]
    ways = ("loop", "torch", "native", "native bf16")
    kinds = {(row["cell"], row["kernel"], row["hidden_size"]) for row in rows}
    assert kinds == {(c, k, h) for c in CELLS for k in ways for h in (4, 6)}
    for row in rows:
        if row["kernel"] == "native bf16" and not has_bfloat16():
            assert "bfloat16" in row["missing"] and row["milliseconds"] is None
            continue
        assert row["repeats"] > 0 and row["missing"] is None
        seconds = row["milliseconds"] / 1e3
        assert row["characters_per_second"] * seconds == pytest.approx(row["batch_size"] * row["window"])
        size = Size(row["hidden_size"], row["batch_size"], row["window"])
        assert row["gflops"] * seconds * 1e9 == pytest.approx(operations(row["cell"], size))
        assert row["share_of_peak"] == pytest.approx(row["gflops"] / report["peak_gflops"])
    written = report["generation"]
    ways = ("loop", "native f32", "native bf16", "native int8")
    assert [(row["cell"], row["kernel"]) for row in written] == [(c, k) for _ in range(2) for c in CELLS for k in ways]
    assert all(row["steps_per_second"] > 0 for row in written)
    assert all((row["share_of_bandwidth"] or 0) > 0 for row in written if row["kernel"] != "loop")


def test_what_there_was_no_time_for_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--seconds", "1e-9"]) == 0
    shown = capsys.readouterr().out
    assert "no time was left" in shown and shown.count("\nlstm") == 16
    assert run(["bench", "--seconds", "0"]) == 2


@needs_native
def test_what_this_processor_does_not_have_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workloads, "has_bfloat16", lambda: False)
    assert run(["bench", "--seconds", "1e-9"]) == 0
    assert capsys.readouterr().out.count("this processor has no bfloat16 products with") == 6


def test_without_the_native_engine_its_rows_say_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("library", "generation_library"):
        monkeypatch.setattr(workloads, name, lambda: None)
    assert run(["bench", "--seconds", "1e-9"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("the native engine was not built") == 12 + 18 and "by matrix product" in shown


def test_operations_are_those_of_the_matrix_products() -> None:
    """T=2, B=3, H=5: each of two layers multiplies [3, 5] by [5, 4 * 5] twice, then [3, 5] by [5, 96]."""
    forward = 2 * (2 * (2 * 2 * 3 * 5 * 20) + 2 * 3 * 5 * 96)
    assert operations("lstm", Size(5, 3, 2)) == 3 * forward
    assert operations("gru", Size(5, 3, 2)) < operations("lstm", Size(5, 3, 2))


@needs_native
def test_every_row_runs_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[Choice] = []
    monkeypatch.setattr(dispatch, "_observers", [lambda _, choice: chosen.append(choice)])
    for case in cases(CPU):
        if case.kind != "training" or case.missing:
            continue
        chosen.clear()
        case.work(case.size.steps)
        expected = set() if case.kernel == "torch" else {case.kernel.split()[0]}  # torch.nn's own layers choose nothing
        assert {choice.kernel for choice in chosen} == expected
        assert all(("bfloat16" in choice.reason) == (case.kernel == "native bf16") for choice in chosen)
    net = workloads.TorchNet("gru", 4)
    assert type(net.layers) is nn.GRU and net.layers.num_layers == 2


@needs_native
def test_the_limits_are_those_of_this_processor() -> None:
    found = limits({4: 1 << 20}, time.perf_counter() + 60)
    assert found.operations is not None and found.operations > 1e8
    assert found.bandwidth[4] > 1e8
    assert limits({4: 1 << 20}, time.perf_counter()) == (None, {})


def test_the_deadline_is_kept() -> None:
    def slow(steps: int) -> None:
        time.sleep(0.01 * steps)

    found = [Case("training", "lstm", "loop", Size(1, 1, 5), 1.0, 1, slow) for _ in range(3)]
    found.append(Case("training", "lstm", "native", Size(1, 1, 5), 1.0, 1, slow, missing="no such processor"))
    began = time.perf_counter()
    measure(found, began + 0.4, CPU)
    assert time.perf_counter() - began < 0.4 + 0.1
    repeats = [len(case.seconds) for case in found[:3]]
    assert min(repeats) >= 1 and max(repeats) - min(repeats) <= 1, "in turn"
    assert found[0].median == pytest.approx(0.05, rel=0.5)
    assert not found[3].seconds
