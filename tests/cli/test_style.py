"""`unspool sample --style`: whose hand a handwriting model writes in, and what it learns from it first."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unspool
from tests.cli.conftest import Wrote
from tests.tasks.pen.made import inks
from unspool.cli.main import run
from unspool.data.pen.strokes import Inks, Strokes
from unspool.ink.write import write_ink
from unspool.tasks.pen.handwriting import Handwriting

pytestmark = pytest.mark.usefixtures("models")


def test_a_style_is_chosen_and_told_its_text(wrote: Wrote) -> None:
    wrote("pen", "ab", "--style", "me.json", "--style-sample", "1", "--output", "styled.json")
    model = unspool.load("pen")
    expected = model.write("ab", style=model.led("me.json", 1))[0]
    np.testing.assert_array_equal(unspool.read_inks("styled.json")[0].points, expected.points)
    wrote("pen", "ab", "--style", "me.json", "--style-text", str(inks()[0].text), "--output", "told.json")
    wrote("pen", "ab", "--style", "me.json", "--output", "known.json")
    assert Path("told.json").read_bytes() == Path("known.json").read_bytes() != Path("styled.json").read_bytes()


def test_a_copy_of_the_network_learns_from_all_samples_of_a_writer(
    wrote: Wrote, refused: Wrote, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["pen", "ab", "--style", "me.json", "--style-sample", "1", "--adapt", "3"]
    wrote(*asked, "--output", "own.json")
    mine = unspool.load("pen").adapted("me.json", 3)
    expected = mine.write("ab", style=mine.led("me.json", 1))[0]
    np.testing.assert_array_equal(unspool.read_inks("own.json")[0].points, expected.points)
    assert run(["sample", *asked]) == 0
    assert "3 updates on 3 samples of the style\n" in capsys.readouterr().err
    write_ink([[sample] for sample in inks()[:10]], Path("many.json"))  # writers 0 to 7, and two of them again
    asked[asked.index("me.json")] = "many.json"
    assert run(["sample", *asked, "--output", "one-of-many.json"]) == 0
    told = capsys.readouterr().err
    assert "3 updates on 2 samples of the style\n" in told
    assert "2 of the 10 samples are learned from: those by the writer of the style, 101 at most\n" in told
    model = unspool.load("pen")
    mine = model.adapted(Inks([inks()[1], inks()[9]]), 3)
    expected = mine.write("ab", style=mine.led("many.json", 1))[0]
    np.testing.assert_array_equal(unspool.read_inks("one-of-many.json")[0].points, expected.points)
    assert "with --style-text for one of them" in refused(*asked, "--style-text", "abc")
    write_ink([[inks()[0]]], Path("one.json"))
    wrote("pen", "ab", "--style", "one.json", "--style-text", str(inks()[0].text), "--adapt", "2", "--output", "a.json")
    wrote("pen", "ab", "--style", "one.json", "--adapt", "2", "--output", "b.json")
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()
    assert json.loads(wrote("pen", "ab", "--style", "one.json", "--adapt", "2", "--json"))["adapt"] == 2


def test_what_a_network_cannot_learn_from_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    known, other, silent = (replace(sample, writer=None) for sample in inks()[:3])
    silent = replace(silent, text=None)
    strange = replace(other, text="\N{SNOWMAN}" + str(other.text)[1:])
    write_ink([[known], [strange], [silent]], Path("some.json"))
    assert run(["sample", "pen", "ab", "--style", "some.json", "--adapt", "1", "--json"]) == 0
    told = capsys.readouterr().err
    assert "1 update on 1 of 3 samples of the style, left out: " in told
    assert "1 by 'rare character' (a character that is not in the alphabet)" in told and "1 by 'no text' (" in told


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ab\N{SNOWMAN}"], "but the text has"),
        ([" "], "must have a character"),
        (["ab", "--style", "silent.json"], "with --style-text TEXT"),
    ],
)
def test_nothing_is_learned_for_a_text_that_cannot_be_written(
    arguments: list[str], sentence: str, refused: Wrote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unspool.tasks.pen.model.adapted", lambda *given, **asked: pytest.fail("learned in vain"))
    write_ink([[replace(inks()[0], text=None)]], Path("silent.json"))
    style = [] if "--style" in arguments else ["--style", "me.json", "--style-sample", "0"]
    assert sentence in refused("pen", *arguments, *style, "--adapt", "5", status=1)


def test_a_signal_ends_the_learning_from_a_style(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*given: Any, tell: Any, **asked: Any) -> None:
        tell(1)
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("not interrupted")

    monkeypatch.setattr("unspool.tasks.pen.model.adapted", interrupted)
    assert run(["sample", "pen", "ab", "--style", "me.json", "--adapt", "5"]) == 143
    assert capsys.readouterr().err.endswith("unspool: interrupted\n") and not list(Path().glob("*.svg"))


def test_a_style_that_is_no_line_is_doubted(capsys: pytest.CaptureFixture[str]) -> None:
    columns = inks()[0].transformed([[1, 0, 0], [0, 1, -40]])
    both = Strokes.of([*inks()[0].strokes(), *columns.strokes()], text=inks()[0].text)
    write_ink([both], "two.json")
    assert run(["sample", "pen", "ab", "--style", "two.json", "--json"]) == 0
    assert "as a sample of training it would have been left out (several lines: it is" in capsys.readouterr().err
    assert run(["sample", "pen", "ab", "--style", "me.json", "--json"]) == 0
    assert "left out" not in capsys.readouterr().err


def test_a_doubt_comes_before_the_writing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def drafts(*_: object, **__: object) -> None:
        assert "the style may lead astray" in capsys.readouterr().err
        raise KeyboardInterrupt

    monkeypatch.setattr("unspool.tasks.pen.hand.verdict", lambda reader, style: "width")
    monkeypatch.setattr(Handwriting, "drafts", drafts)
    assert run(["sample", "pen", "ab", "--style", "me.json"]) == 130


def test_the_sample_that_is_the_style_is_named_where_none_was_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    Path("many").mkdir()
    write_ink([[sample] for sample in inks()[3:5]], Path("many", "lines.json"))
    write_ink([[inks()[0]]], Path("one.json"))
    for style, told in (
        (["me.json"], f"the style is sample 0 of 3, {inks()[0].text!r}; --style-sample N takes another"),
        (["many"], f"the style is sample 0 of 2, {inks()[3].text!r}; --style-sample N takes another"),
        (["me.json", "--style-sample", "0"], None),
        (["one.json"], None),
    ):
        capsys.readouterr()
        assert run(["sample", "pen", "ab", "--json", "--style", *style]) == 0
        error = capsys.readouterr().err
        assert ("the style is" in error) == (told is not None)
        assert told is None or told in error
