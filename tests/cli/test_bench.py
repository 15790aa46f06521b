"""`unspool bench` counts right, ends in time, and says what it had no time for."""

from __future__ import annotations

import json
import time

import pytest
import torch

from unspool.cli import timings
from unspool.cli.main import run
from unspool.cli.timings import Case, Size, cases, measure, operations
from unspool.engine.dispatch import explain

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timings, "SIZES", (Size(4, 2, 3), Size(6, 3, 4)))
    monkeypatch.setattr(timings, "PRODUCT", {"cpu": 16})
    monkeypatch.setattr(timings, "WRITTEN", 3)


def test_everything_is_timed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--json", "--seconds", "0.4"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["matmul_gflops"] > 0 and report["seconds"] < 3
    rows = report["training"]
    kinds = {(row["cell"], row["kernel"], row["hidden_size"]) for row in rows}
    assert kinds == {(c, k, h) for c in ("rnn", "lstm", "gru") for k in ("loop", "torch") for h in (4, 6)}
    for row in rows:
        assert row["repeats"] > 0
        seconds = row["milliseconds"] / 1e3
        assert row["characters_per_second"] * seconds == pytest.approx(row["batch_size"] * row["window"])
        size = Size(row["hidden_size"], row["batch_size"], row["window"])
        assert row["gflops"] * seconds * 1e9 == pytest.approx(operations(row["cell"], size))
        assert row["share_of_matmul"] == pytest.approx(row["gflops"] / report["matmul_gflops"])
    assert len(report["generation"]) == 6 and all(row["steps_per_second"] > 0 for row in report["generation"])


def test_what_there_was_no_time_for_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--seconds", "1e-9"]) == 0
    shown = capsys.readouterr().out
    assert "no time was left" in shown and shown.count("lstm") == 6
    assert run(["bench", "--seconds", "0"]) == 2


def test_operations_are_those_of_the_matrix_products() -> None:
    """T=2, B=3, H=5: each of two layers multiplies [3, 5] by [5, 4 * 5] twice, then [3, 5] by [5, 96]."""
    forward = 2 * (2 * (2 * 2 * 3 * 5 * 20) + 2 * 3 * 5 * 96)
    assert operations("lstm", Size(5, 3, 2)) == 3 * forward
    assert operations("gru", Size(5, 3, 2)) < operations("lstm", Size(5, 3, 2))


def test_the_loop_is_the_loop_and_the_kernel_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}
    for case in cases(CPU):
        if case.kind == "training":
            net = next(
                cell.cell_contents for cell in case.work.__closure__ if isinstance(cell.cell_contents, torch.nn.Module)
            )  # type: ignore[attr-defined]
            calls: list[str] = []
            net.stack.register_forward_hook(lambda stack, x, _, calls=calls: calls.append(explain(stack[0], x[0])))
            case.work(1)
            seen[case.kernel] = calls[0].split(" runs on ")[1].split(":")[0]
    assert seen == {"loop": "loop", "torch": "torch"}


def test_the_deadline_is_kept() -> None:
    def slow(steps: int) -> None:
        time.sleep(0.01 * steps)

    found = [Case("training", "lstm", "loop", Size(1, 1, 5), 1.0, 1, slow) for _ in range(3)]
    began = time.perf_counter()
    measure(found, began + 0.4, CPU)
    assert time.perf_counter() - began < 0.4 + 0.1
    repeats = [len(case.seconds) for case in found]
    assert min(repeats) >= 1 and max(repeats) - min(repeats) <= 1, "in turn"
    assert found[0].median == pytest.approx(0.05, rel=0.5)
