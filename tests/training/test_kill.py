"""Whenever a training dies, what is on the disk is whole, and going on from it ends where it would have ended."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tasks.made import LANGUAGE, flags, story
from tests.training.processes import start
from unspool.tasks.start import Session, begin, reopen
from unspool.training import checkpoint, folder, loop
from unspool.training.options import Budget

OPTIONS = {**LANGUAGE, "dropout": 0.3, "recurrent_dropout": 0.2}


class Died(BaseException):
    """What stands for the death of the process: nothing that handles errors may see it."""


def run_out(session: Session | str) -> None:
    if isinstance(session, Session):
        for _ in session.events:
            pass


def whole_or_absent(path: Path) -> bool:
    """Check every file that a run may hold; return whether it can be resumed."""
    for name, kind in ((folder.MODEL, "model"), (folder.LAST, "training")):
        if (path / name).exists():
            checkpoint.read(path / name, kind)  # type: ignore[arg-type]
    return (path / folder.LAST).exists()


def begun(data: Path, out: Path, steps: int) -> Session:
    return begin("language", [str(data)], options=OPTIONS, budget=Budget("steps", steps), out=str(out), baseline=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "story.txt"
    path.write_text(story(), encoding="utf-8")
    return path


def dying(count: int, real: Callable[..., Any], before: bool) -> Callable[..., Any]:
    """Do as `real` does, and die at the call with this number, before or after it."""
    calls = 0

    def call(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == count and before:
            raise Died
        result = real(*arguments, **options)
        if calls == count:
            raise Died
        return result

    return call


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("place", ["replace", "fsync"])
def test_death_at_every_file_operation(
    place: str, before: bool, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SAVE_SECONDS", -1.0)
    run_out(begun(data, tmp_path / "whole", 5))
    expected = (tmp_path / "whole" / folder.MODEL).read_bytes(), (tmp_path / "whole" / folder.LAST).read_bytes()
    target, name = (Path, "replace") if place == "replace" else (os, "fsync")
    survived = False
    for count in range(1, 60, 1 if place == "replace" else 3):
        out = tmp_path / f"run-{count}"
        with monkeypatch.context() as patched:
            patched.setattr(target, name, dying(count, getattr(target, name), before))
            try:
                run_out(begun(data, out, 5))
                survived = True
            except Died:
                pass
        if survived:
            break
        run_out(reopen(out) if whole_or_absent(out) else begun(data, out, 5))
        assert ((out / folder.MODEL).read_bytes(), (out / folder.LAST).read_bytes()) == expected
        assert not list(out.glob(".*"))
    assert survived and count >= 8


def test_death_in_the_middle_of_a_file(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_out(begun(data, tmp_path / "run", 5))
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "settle", dying(1, checkpoint.settle, True))
        with pytest.raises(Died):
            run_out(reopen(tmp_path / "run", Budget("steps", 9)))
    (left,) = (tmp_path / "run").glob(".*")
    left.write_bytes(left.read_bytes()[:100])
    after = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir() if path != left}
    assert after == before
    run_out(reopen(tmp_path / "run", Budget("steps", 9)))
    assert not list((tmp_path / "run").glob(".*"))


def killed(data: Path, tmp_path: Path, moments: int, seed: int) -> None:
    command = ["train", "language", str(data), *flags(OPTIONS), "--steps", "60", "--quiet", "--no-baseline", "--out"]
    process = start([*command, str(tmp_path / "whole")], tmp_path / "errors", 0.01)
    process.join()
    assert process.exitcode == 0, (tmp_path / "errors").read_text()
    began = time.monotonic()
    process = start([*command, str(tmp_path / "again")], tmp_path / "errors", 0.01)
    process.join()
    duration = time.monotonic() - began
    expected = {name: (tmp_path / "whole" / name).read_bytes() for name in (folder.MODEL, folder.LAST)}
    assert expected == {name: (tmp_path / "again" / name).read_bytes() for name in expected}
    source, interrupted = random.Random(seed), 0
    for number in range(moments):
        out = tmp_path / f"run-{number}"
        process = start([*command, str(out)], tmp_path / "errors", 0.01)
        time.sleep(duration * (number + source.random()) / moments)
        process.kill()
        process.join()
        if whole_or_absent(out):
            interrupted += process.exitcode == -9
            run_out(reopen(out))
        else:
            run_out(begun(data, out, 60))
        assert expected == {name: (out / name).read_bytes() for name in expected}, number
        assert not list(out.glob(".*")), number
    assert interrupted >= moments // 4  # were killed in the middle of their training


def test_four_kills(data: Path, tmp_path: Path) -> None:
    killed(data, tmp_path, 4, 1)


@pytest.mark.slow
def test_fifty_kills(data: Path, tmp_path: Path) -> None:
    killed(data, tmp_path, 50, 2)
