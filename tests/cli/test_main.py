"""What the command line says where words and options are not what they were meant to be, and `-` on its way."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from tests.tasks.made import LANGUAGE, flags, model_bytes, story
from unspool.cli.main import run
from unspool.cli.models import CAN
from unspool.tasks import TASKS
from unspool.tasks.language.language import Language
from unspool.training.protocol import Task


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("language", "classifier", "handwriting"):
        Path(name).mkdir()
        Path(name, "model.safetensors").write_bytes(model_bytes(name))


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 2) -> str:
    capsys.readouterr()
    assert run(arguments) == status
    out, error = capsys.readouterr()
    assert out == "" and error.startswith("unspool: ") and error.count("\n") == 1
    assert "\0" not in error and "x00" not in error
    return error.removeprefix("unspool: ").rstrip("\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["sample", "handwriting", "hello", "big", "world"],
            "unspool sample has no use for 'big world'; put a text or a name of several words in quotes, or leave it "
            "out",
        ),
        (
            ["info", "language", "-"],
            "unspool info has no use for '-'; put a text or a name of several words in quotes, or leave it out",
        ),
        (
            ["sample", "handwriting", "-5 degrees"],
            "there is no option '-5 degrees'; a text that begins with a dash stands behind an equals sign, as in "
            "--text='-5 degrees'",
        ),
        (
            ["score", "language", "--so=it goes"],
            "there is no option '--so=it goes'; a text that begins with a dash stands behind an equals sign, as in "
            "--text='--so=it goes'",
        ),
        (
            ["sample", "handwriting", "--text", "-5 degrees", "--output", "m.svg"],
            "a value that begins with a dash stands behind an equals sign, got --text '-5 degrees'; write "
            "--text='-5 degrees'",
        ),
        (
            ["sample", "handwriting", "--", "-5", "--output", "m.svg"],
            "options end at --, but --output came behind it; put it before that",
        ),
        (["sample", "handwriting", "--colr", "red"], "Unknown option: --colr. Did you mean --colour? (see"),
        (["info", "language", "-v"], "Unknown option: -v. (see unspool --help)"),
        (["sample", "handwriting", "--text", "--output"], 'Command "sample" parameter --text requires an argument. ('),
        (["train", "language", "--steps", "1.5"], "--steps must be a whole number, got 1.5"),
        (["train", "language", "--steps", "-"], "--steps must be a whole number, got -"),
        (["-"], 'Unknown command "-"'),
    ],
)
def test_a_word_that_is_taken_for_something_else(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(capsys, *arguments)
    assert told == sentence or (told.startswith(sentence) and "(see" in told)


@pytest.mark.parametrize("given", [["--text=-5 degrees"], ["--text", "-5"], ["-5"], ["--", "-5 degrees"]])
def test_a_text_that_begins_with_a_dash(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It arrives: the network, which has seen neither, names its first two characters."""
    told = said(capsys, "sample", "handwriting", *given, status=1)
    assert "'-' (U+002D " in told and "'5' (U+0035 " in told


def test_a_dash_is_never_shown_as_it_travels(capsys: pytest.CaptureFixture[str]) -> None:
    assert "got -;" in said(capsys, "sample", "handwriting", "a", "--output", "-")
    assert "got -;" in said(capsys, "score", "language", "--text", "a", "--output", "-")
    assert "no model file at -," in said(capsys, "info", "-", status=1)
    Path("rows.csv").write_text("text,kind\na,b\n", encoding="utf-8")
    assert "no '-'" in said(capsys, "train", "language", "rows.csv", "--column", "-", "--quiet", status=1)


def test_a_file_and_a_text_may_be_called_anything(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"the sea")))
    for name in ("@-", "\ue000-"):
        Path(name).write_text("the", encoding="utf-8")
        assert run(["score", "language", name]) == 0
        assert capsys.readouterr().out.count("\n") == 4
    assert run(["score", "language", "-"]) == 0
    assert capsys.readouterr().out.count("\n") == 8
    Path("@-").write_text(story(), encoding="utf-8")
    assert run(["train", "language", "@-", *flags(LANGUAGE), "--steps", "2", "--no-baseline", "--out", "run"]) == 0
    assert not Path("run/input.txt").exists()


def test_a_dash_is_a_value_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert "U+002D" in said(capsys, "score", "language", "--text", "-", status=1)
    assert "U+002D" in said(capsys, "sample", "language", "--prompt", "-", status=1)


@pytest.mark.parametrize("task", TASKS)
def test_verbs_and_what_they_serve(task: str) -> None:
    kind = TASKS[task].load()
    assert (task in CAN["predict"]) == (kind.answers is not Task.answers)
    assert (task in CAN["score"]) == (kind.surprises is not Task.surprises or kind is Language)
    assert (task in CAN["sample"]) != (task in CAN["predict"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["predict", "handwriting", "x"], "a handwriting model cannot predict; try unspool sample or evaluate"),
        (["predict", "language", "-", "--stream"], "a language model cannot predict; try unspool sample, score or"),
        (["score", "handwriting", "me.json"], "a handwriting model cannot score; try unspool sample or evaluate"),
        (["score", "classifier", "--text", "a"], "a classifier model cannot score; try unspool predict or evaluate"),
    ],
)
def test_a_model_that_a_verb_has_no_use_for(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, *arguments).startswith(sentence)
