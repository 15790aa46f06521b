"""Ctrl-C and SIGTERM, from outside, in the middle of a training."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.tasks.made import CLASSIFIER, LANGUAGE, flags, story, write_rows
from tests.training.processes import start, wait_for
from unspool.cli.main import run
from unspool.tasks.start import Session, reopen
from unspool.training import folder
from unspool.training.log import read_log

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
    assert "stopped after update 0" in error
    assert '"finished": false' in out
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert run(["resume", "run", "--quiet"]) == 0
