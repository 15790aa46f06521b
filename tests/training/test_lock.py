"""One process at a time trains in a run folder."""

from __future__ import annotations

import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.tasks.made import LANGUAGE, flags, story
from tests.training.processes import start, wait_for
from unspool.cli.main import run
from unspool.errors import CheckpointError, UnspoolError
from unspool.tasks.start import Session, begin, reopen
from unspool.training import folder
from unspool.training.folder import RunFolder
from unspool.training.lock import LOCKS
from unspool.training.log import read_log
from unspool.training.options import Budget

pytestmark = pytest.mark.skipif(not LOCKS, reason="there are no locks here")
TRAINED = "is being trained by another process; wait for it or stop it first"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("story.txt").write_text(story(), encoding="utf-8")


def begun(steps: int = 5, force: bool = False) -> Session:
    budget = Budget("steps", steps)
    return begin("language", ["story.txt"], options=LANGUAGE, budget=budget, out="run", baseline=False, force=force)


def test_a_run_in_training_is_left_alone() -> None:
    session = begun()
    with pytest.raises(CheckpointError, match=f"^run {TRAINED}"):
        begun()
    next(session.events)
    next(session.events)
    half_written = Path("run/.last.safetensors.77.tmp")
    half_written.touch()
    for force in (False, True):
        with pytest.raises(CheckpointError, match=TRAINED):
            begun(force=force)
    with pytest.raises(CheckpointError, match=TRAINED):
        reopen("run", Budget("steps", 7))
    assert half_written.exists()
    session.close()
    again = reopen("run")
    assert isinstance(again, Session) and not half_written.exists()
    assert list(again.events)[-1].step == 5
    assert isinstance(reopen("run"), str)
    begun(force=True).close()
    begun(force=True)


def test_a_training_that_cannot_begin_leaves_no_lock() -> None:
    with pytest.raises(UnspoolError, match=r"nothing\.txt"):
        begin("language", ["nothing.txt"], options=LANGUAGE, out="run")
    assert not Path("run").exists()
    session = begun()
    list(session.events)
    with pytest.raises(CheckpointError, match="already holds a run"):
        begun()
    Path("story.txt").write_text(story(seed=1), encoding="utf-8")
    for _ in range(2):
        with pytest.raises(CheckpointError, match="has changed"):
            reopen("run", Budget("steps", 9))


def test_numbers_are_given_once() -> None:
    Path("runs").mkdir()
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: RunFolder.reserve(None, "language"), range(40)))
    assert sorted(run.path for run in made) == sorted(Path("runs", f"language-{n}") for n in range(1, 41))


def test_a_folder_that_was_removed_meanwhile_is_not_locked() -> None:
    first = RunFolder.reserve("run", "language")
    shutil.rmtree("run")
    RunFolder.reserve("run", "language")
    first.release()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_the_lock_dies_with_its_process_and_not_with_its_children() -> None:
    command = ["train", "language", "story.txt", *flags(LANGUAGE), "--steps", "100000", "--no-baseline", "--quiet"]
    command[2] = str(Path("story.txt").resolve())
    process = start([*command, "--out", str(Path("run").resolve())], Path("errors").resolve(), 0.05)
    wait_for(lambda: len(read_log(Path("run", folder.LOG))) > 2)
    assert run(["resume", "run"]) == 1
    process.kill()
    process.join()
    read, write = os.pipe()
    held = RunFolder.reserve("other", "language")
    child = os.fork()
    if child == 0:  # pragma: no cover (another process)
        os.write(write, b"here")
        time.sleep(60)
        os._exit(0)
    try:
        assert os.read(read, 4) == b"here"
        held.release()
        RunFolder.reserve("other", "language").release()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(read)
        os.close(write)
    session = reopen("run")
    assert isinstance(session, Session)
    session.close()
