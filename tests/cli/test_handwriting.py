"""`unspool sample` with a handwriting model: pages, strokes, and what it refuses."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import unspool
from tests.cli.conftest import Wrote
from unspool.cli.main import run
from unspool.data.pen.strokes import Strokes
from unspool.ink.write import write_ink
from unspool.tasks.pen.handwriting import Handwriting
from unspool.tasks.pen.writing import Pen

pytestmark = pytest.mark.usefixtures("models")
SMALL = ["--size", "60x40", "--margin", "5"]


def title(path: str) -> str:
    found = ElementTree.parse(path).find("{http://www.w3.org/2000/svg}title")
    assert found is not None and found.text is not None
    return found.text


def test_a_page_without_a_name_gets_the_next_free_one(capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        assert run(["sample", "pen", "ab"]) == 0
        out, error = capsys.readouterr()
        assert out == "" and error.startswith(f"page: handwriting-{number}.svg\n")
        assert title(f"handwriting-{number}.svg") == "ab"


def test_a_page_is_what_the_model_writes(wrote: Wrote) -> None:
    assert wrote("pen", "ab cd\n\nef", "--bias", "1", "--seed", "4", "--output", "page.json") == ""
    found = unspool.read_inks("page.json")
    expected = unspool.load("pen").write("ab cd\n\nef", bias=1, seed=4)
    assert [line.text for line in found] == [line.text for line in expected]
    for line, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(line.points, other.points)


@pytest.mark.parametrize("ending", [".svg", ".png", ".gcode", ".nc"])
def test_every_format(ending: str, wrote: Wrote) -> None:
    if ending == ".png":
        pytest.importorskip("PIL")
    own = {".svg": ["--colour", "Blue"], ".png": ["--colour", "blue", "--dpi", "30"]}.get(ending, ["--feed", "99"])
    wrote("pen", "ab", *SMALL, "--letter", "0.5", *own, "--output", f"page{ending}")
    content = Path(f"page{ending}").read_bytes()
    assert (b"#1c3f94" in content) == (ending == ".svg")
    assert (b"G21\nG90" in content) == (ending in (".gcode", ".nc"))


def test_many_samples_and_pages_have_names_of_their_own(wrote: Wrote) -> None:
    wrote("pen", "a\nb\nc", "--count", "2", "--seed", "5", "--size", "60x35", "--letter", "0.4", "--margin", "5",
          "--line-height", "30", "--output", "p.svg", "--window", "w.npz")  # fmt: skip
    assert {path.name for path in Path().glob("[pw][-.]*")} == {
        "p-0.svg", "p-0-page-2.svg", "p-1.svg", "p-1-page-2.svg", "w-0.npz", "w-1.npz",
    }  # fmt: skip
    assert title("p-1-page-2.svg") == "c"
    points = np.load("w-1.npz")["points_0"]
    np.testing.assert_array_equal(points, unspool.load("pen").write("a\nb\nc", seed=5, number=1)[0].points)


def test_json_prints_strokes(wrote: Wrote, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(wrote("pen", "ab cd", "--json", "--count", "2", "--bias", "0.5", "--line-length", "2"))
    assert not list(Path().glob("handwriting*"))
    assert (told["text"], told["bias"], told["seed"], told["style"]) == ("ab cd", 0.5, 0, None)
    usual = json.loads(wrote("pen", "ab", "--json"))
    assert usual["bias"] == 1 and json.loads(wrote("textless", "--points", "4", "--json"))["bias"] == 0
    (line,) = unspool.load("pen").write("ab", bias=1)
    np.testing.assert_array_equal(np.concatenate(usual["samples"][0]["lines"][0]["strokes"]), line.points)
    model = unspool.load("pen")
    for number, sample in enumerate(told["samples"]):
        lines = model.write("ab cd", bias=0.5, number=number, line_length=2)
        assert [line["text"] for line in sample["lines"]] == ["ab", "cd"]
        for line, expected in zip(sample["lines"], lines, strict=True):
            assert line["points"] == len(expected) and line["y"] == "up" and isinstance(line["finished"], bool)
            np.testing.assert_array_equal(np.concatenate(line["strokes"]), expected.points)
    printed = wrote("pen", "ab", "--json", "--output", "page.svg")
    assert json.loads(printed)["samples"] and title("page.svg") == "ab"


def test_texts_come_from_files_and_standard_input(wrote: Wrote, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("text.txt").write_text("ab\ncd\n")
    wrote("pen", "--text-file", "text.txt", "--output", "file.svg")
    for arguments in (["-"], ["--text-file", "-"]):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"ab\ncd\n")))
        wrote("pen", *arguments, "--output", "input.svg")
        assert Path("input.svg").read_bytes() == Path("file.svg").read_bytes()
    assert title("file.svg") == "ab\ncd"


def test_a_word_that_is_longer_than_a_line_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["sample", "pen", "ab abcdef", "--line-length"]
    assert run([*asked, "4", "--output", "cut.json"]) == 0
    assert "'abcdef' was written in parts, longer than a line" in capsys.readouterr().err
    assert [ink.text for ink in unspool.read_inks("cut.json")] == ["ab", "abcd", "ef"]
    assert run([*asked, "6", "--output", "whole.json"]) == 0
    assert "in parts" not in capsys.readouterr().err


def test_a_model_without_texts(wrote: Wrote, refused: Wrote) -> None:
    wrote("textless", "--points", "12", "--output", "alone.json")
    assert len(unspool.read_inks("alone.json")[0]) == 12
    wrote("textless", "--points", "12", "--style", "me.json", "--output", "on.json")
    wrote("textless", "--points", "12", "--style", "me.json", "--no-echo", "--output", "only.json")
    on, only = (unspool.read_inks(name)[0] for name in ("on.json", "only.json"))
    assert len(only) == 12 < len(on)
    np.testing.assert_allclose(np.diff(on.points[-12:], axis=0), np.diff(only.points, axis=0), atol=1e-9)
    wrote("textless", "--points", "40", "--output", "alone.svg")
    assert "textless has learned strokes alone and takes no text and no --window; leave it out" in refused(
        "textless", "a", "--window", "w.png"
    )


def test_lines_that_do_not_end_are_told_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unspool.tasks.pen.writing.finished", lambda phi, memory: False)
    monkeypatch.setattr("unspool.tasks.pen.writing.native_writer", lambda *_: "not here")
    monkeypatch.setattr("unspool.tasks.pen.writing.LIMIT", 0.2)
    assert run(["sample", "pen", "ab\ncd", "--count", "2", "--json"]) == 0
    error = capsys.readouterr().err
    assert error.startswith("4 of 4 lines were cut off before their text was at its end ('ab' ...); try")
    assert error.count("\n") == 1
    assert run(["sample", "pen", "ab", "--json"]) == 0
    assert capsys.readouterr().err.startswith("1 of 1 line was cut off before its text was at its end ('ab'); try")
    assert run(["sample", "textless", "--points", "4", "--json"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["pen"], "needs a text that pen shall write"),
        (["pen", "ab", "--text-file", "me.json"], "leave one of them out"),
        (["pen", "ab", "--temperature", "2", "--prompt", "x"], "--prompt, --temperature are for language models"),
        (["pen", "ab", "--points", "9"], "--points is for models without texts"),
        (["pen", "ab", "--no-echo"], "--no-echo is for models without texts"),
        (["pen", "ab", "--bias", "-1"], "bias must be at least 0"),
        (["pen", "ab", "--count", "0"], "--count must be at least 1"),
        (["pen", "ab", "--style-text", "x"], "belong to --style"),
        (["pen", "ab", "--style", "nobody"], "nobody"),
        (["pen", "ab", "--output", "page.pdf"], "--output must end in .svg"),
        (["pen", "ab", "--window", "page.txt"], "--window must end in .png"),
        (["pen", "ab", "--colour", "pink"], "--colour"),
        (["pen", "ab", "--letter", "9", *SMALL, "--output", "page.svg"], "smaller letters"),
        (["pen", "ab", "--style", ""], "got an empty name"),
        (["pen", "--text-file", ""], "--text-file must be a file, or - for standard input, got an empty name"),
        (["pen", "-", "--style", "-"], "standard input is read once, got - for the text and for --style"),
        (["pen", "ab", "--seed", "-1"], "--seed must be at least 0"),
        (["pen", "ab", "--style-sample", "0"], "belong to --style"),
        (["pen", "ab", "--adapt", "5"], "belong to --style"),
        (["pen", "ab", "--style", "me.json", "--adapt", "-1"], "adapt"),
        (["pen", "ab", "--seconds", "3", "--output", "o.png"], "--seconds (of .svg) does nothing in o.png"),
        (["pen", "ab", "--dpi", "90"], "--dpi (of .png) does nothing in a page of .svg; leave it out"),
        (["pen", "ab", "--size", "letter", "--letter", "3", "--output", "o.json"], "do nothing in o.json"),
        (["pen", "ab", "--margin", "9", "--json"], "does nothing where --json draws no page"),
        (["chars", "ab"], "goes on from a prompt"),
        (["chars", "--bias", "1", "--size", "letter"], "--bias, --size are for handwriting models, but chars"),
        (["chars", "--dpi", "90"], "--dpi is for handwriting models, but chars is a language model; leave it out"),
        (["classes", "ab"], "needs a language model or a handwriting model, classes is a classifier"),
    ],
)
def test_wrong_usage(arguments: list[str], sentence: str, refused: Wrote) -> None:
    assert sentence in refused(*arguments)


def test_what_cannot_be_written(refused: Wrote, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "text has 'É' (U+00C9" in refused("pen", "ab\ncdÉ\né", status=1)
    assert "must have a character" in refused("pen", " ", status=1)
    assert "samples, numbered from 0" in refused("pen", "ab", "--style", "me.json", "--style-sample", "3", status=1)
    write_ink([Strokes.of([[[0, 0], [1, 1]]])], "mute.json")
    assert "--style-text" in refused("pen", "ab", "--style", "mute.json", status=1)


def test_what_is_known_at_the_start_is_said_then(refused: Wrote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Handwriting, "drafts", lambda *_, **__: pytest.fail("it was written in vain"))
    Path("folder.svg").mkdir()
    Path("w-1.npz").mkdir()
    for arguments, told, status in (
        (["--output", "nowhere/page.svg"], "no folder nowhere", 1),
        (["--window", "nowhere/w.npz"], "no folder nowhere", 1),
        (["--output", "folder.svg"], "folder.svg cannot be written, as it is a folder", 1),
        (["--window", "w.npz", "--count", "2"], "w-1.npz cannot be written, as it is a folder", 1),
        (["--output", "a.png", "--dpi", "2400"], "a4 at 2400 dpi has 55", 2),
        (["--letter", "500"], "a line must fit on the page", 2),
        (["--letter", "30", "--size", "50x20", "--margin", "2"], "a line must fit on the page", 2),
    ):
        assert told in refused("pen", "ab", *arguments, status=status)
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert "a PNG file needs pillow" in refused("pen", "ab", "--output", "a.png", status=1)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "a picture needs matplotlib" in refused("pen", "ab", "--window", "a.svg", status=1)


def test_a_picture_of_the_window_has_the_first_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("unspool.tasks.pen.window_path.MOST", 1)
    assert run(["sample", "pen", "a\nb", "--window", "w.svg", "--output", "p.json"]) == 0
    assert "window: w.svg, the first 1 of 2 lines; .npz has all" in capsys.readouterr().err
    assert run(["sample", "pen", "a\nb", "--window", "w.npz", "--output", "p.json"]) == 0
    assert "window: w.npz\n" in capsys.readouterr().err and "phi_1" in np.load("w.npz")


def test_what_a_page_does_not_show_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["sample", "pen", "--size", "60x30", "--margin", "5", "--letter", "0.5", "--line-height", "40"]
    assert run([*command, "a\nb\nc", "--output", "pg.svg"]) == 0
    assert "earlier" not in capsys.readouterr().err
    assert run([*command, "a", "--output", "pg.svg"]) == 0
    error = capsys.readouterr().err
    assert "pages of an earlier text are still there: pg-page-2.svg, pg-page-3.svg\n" in error
    columns = ["sample", "textless", "--points", "400", "--bias", "0", "--letter", "20", "--size", "2000x150"]
    assert run([*columns, "--output", "wild.svg"]) == 0
    assert "ink beyond the edge was cut off on 2 of 2 pages; " in capsys.readouterr().err


def test_a_long_text_tells_how_far_it_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join("abcd")
    assert run(["sample", "pen", text, "--output", "p.json"]) == 0
    assert "lines, " not in capsys.readouterr().err
    monkeypatch.setattr("unspool.cli.sample_pen.SECONDS", -1.0)
    assert run(["sample", "pen", text, "--output", "p.json"]) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "left" in line]
    assert [line.partition(",")[0] for line in told] == ["1 of 4 lines", "2 of 4 lines", "3 of 4 lines"]
    assert run(["sample", "textless", "--points", "4", "--output", "p.json"]) == 0  # which has no lines to count
    assert "lines" not in capsys.readouterr().err


def test_a_page_and_a_window_are_two_files(refused: Wrote) -> None:
    for window in ("a.svg", "./a.svg"):
        told = refused("pen", "a", "--output", "a.svg", "--window", window)
        assert "--window and --output must be two files, got a.svg for both; rename one of them" in told


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_keeps_the_lines_that_are_there(
    number: int, status: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, calls = Pen.lines, []

    def interrupted(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            os.kill(os.getpid(), number)
        return usual(*arguments, **named)

    before = signal.getsignal(number)
    monkeypatch.setattr(Pen, "lines", interrupted)
    command = ["sample", "pen", "a\n\nb\nc\nd", "--output", "p.svg", "--window", "w.npz", "--json"]
    assert run(command) == status
    out, error = capsys.readouterr()
    assert title("p.svg") == "a\n\nb" and "phi_1" in np.load("w.npz") and "phi_2" not in np.load("w.npz")
    assert [line["text"] for line in json.loads(out)["samples"][0]["lines"]] == ["a", "b"]
    assert error.endswith("unspool: interrupted after 2 of 4 lines, which are written\n")
    assert signal.getsignal(number) is before and len(calls) == 2
    calls.clear()
    assert run([*command, "--count", "3"]) == status
    assert capsys.readouterr().err.endswith("interrupted after 2 of 12 lines, which are written\n")
    assert Path("p-0.svg").exists() and not Path("p-1.svg").exists()


@pytest.mark.parametrize("where", ["drafts", "file"])
def test_an_interrupt_leaves_whole_files(
    where: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the second page is written, or put into its place."""
    owner, name = (Handwriting, "drafts") if where == "drafts" else (Path, "replace")
    usual, calls = getattr(owner, name), []

    def interrupted(*arguments: object, **named: object) -> object:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return usual(*arguments, **named)

    before = set(Path().iterdir())
    monkeypatch.setattr(owner, name, interrupted)
    assert run(["sample", "pen", "ab", "--count", "3", "--output", "page.svg"]) == 130
    assert "unspool: interrupted" in capsys.readouterr().err
    assert {path.name for path in set(Path().iterdir()) - before} == {"page-0.svg"}
    assert title("page-0.svg") == "ab"


def test_help_shows_both_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sample", "--help"]) == 0
    shown = capsys.readouterr().out
    groups = [
        shown.index(group) for group in ("Parameters", "Of a handwriting model", "Of a language model", "The page")
    ]
    assert groups == sorted(groups)
    assert shown.count("--seed") == 1
    assert groups[1] < shown.index("--bias") < groups[2] < shown.index("--temperature") < groups[3]
