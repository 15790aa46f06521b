"""`unspool sample --interactive`, with the lines piped in and at a made terminal."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import unspool
from tests.tasks.made import model_bytes, write_model
from unspool.cli import interactive
from unspool.cli.main import run
from unspool.data.marks import Marked
from unspool.tasks.language.language import Language
from unspool.tasks.language.pieces import Piece


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("chars").write_bytes(model_bytes("language"))


Told = tuple[str, str]


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def with_lines(text: str, *flags: str) -> Told:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert run(["sample", "chars", "--interactive", "--length", "50", *flags]) == 0
        return capsys.readouterr()

    return with_lines


def labelled() -> Language:
    """A model of two kinds of text, written to the file `names`, that soon ends a text and seldom with its own mark."""
    plain: Any = unspool.load("chars")
    task = Language(plain.options, Marked(plain.vocabulary, ["Irish", "Italian"]))
    task.model = task.build()
    task.model.output.bias.data[-2:] = torch.tensor([4.0, 0.0])
    write_model(task, Path("names"))
    return task


def answers(turns: list[str | None], **options: Any) -> str:
    """What is printed, by reading all anew for each answer; None begins anew."""
    model: Any = unspool.load("chars")
    prompt, number, shown = model.read(options.pop("prompt", "")), 0, ""
    begun = prompt
    for typed in turns:
        if typed is None:
            prompt, number = begun, 0
            continue
        prompt = model.read(typed, after=prompt)
        whole = model.sample(prompt, length=50, echo=False, **{**options, "seed": options.get("seed", 0)})
        if number:
            whole = "".join(p.text for p in model.stream(prompt, length=50, sample=number, **options))
        line, end, _ = whole.partition("\n")
        shown += line + "\n"
        prompt, number = model.read(line + end, after=prompt), number + 1
    return shown


def test_the_state_is_carried_from_line_to_line(talk: Any) -> None:
    assert talk("the cat\n\na mat.\n") == (answers(["the cat\n", "", "a mat.\n"]), "")
    assert talk("the cat", "--prompt", "on ", "--seed", "4")[0] == answers(["the cat\n"], prompt="on ", seed=4)
    assert talk("") == ("", "")


def test_commands(talk: Any) -> None:
    assert talk("the\n/reset\nthe\n")[0] == answers(["the\n", None, "the\n"])
    assert talk("/temperature 0\na\n")[0] == answers(["a\n"], temperature=0.0)
    assert talk("a\n/quit\nthe\n")[0] == answers(["a\n"])
    out, told = talk("/tempo\n/temperature -1\n/temperature warm\nЖ\na\n")
    assert out == answers(["a\n"])
    assert told.count("unspool: ") == 3
    for part in ("there is no command /tempo", "got '-1'", "got 'warm'", "U+0416"):
        assert part in told


def test_the_label_stays_from_answer_to_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task, mark = labelled(), 0
    place = task.read("", label="Italian")
    expected = ""
    for turn in range(4):
        place = task.read("the\n", after=place)
        written = []
        for piece in task.stream(place, length=50, until="length", sample=turn):
            written.append(piece.id)
            if piece.id >= len(task.vocabulary.base) or task.vocabulary.symbols[piece.id] == "\n":
                break
        text = task.vocabulary.decode(written)
        expected += text if text.endswith("\n") else f"{text}\n"
        if written[-1] >= len(task.vocabulary.base):
            mark += written[-1] == task.vocabulary.mark("Irish")
            written[-1] = task.vocabulary.mark("Italian")
        place = task.read_ids(np.array(written), place, text)
    assert mark > 1
    monkeypatch.setattr("sys.stdin", io.StringIO("the\n" * 4))
    assert run(["sample", "names", "--interactive", "--length", "50", "--label", "Italian"]) == 0
    assert capsys.readouterr().out == expected


def test_a_model_without_documents_ends_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sample", "chars", "--interactive", "--until", "document"]) == 2
    assert "--until document needs a model that learned documents" in capsys.readouterr().err


def test_until_length_goes_on_over_lines(talk: Any) -> None:
    model: Any = unspool.load("chars")
    whole = model.sample(model.read("mat.\n", after=model.read("")), length=50, echo=False)
    assert talk("mat.\n", "--until", "length")[0].removesuffix("\n") == whole.removesuffix("\n")


def test_ctrl_c_stops_the_answer_only(talk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Language.stream

    def broken(self: Language, *arguments: Any, **options: Any) -> Iterator[Piece]:
        for number, piece in enumerate(stream(self, *arguments, **options)):
            if number == 3 and options["sample"] == 0:
                raise KeyboardInterrupt
            yield piece

    model: Any = unspool.load("chars")
    first = model.sample(model.read("a\n", after=model.read("")), length=3, echo=False)
    after = model.read("the\n", after=model.read("a\n" + first, after=model.read("")))
    second = "".join(piece.text for piece in model.stream(after, length=50, sample=1))
    monkeypatch.setattr(Language, "stream", broken)
    assert talk("a\nthe\n", "--until", "length")[0] == f"{first}\n{second}\n"


def test_at_a_terminal(talk: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    typed: Iterator[Any] = iter(["a", KeyboardInterrupt(), "", EOFError()])

    def read(prompt: str) -> str:
        answer = next(typed)
        if isinstance(answer, BaseException):
            raise answer
        return str(answer)

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("builtins.input", read)
    assert run(["sample", "chars", "--interactive", "--length", "50"]) == 0
    out, told = capsys.readouterr()
    first, second = answers(["a\n", ""]).splitlines()
    assert out.split("\n") == [first, "", second, "", ""]
    assert told == interactive.HELP + "\n"


@pytest.mark.parametrize("other", [["--json"], ["--output", "x"], ["--count", "2"], ["--novelty"], ["--beam", "2"]])
def test_what_does_not_go_together(other: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sample", "chars", "--interactive", *other]) == 2
    assert "--interactive writes to the terminal" in capsys.readouterr().err
