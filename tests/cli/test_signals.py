"""Ctrl-C and SIGTERM, from outside, in the middle of a training."""

from __future__ import annotations

import io
import os
import signal
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.tasks.made import CLASSIFIER, LANGUAGE, flags, story, write_rows
from tests.training.processes import start, wait_for
from unspool.cli.main import run
from unspool.cli.signals import Interrupt, Interrupted
from unspool.tasks import start as start_module
from unspool.tasks.language.language import Language
from unspool.tasks.start import Session, reopen
from unspool.training import checkpoint, folder, loop
from unspool.training.events import Progress, Validated
from unspool.training.log import read_log
from unspool.training.state import Training

DROPPED = {"dropout": 0.3, "recurrent_dropout": 0.2}


@pytest.mark.parametrize(
    ("task", "number", "status"), [("language", signal.SIGINT, 130), ("classifier", signal.SIGTERM, 143)]
)
def test_a_signal_saves(
    task: str, number: int, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: object
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("story.txt").write_text(story(), encoding="utf-8")
    write_rows(Path("rows.csv"))
    data, options = ("story.txt", LANGUAGE) if task == "language" else ("rows.csv", CLASSIFIER)
    command = ["train", task, data, *flags({**options, **DROPPED}), "--steps", "120", "--no-baseline", "--out"]
    process = start([*command, str(tmp_path / "run")], tmp_path / "errors")
    wait_for(lambda: len(read_log(tmp_path / "run" / folder.LOG)) > 5)
    assert process.pid is not None
    os.kill(process.pid, number)
    process.join(60)
    assert process.exitcode == status
    told = (tmp_path / "errors").read_text().splitlines()[-1]
    assert told.startswith("stopped after update ") and told.endswith(f"unspool resume {tmp_path / 'run'}")
    step = int(told.split()[3].rstrip(";"))
    assert 5 < step < 120
    assert run([*command, "whole", "--quiet"]) == 0
    session = reopen("run")
    assert isinstance(session, Session) and session.training.place.step == step
    session.close()
    assert run(["resume", "run", "--quiet"]) == 0
    for name in (folder.MODEL, folder.LAST):
        assert Path("run", name).read_bytes() == Path("whole", name).read_bytes()


def test_a_signal_before_the_first_update(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from unspool.cli.display import Display

    monkeypatch.chdir(tmp_path)
    Path("story.txt").write_text(story(), encoding="utf-8")
    command = ["train", "language", "story.txt", *flags(LANGUAGE), "--steps", "5", "--no-baseline", "--out", "run"]
    with monkeypatch.context() as patched:
        patched.setattr(Display, "show", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        assert run([*command, "--json"]) == 143
    out, error = capsys.readouterr()
    told = "stopped after update 0; no model yet: the first validation comes at update 3; everything is saved, go on"
    assert told in error
    assert '"finished": false' in out
    for verb in ("sample", "info"):
        assert run([verb, "run"]) == 1
        assert capsys.readouterr().err.endswith("holds no model yet; go on with: unspool resume run\n")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert run(["resume", "run", "--quiet"]) == 0


def test_what_a_stopped_training_says_of_its_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from unspool.cli.display import Display

    monkeypatch.chdir(tmp_path)
    Path("story.txt").write_text(story(), encoding="utf-8")
    command = ["train", "language", "story.txt", *flags(LANGUAGE), "--no-baseline"]

    def stopped(event: type, *arguments: str) -> str:
        with monkeypatch.context() as patched:
            patched.setattr(Display, "show", lambda _, came: kill(signal.SIGINT) if isinstance(came, event) else None)
            assert run(arguments) == 130
        return capsys.readouterr().err.splitlines()[-1]

    assert "after update 2; everything is saved" in stopped(Validated, *command, "--steps", "4", "--out", "a")
    assert "no model yet: the first validation is still to come; everything" in stopped(
        Progress, *command, "--minutes", "5", "--out", "b"
    )
    assert "after update 1; no model yet: the first validation comes at update 4; everything is saved" in stopped(
        Progress, *command, "--steps", "8", "--out", "c"
    )
    # a cycle of its own: half of the updates from 2 to 12
    assert "after update 2; no model yet: the first validation comes at update 7; everything is saved" in stopped(
        Progress, "resume", "c", "--steps", "12"
    )
    assert run(["resume", "c", "--quiet"]) == 0
    assert [line["step"] for line in read_log(Path("c", folder.LOG)) if "best" in line] == [7, 12]


TRAIN = ["train", "language", *flags(LANGUAGE), "--steps", "5", "--no-baseline", "--out", "run"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("times", "reached"), [(1, ["import"]), (2, [])])
def test_an_import_is_broken_off_by_a_second_signal_alone(number: int, times: int, reached: list[str]) -> None:
    done = []

    def command() -> None:
        with Interrupt("nothing is lost") as interrupt:
            with interrupt.held():
                for _ in range(times):
                    os.kill(os.getpid(), number)
                done.append("import")
            done.append("training")

    with pytest.raises(Interrupted, match="nothing is lost") as told:
        command()
    assert done == reached and told.value.number == number


def kill(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_data_is_read(
    number: int, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    class Endless(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            kill(number)
            return b"a"

    before = signal.getsignal(number)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=Endless()))
    assert run([*TRAIN[:2], "-", *TRAIN[2:], "--quiet"]) == status
    assert capsys.readouterr() == ("", "unspool: stopped before the first update; nothing was saved\n")
    assert not Path("run").exists() and signal.getsignal(number) is before


def test_a_signal_while_data_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("story.txt").write_text(story(), encoding="utf-8")
    assert run([*TRAIN[:2], "story.txt", *TRAIN[2:], "--quiet"]) == 0
    before = {path.name: path.read_bytes() for path in Path("run").iterdir()}
    with monkeypatch.context() as patched:
        patched.setattr(Language, "prepare", lambda *_: kill(signal.SIGTERM))
        assert run(["resume", "run", "--steps", "9", "--quiet"]) == 143
    assert capsys.readouterr().err == "unspool: stopped before the next update; run is as it was\n"
    assert {path.name: path.read_bytes() for path in Path("run").iterdir()} == before
    assert run(["resume", "run", "--steps", "9", "--quiet"]) == 0


@pytest.mark.parametrize("place", ["update", "save"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_ends_at_once(
    place: str,
    number: int,
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In the middle of an update, or of the file that the first signal asked for."""
    monkeypatch.chdir(tmp_path)
    Path("story.txt").write_text(story(), encoding="utf-8")
    target, name = (Training, "update") if place == "update" else (checkpoint, "settle")
    true, calls = getattr(target, name), 0

    def twice(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            kill(number)
            kill(number)
        return true(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(target, name, twice)
        patched.setattr(loop, "SAVE_SECONDS", -1.0)
        assert run([*TRAIN[:2], "story.txt", *TRAIN[2:], "--quiet"]) == status
    step = 2 if place == "update" else 1
    told = f"unspool: stopped at once; the run is saved at update {step}, go on with: unspool resume run\n"
    assert capsys.readouterr().err == told
    assert not list(Path("run").glob(".*"))
    session = reopen("run")
    assert isinstance(session, Session) and session.training.place.step == step
    session.close()


@pytest.mark.usefixtures("rendered")
def test_a_signal_while_pictures_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One lets them be finished; after a second, `resume` draws them."""
    monkeypatch.chdir(tmp_path)
    write_rows(Path("rows.csv"))
    command = ["train", "classifier", "rows.csv", *flags(CLASSIFIER), "--steps", "3", "--no-baseline", "--out"]
    true = start_module.draw_curve

    def interrupted(count: int, *arguments: Any) -> Path | None:
        for _ in range(count):
            kill(signal.SIGTERM)
        return true(*arguments)

    for count, status in ((1, 0), (2, 143)):
        with monkeypatch.context() as patched:
            patched.setattr(start_module, "draw_curve", partial(interrupted, count))
            assert run([*command, f"run-{count}", "--quiet"]) == status
    assert Path("run-1/curve.png").exists() and not Path("run-2/curve.png").exists()
    assert capsys.readouterr().err.endswith("draw its pictures with: unspool resume run-2\n")
    Path("run-2/confusion.png").unlink()
    assert run(["resume", "run-2"]) == 0
    assert "its pictures were missing and are drawn now: curve.png, confusion.png" in capsys.readouterr().err
    for name in ("curve.png", "confusion.png"):
        assert Path("run-2", name).read_bytes()[:4] == b"\x89PNG"
    assert run(["resume", "run-2"]) == 0
    assert "missing" not in capsys.readouterr().err
