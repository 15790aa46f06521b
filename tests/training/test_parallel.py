"""Several processes train as one does: the same curve, the same files to go on from, one sentence when one dies."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.tasks.made import CLASSIFIER, LANGUAGE, flags, story, write_rows
from tests.training.processes import start, wait_for
from unspool.cells import LSTM
from unspool.cli.main import run
from unspool.data.stream import Lanes
from unspool.draws import Noise, noise_generator
from unspool.engine.dropout import dropout
from unspool.errors import SpecError
from unspool.tasks.start import begin
from unspool.training import checkpoint, folder
from unspool.training.log import read_log
from unspool.training.options import Budget
from unspool.training.parallel import Processes, Ranks

DROPPED = {"dropout": 0.3, "recurrent_dropout": 0.2}
TEXT = {**LANGUAGE, **DROPPED, "layers": 2, "batch_size": 5}  # which two cannot share evenly
TABLE = {**CLASSIFIER, **DROPPED, "batch_size": 7, "patience": 0}  # of 43 sequences, the last batch has one


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("story.txt").write_text(story(), encoding="utf-8")
    write_rows(Path("rows.csv"))


def train(task: str, steps: int, out: str, **options: Any) -> list[str]:
    data, chosen = ("story.txt", TEXT) if task == "language" else ("rows.csv", TABLE)
    given = flags({**chosen, **options})
    return ["train", task, str(Path(data).resolve()), *given, "--steps", str(steps), "--no-baseline", "--out", out]


def together(
    arguments: list[str],
    size: int = 2,
    save_seconds: float = 30.0,
    others: list[str] | None = None,
    more: list[dict[str, str]] | None = None,
) -> list[ForkServerProcess]:
    """Start a command as torchrun would; all but the first may be given another one."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    processes = []
    for rank in range(size):
        environment = {"RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        environment |= more[rank] if more else {}
        given = others if others and rank else arguments
        processes.append(start(given, Path(f"errors-{rank}").resolve(), save_seconds, environment))
    return processes


def ended(processes: list[ForkServerProcess]) -> list[int | None]:
    for process in processes:
        process.join(60)
    return [process.exitcode for process in processes]


def told(rank: int) -> list[str]:
    return Path(f"errors-{rank}").read_text(encoding="utf-8").splitlines()


def same_curve(left: str, right: str) -> None:
    ours, theirs = (read_log(Path(name, folder.LOG)) for name in (left, right))
    assert [line.keys() for line in ours] == [line.keys() for line in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        for name in mine.keys() - {"seconds", "tokens_per_second"}:
            value = mine[name]
            assert other[name] == (pytest.approx(value, abs=1e-5) if isinstance(value, float) else value), name
    weights, others = (checkpoint.read(Path(name, folder.LAST), "training")[0] for name in (left, right))
    assert weights.keys() == others.keys()
    for name, tensor in weights.items():
        torch.testing.assert_close(others[name], tensor, atol=1e-4, rtol=1e-3)


def same_files(left: str, right: str) -> None:
    for name in (folder.MODEL, folder.LAST):
        assert Path(left, name).read_bytes() == Path(right, name).read_bytes(), name


@pytest.mark.parametrize(
    ("task", "size", "options"),
    [
        ("language", 2, {}),
        ("language", 3, {"weight_dropout": 0.2, "embedding_dropout": 0.1, "weight_noise": 0.01}),
        ("classifier", 2, {}),
    ],
)
def test_the_curve_is_that_of_one_process(task: str, size: int, options: dict[str, float], capfd: object) -> None:
    processes = together(train(task, 30, str(Path("several").resolve()), **options), size)
    assert run([*train(task, 30, "one", **options), "--quiet"]) == 0
    assert ended(processes) == [0] * size, [told(rank) for rank in range(size)]
    same_curve("one", "several")
    assert told(0)[-1].startswith("model: ")
    assert all(told(rank) == [] for rank in range(1, size))


def test_a_signal_to_one_stops_all_and_any_number_goes_on(capfd: object) -> None:
    whole, stopped = str(Path("whole").resolve()), str(Path("stopped").resolve())
    assert ended(together([*train("language", 60, whole), "--quiet"])) == [0, 0]
    processes = together([*train("language", 60, stopped), "--quiet"])
    wait_for(lambda: len(read_log(Path(stopped, folder.LOG))) > 5)
    assert processes[1].pid is not None
    os.kill(processes[1].pid, signal.SIGTERM)
    assert ended(processes) == [143, 143]
    (line,) = told(0)
    assert line.startswith("stopped after update ") and line.endswith(f"unspool resume {stopped}")
    assert told(1) == []
    assert 5 < int(line.split()[3].rstrip(";")) < 60
    shutil.copytree(stopped, "alone")
    assert ended(together(["resume", stopped, "--quiet"])) == [0, 0]
    same_files(whole, stopped)
    assert run(["resume", "alone", "--quiet"]) == 0
    same_curve(whole, "alone")


def test_two_go_on_with_what_one_began(capfd: object) -> None:
    assert run([*train("classifier", 30, "whole"), "--quiet"]) == 0
    options = {**TABLE, "validation": "0.1"}
    session = begin("classifier", ["rows.csv"], options=options, budget=Budget("steps", 30), out="run", baseline=False)
    for event in session.events:
        if event.step == 11:
            break
    session.close()
    assert ended(together(["resume", str(Path("run").resolve())])) == [0, 0], told(0)
    same_curve("whole", "run")


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_training_with_a_sentence(victim: int, capfd: object) -> None:
    path = str(Path("run").resolve())
    processes = together([*train("language", 400, path), "--quiet"], save_seconds=0.02)
    wait_for(lambda: len(read_log(Path(path, folder.LOG))) > 8)
    processes[victim].kill()
    status = ended(processes)
    assert status[victim] == -9 and status[1 - victim] == 1
    (line,) = told(1 - victim)
    saved = checkpoint.read(Path(path, folder.LAST), "training")[1]["place"]["step"]
    assert line.startswith("unspool: a process of this training was lost at update ")
    assert line.endswith(f"; the run is saved at update {saved}: go on with unspool resume {path}")
    assert saved > 0
    assert run(["resume", "run", "--steps", str(saved + 3), "--quiet"]) == 0
    assert not list(Path("run").glob(".*"))


def test_a_failure_of_all_is_told_once(capfd: object) -> None:
    processes = together([*train("language", 4, str(Path("run").resolve()), batch_size=1), "--quiet"])
    assert ended(processes) == [2, 2]
    assert told(0) == [
        "unspool: each process needs a lane of its own, but there are 1; use a larger --batch-size or fewer processes"
    ]
    assert told(1) == [] and not Path("run").exists()


def test_processes_that_read_different_data_are_refused(capfd: object) -> None:
    """As on two machines where one path leads to different files."""
    Path("other.txt").write_text(story(seed=1), encoding="utf-8")
    arguments = [*train("language", 4, str(Path("run").resolve())), "--quiet"]
    other = [part.replace("story.txt", "other.txt") for part in arguments]
    assert ended(together(arguments, others=other)) == [1, 1]
    assert told(0) == [
        "unspool: the data must be the same in all processes of a training, but differs; give each the same"
    ]
    assert told(1) == [] and not Path("run").exists()


@pytest.mark.parametrize("task", ["language", "classifier"])
def test_a_budget_in_minutes(task: str, capfd: object) -> None:
    """Each process would find another speed of the machine, and choose another network by it."""
    data, options = ("story.txt", ["--window", "8"]) if task == "language" else ("rows.csv", [])
    path = str(Path("run").resolve())
    command = ["train", task, str(Path(data).resolve()), *options, "--minutes", "0.03", "--no-baseline", "--quiet"]
    environments = [{"SPEED": speed} for speed in ("1e6", "9e12")] if task == "language" else [{}, {}]
    processes = together([*command, "--out", path], more=environments)
    assert ended(processes) == [0, 0], told(0)
    assert told(0) == told(1) == []
    assert read_log(Path(path, folder.LOG))[-1]["finished"] == "budget"


def test_options_that_differ_are_refused(capfd: object) -> None:
    arguments = [*train("language", 4, str(Path("run").resolve())), "--quiet"]
    assert ended(together(arguments, others=[*arguments, "--seed", "7"])) == [1, 1]
    assert told(0) == [
        "unspool: an option must be the same in all processes of a training, but differs; give each the same"
    ]
    assert told(1) == [] and not Path("run").exists()


def test_rows_are_divided_without_a_gap() -> None:
    for size in (1, 2, 3, 7):
        for count in (0, 1, 5, 8, 64):
            found: list[int] = []
            for rank in range(size):
                ranks = Ranks()
                ranks.rank, ranks.size = rank, size
                part = ranks.part(count)
                assert count // size <= len(part) <= -(-count // size)
                found += part
            assert found == list(range(count))


def test_lanes_of_all_processes_are_the_lanes_of_one() -> None:
    ids = np.arange(200)
    whole, first, second = (Lanes(ids, 5, 8, seed=2) for _ in range(3))
    first.divide(lambda count: range(0, 2))
    second.divide(lambda count: range(2, count))
    for _ in range(20):  # beyond an epoch
        expected, left, right = next(whole), next(first), next(second)
        assert torch.equal(torch.cat([left.inputs, right.inputs], 1), expected.inputs)
        assert torch.equal(torch.cat([left.targets, right.targets], 1), expected.targets)
        assert (left.fresh, left.epoch) == (expected.fresh, expected.epoch)
    assert whole.state_dict() == first.state_dict() == second.state_dict()
    with pytest.raises(SpecError, match="needs a lane of its own, but there are 5"):
        whole.divide(lambda count: range(0))


def test_a_row_meets_the_same_noise_in_any_process() -> None:
    def noise(rows: range | None) -> Noise:
        generator = noise_generator(3, 4)
        generator.rows, generator.whole = rows, 5
        return generator

    cell = LSTM(3, 6, recurrent_dropout=0.5)
    x = torch.ones(7, 5, 6)
    expected = dropout(x, 0.4, True, noise(None)), cell.draw_mask(5, noise(None))
    for rows in (range(2), range(2, 5)):
        own = slice(rows.start, rows.stop)
        assert torch.equal(dropout(x[:, own], 0.4, True, noise(rows)), expected[0][:, own])
        mask = cell.draw_mask(len(rows), noise(rows))
        assert mask is not None and expected[1] is not None and torch.equal(mask, expected[1][own])


@pytest.mark.slow
def test_under_torchrun_itself(tmp_path: Path) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "unspool"]
    done = subprocess.run([*launcher, *train("language", 20, "run")], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("model: ")] == ["model: run/model.safetensors"]
    assert run([*train("language", 20, "one"), "--quiet"]) == 0
    same_curve("one", "run")
    with Path("errors").open("w") as errors:
        process = subprocess.Popen([*launcher, "resume", "run", "--steps", "4000"], stderr=errors)
        try:
            wait_for(lambda: any(line["step"] > 40 for line in read_log(Path("run", folder.LOG))))
        finally:
            process.terminate()
            status = process.wait(60)
    assert status != 0
    told = Path("errors").read_text(encoding="utf-8")
    assert "everything is saved, go on with: unspool resume run" in told
    assert run(["resume", "run", "--steps", "1"]) == 0


def several() -> Processes:
    """A process that has joined no others."""
    ranks = Processes.__new__(Processes)
    ranks.rank, ranks.size, ranks.local_rank, ranks.local_size = 0, 2, 0, 2
    return ranks


def test_gradients_are_added_and_what_has_none_keeps_none() -> None:
    ranks = several()
    ranks._quick = None
    ranks._distributed = SimpleNamespace(all_reduce=lambda tensor, group: tensor.mul_(3))  # as if three had the same
    used, unused = torch.nn.Parameter(torch.rand(2, 3)), torch.nn.Parameter(torch.rand(4))
    loss = (used**2).sum()
    loss.backward()
    total = ranks.add_gradients([unused, used], loss)
    assert unused.grad is None and used.grad is not None
    torch.testing.assert_close(used.grad, 6 * used.detach())
    torch.testing.assert_close(total, 3 * loss.detach())


def test_a_device_that_processes_cannot_share_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(SpecError, match="a GPU of its own, got 2 processes and 1 GPUs"):
        several().place(torch.device("cuda"))
    with pytest.raises(SpecError, match="train on cpu or cuda, got --device mps"):
        several().place(torch.device("mps"))
    assert several().place(torch.device("cpu")) == Ranks().place(torch.device("cpu")) == torch.device("cpu")
