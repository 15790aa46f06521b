"""What a pen writes: lines of a text in one hand, styles, breaking, and the path of the window."""

from __future__ import annotations

import json
import string
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.tasks.pen.made import handwriting, inks
from unspool.data.pen.alphabet import written
from unspool.data.pen.read import read_inks
from unspool.data.pen.strokes import Inks, Strokes
from unspool.engine.writing import Trace
from unspool.errors import DataError, SpecError
from unspool.ink import Page, write_ink
from unspool.tasks.pen.breaking import Width, paragraphs, too_long
from unspool.tasks.pen.hand import hand
from unspool.tasks.pen.handwriting import Handwriting
from unspool.tasks.pen.manuscript import LINES, Manuscript, usual_width
from unspool.tasks.pen.window_path import write_window
from unspool.tasks.pen.writing import Lead, Line, Pen, Start

TEXT = "ab cd ef\n\ngh"


@pytest.fixture(scope="module")
def task() -> Handwriting:
    """Blanks are known, as the texts of some samples have them."""
    spaced = [replace(sample, text=f"{sample.text} {sample.text}") for sample in inks()]
    return handwriting(Inks(spaced))


@pytest.fixture(scope="module")
def textless() -> Handwriting:
    return handwriting(prediction=True)


def same(one: Strokes, other: Strokes) -> bool:
    return np.array_equal(one.points, other.points) and np.array_equal(one.last, other.last) and one.text == other.text


@given(st.text("ab \n\u0301\u3042", max_size=60), st.integers(1, 9))
def test_lines_hold_all_of_a_text_and_are_short_enough(text: str, longest: int) -> None:
    found = paragraphs(text, Width(longest, longest))
    lines = [line for paragraph in found for line in paragraph]
    assert "".join("".join(lines).split()) == "".join(written(text).split())
    assert all(line == written(line) and line for line in lines)
    for line in lines:
        beyond = line[longest:]  # only marks, which have no place of their own
        assert all(unicodedata.combining(character) for character in beyond)


def test_a_text_is_broken_at_blanks_and_line_ends() -> None:
    assert paragraphs("one two three\nfour", Width(8, 8)) == [["one two", "three"], ["four"]]
    assert paragraphs("\n\na\n \n\nb\n", Width(8, 8)) == [["a"], [], [], ["b"]]
    assert paragraphs("extraordinary day", Width(5, 5)) == [["extra", "ordin", "ary", "day"]]
    assert paragraphs("one two", Width(8, 8), words=True) == [["one", "two"]]
    assert paragraphs(" \n", Width(8, 8)) == []
    assert paragraphs("ab\u200ccd", Width(2, 2)) == [["ab\u200c", "cd"]]
    assert paragraphs("one two\none two three", Width(4, 8)) == [["one two"], ["one", "two", "thre", "e"]]


def test_words_that_are_cut_are_found() -> None:
    assert too_long("one two\none two three", Width(4, 8)) == ["three"]
    assert too_long("one two three", Width(8, 8)) == []
    assert too_long("\u65e5\u672c\u8a9e\u306e\u6587", Width(2, 2)) == []  # has no blanks to be cut at


def test_lines_are_written_one_by_one(task: Handwriting) -> None:
    lines = task.write(TEXT, seed=3, points=20, line_length=5)
    assert [line.text for line in lines] == ["ab cd", "ef", "gh"]
    assert same(lines[0], task.write("ab cd", seed=3, points=20)[0])
    assert all(len(line) <= 20 and line.points[0, 0] == 0 for line in lines)
    again = task.write(TEXT, seed=3, points=20, line_length=5)
    assert all(map(same, lines, again))
    other = task.write(TEXT, seed=3, number=1, points=20, line_length=5)
    assert not any(map(same, lines, other))
    found = task.manuscript(TEXT, seed=3, points=20, line_length=5)
    assert [len(paragraph) for paragraph in found.paragraphs] == [2, 0, 1]


def test_other_weights_are_the_native_pen_s(task: Handwriting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unspool.tasks.pen.model.native_writer", lambda net, weights: "there is none")
    with pytest.raises(SpecError, match="--weights int8 needs the native pen, but there is none; use f32"):
        task.write("ab", weights="int8")
    assert task.pen().weights == "f32" and len(task.write("ab", points=3)[0]) <= 3
    monkeypatch.setattr("unspool.tasks.pen.model.native_writer", lambda net, weights: object())
    assert task.pen("int8").weights == "int8"


def test_what_is_written_is_what_is_read(task: Handwriting) -> None:
    """Letter by letter, so that the window's path and the text belong together: a ligature is two."""
    found = task.manuscript("\ufb01ne \u202aoffice \ufb02y", points=5, line_length=30)
    (line,) = found.lines
    assert found.read == (line.strokes.text,) == ("fine office fly",)
    assert line.phi.shape[1] == len("fine office fly") + 1


def test_samples_are_numbered(task: Handwriting) -> None:
    several = [line.strokes for line in task.lines("ab", seed=2, count=3, points=9)]
    assert same(several[2], task.write("ab", seed=2, number=2, points=9)[0])
    first = [line.strokes for line in task.lines("ab", seed=2, count=2, first=1, points=9)]
    assert same(several[1], first[0]) and same(several[2], first[1])


def test_all_lines_are_in_the_hand_of_the_longest_lead_so_far(
    task: Handwriting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that were cut off do not say their text, so they lead nobody."""
    shown: list[tuple[str, int, object]] = []

    def lines(self: Pen, text: str, *, first: int, lead: object, **asked: object) -> list[Line]:
        shown.append((text, first, lead))
        ink = Strokes.of([[[0.0, 0.0], [len(text), 1.0]]], text=text)
        return [Line(ink, np.zeros((2, len(text) + 1), np.float32), "h" not in text)]

    monkeypatch.setattr(Pen, "lines", lines)
    monkeypatch.setattr(Pen, "read", lambda self, text, style: text)
    task.manuscript("a b h h\nab\nbc\nbcd\na", line_length=7)
    leads = {text: None if lead is None else lead.text for text, _, lead in shown}  # type: ignore[attr-defined]
    assert leads == {"a b h h": None, "ab": None, "bc": "ab", "bcd": "ab", "a": "bcd"}
    assert [number for _, number, _ in shown] == [place * LINES for place in range(5)]
    shown.clear()
    task.manuscript("ab\nabc", style=inks()[0])
    assert [lead.text for *_, lead in shown] == [inks()[0].text] * 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("done", [True, False])
def test_a_blank_is_read_behind_a_text_and_no_next_word_is_begun(
    task: Handwriting, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    read: list[str] = []

    def trace(self: Pen, start: Start, *_: object) -> Trace:
        assert start.memory is not None and self.reader.alphabet is not None
        read.append(self.reader.alphabet.decode(start.memory.values[0].argmax(dim=1).numpy()))
        rows = torch.tensor([[0, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 1], [-1, 2, 0], [0, 0, 1], [40, 0, 0]]).float()
        phi = torch.full((7, 4), 0.1)  # on "a", "b", the blank and behind it
        phi[torch.arange(7), torch.tensor([0, 0, 1, 1, 2, 2, 2])] = 0.9
        return Trace(rows, phi, done)

    monkeypatch.setattr("unspool.tasks.pen.writing.native_writer", lambda *_: "not here")
    monkeypatch.setattr(Pen, "_by_loop", trace)
    (line,) = task.lines("ab")
    assert read == ["ab "] and task.pen().read("ab") == "ab"
    assert line.phi.shape == (6 if done else 7, 3) and len(line.strokes) == len(line.phi)


def test_a_high_bar_of_a_slanted_hand_is_no_next_word(task: Handwriting) -> None:
    """Upright it goes back to the ink; sheared it lies beyond all that is lower."""
    pen, scale = task.pen(), np.array(task.reader.normaliser.std)
    ink = np.array([[0, 0], [0.2, 0], [0.4, 0], [0.6, 0], [0.1, 4.0], [0.2, 4.0], [0.3, 4.0]])
    steps = np.diff(ink, axis=0, prepend=0.0) - task.reader.normaliser.mean
    rows = np.column_stack([steps / scale, [0, 0, 0, 1, 0, 0, 1]]).astype(np.float32)
    phi = np.full((7, 6), 0.1, np.float32)  # on two characters of a style, "a", "b", the blank and behind it
    phi[np.arange(7), [2, 2, 3, 3, 4, 4, 4]] = 0.9
    style = Lead(np.zeros((1, 3), np.float32), "c", slant=1.0)
    line = pen._own(Start(None, torch.zeros(1, 3), None, style, False), "ab", rows, phi, True)
    assert len(line.strokes.ends) == 2 and len(line.phi) == 7


def test_no_blank_is_read_where_none_is_known() -> None:
    task = handwriting(Inks([sample for sample in inks() if " " not in str(sample.text)]))
    assert task.reader.alphabet is not None and len(task.reader.alphabet.blank) == 0
    (line,) = task.lines("ab", points=5)
    assert line.phi.shape == (len(line.strokes), 3)


def test_a_line_leads_as_it_was_written(task: Handwriting) -> None:
    (line,) = task.lines("ab", seed=1, points=15)
    lead = task.pen().retraced(line, 2)
    assert lead is not None and lead.text == "ab" and lead.slant == 0
    np.testing.assert_allclose(task.reader.normaliser.decode(lead.rows).points, line.strokes.points, atol=1e-5)


def test_every_unknown_character_is_named_before_anything_is_written(
    task: Handwriting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pen, "lines", lambda *_, **__: pytest.fail("a line was written"))
    with pytest.raises(DataError, match=r"the text has 'A' .*'Ω' .*; leave them out") as caught:
        task.write("ab A\nab\nab Ω A")
    assert str(caught.value).count("LATIN CAPITAL LETTER A") == 1


def test_a_model_of_words_writes_word_by_word() -> None:
    task = handwriting(Inks([sample for sample in inks() if " " not in str(sample.text)]))
    assert task.reader.alphabet is not None and " " not in task.reader.alphabet.symbols
    found = task.manuscript("ab cd\nef", points=5)
    assert [[line.strokes.text for line in paragraph] for paragraph in found.paragraphs] == [["ab", "cd"], ["ef"]]
    with pytest.raises(DataError, match="must have a character"):
        task.write(" \n")


@pytest.mark.parametrize("slant", [0.0, 0.5])
def test_what_follows_a_style_has_its_slant(task: Handwriting, slant: float) -> None:
    upright = Strokes.of([[[x, 1.0 - y / 8] for y in range(9)] for x in range(6)], text="ab")
    style = upright.transformed([[40.0, 40.0 * slant, 7.0], [0.0, 40.0, -3.0]])
    lead = task.pen().lead([style])
    assert lead.slant == pytest.approx(slant, abs=0.02)
    plain = task.write("cd", seed=5, points=12, style=upright)[0]
    slanted = task.write("cd", seed=5, points=12, style=style)[0]
    away = slanted.points - plain.points @ [[1.0, 0.0], [lead.slant, 1.0]]
    np.testing.assert_allclose(away - away[0], 0, atol=0.02)


def test_a_style_is_strokes_a_file_or_a_name(task: Handwriting, tmp_path: Path) -> None:
    path = write_ink(list(inks()[:3]), tmp_path / "me.json")
    assert [sample.text for sample in read_inks(path)] == [sample.text for sample in inks()[:3]]
    assert same(hand(str(path), 2)[0], inks()[2]) and same(hand(inks()[1])[0], inks()[1])
    assert hand(path, 1, "other")[0].text == "other"
    expected = task.write("ab", points=9, style=inks()[0])[0]
    assert same(task.write("ab", points=9, style=str(path))[0], expected)
    assert not same(task.write("ab", points=9)[0], expected)
    with pytest.raises(DataError, match=r"has 3 samples, numbered from 0, got --style-sample 3"):
        hand(path, 3)
    with pytest.raises(DataError, match=r"has 1 sample, numbered from 0, got --style-sample 1"):
        hand(inks()[0], 1)
    with pytest.raises(SpecError, match="a style must be a file or the name of one, got an empty name"):
        hand("")
    with pytest.raises(SpecError, match="nobody"):
        hand("nobody")
    with pytest.raises(DataError, match=r"gone\.json"):
        hand("gone.json")
    with pytest.raises(DataError, match="--style-text"):
        task.write("ab", style=replace(inks()[0], text=None))
    with pytest.raises(DataError, match=r"text of the style has 'Ω'"):
        task.write("ab", style=replace(inks()[0], text="Ω"))


def test_strokes_go_on_after_a_style(textless: Handwriting) -> None:
    style = replace(inks()[0], text=None)
    alone = textless.manuscript(points=20, seed=1, style=style).lines[0].strokes
    whole = textless.manuscript(points=20, seed=1, style=style, echo=True).lines[0].strokes
    given = len(whole) - len(alone)
    assert len(alone) == 20 and given > 5
    tail = whole.points[given:]
    np.testing.assert_allclose(tail - tail[0], alone.points - alone.points[0], atol=1e-9)
    assert whole.points[0, 0] == 0
    with pytest.raises(SpecError, match="reads no text"):
        textless.write("ab")


def test_a_page_shows_what_was_gone_on_after(textless: Handwriting, tmp_path: Path) -> None:
    """As `unspool sample` has it."""
    style = replace(inks()[0], text=None)
    pages = {}
    named: dict[str, dict[str, Any]] = {"usual": {}, "echo": {"echo": True}, "alone": {"echo": False}}
    for name, echo in named.items():
        textless.draw(None, tmp_path / f"{name}.json", points=20, style=style, **echo)
        pages[name] = read_inks(tmp_path / f"{name}.json")[0]
    assert same(pages["usual"], pages["echo"]) and len(pages["alone"]) == 20 < len(pages["usual"])


@pytest.mark.parametrize(
    ("text", "asked", "told"),
    [
        ("ab", {"line_length": 0}, "line_length must be at least 1, got 0"),
        ("ab", {"line_length": 2.5}, "line_length must be a whole number, got 2.5"),
        ("ab", {"seed": "x"}, "seed must be a whole number, got 'x'"),
        ("ab", {"seed": None}, "seed must be a whole number, got None"),
        ("ab", {"number": 1.5}, "number must be a whole number, got 1.5"),
        ("ab", {"points": "9"}, "points must be a whole number, got '9'"),
        ("ab", {"bias": "neat"}, "bias must be a number, got 'neat'"),
        (b"ab", {}, "a text must be a str, got bytes"),
        (["ab"], {}, "a text must be a str, got list"),
    ],
)
def test_what_is_asked_is_checked(task: Handwriting, text: Any, asked: dict[str, Any], told: str) -> None:
    with pytest.raises(SpecError, match=told):
        task.write(text, **asked)
    numbers: dict[str, Any] = {"seed": np.int64(1), "points": np.int32(4), "bias": np.float32(1)}
    assert len(task.write("ab", **numbers)[0]) <= 4


def test_a_text_can_be_had_line_by_line(task: Handwriting) -> None:
    whole = task.manuscript(TEXT, points=5, line_length=5)
    seen = []
    for draft in task.drafts(TEXT, points=5, line_length=5):
        seen.append(([line.strokes for line in draft.lines], draft.read))
        assert draft.total == 3
    assert [len(lines) for lines, _ in seen] == [1, 2, 3] == [len(read) for _, read in seen]
    for lines, read in seen:
        assert all(map(same, lines, (line.strokes for line in whole.lines)))
        assert read == whole.read[: len(read)]


def test_strokes_without_a_text_flow_over_the_rows() -> None:
    ticks = [[[x + 0.0, 0.0], [x + 0.5, 1.0]] for x in (0, 1, 4, 5, 4.2, 9)]
    for sign, flipped in ((1, False), (-1, True)):
        line = Line(Strokes.of(ticks).transformed([[sign, 0, 0], [0, 1, 0]]), np.empty((12, 0), np.float32), False)
        (row,) = Manuscript([[line]]).ink(Page())
        assert [len(part.ends) for part in row] == [2, 3, 1], flipped
        assert [[part.text for part in row] for row in Manuscript([[line]]).ink(Page(size="fit"))] == [[None]]


def test_lines_are_as_long_as_page_and_training_allow(task: Handwriting) -> None:
    reader = task.reader._replace(normaliser=replace(task.reader.normaliser, mean=(0.1, 0.0)))
    pen = Pen(task.model, reader, 20.0)  # a character is 2 sizes wide, 5 mm
    assert usual_width(pen, 30, Page(size="fit")) == (15, 30)  # half is left to what it is led along
    assert usual_width(pen, 60, Page(size="140x100")) == (18, 18)  # 0.9 x 100 mm / 5 mm
    assert usual_width(pen, 30, Page(size="290x200")) == (15, 30)  # 45 fit, in three parts
    assert usual_width(pen, 30, Page(size="140x100", letter=1.25)) == (12, 30)  # 36 fit
    assert usual_width(pen, 0.1, Page(size="50x50")) == (1, 1)
    wide = Strokes.of([[[3.9 * x, 1.0 - y / 8] for y in range(9)] for x in range(6)], text="abcde")  # 3.9 sizes each
    led = pen.lead([wide])
    assert usual_width(pen, 60, Page(size="140x100"), led) == (9, 9)  # 0.9 x 100 mm / 9.75 mm
    assert usual_width(pen, 30, Page(size="fit"), led) == (25, 25) and usual_width(pen, 8, Page("fit"), led) == (4, 4)
    # lines that belong together stand below each other where the page has no width
    found = task.manuscript("ab cd\n\nab", points=5, line_length=2)
    assert [len(row) for row in found.ink(Page(size="fit"))] == [1, 1, 0, 1]
    assert [len(row) for row in found.ink(Page())] == [2, 0, 1]


def test_pages_are_drawn(task: Handwriting, tmp_path: Path) -> None:
    text = "\n".join(string.ascii_lowercase[:8])
    page = Page(size="60x60", margin=10, letter=0.5, line_height=24)  # 12 mm, so three rows a page
    files = task.draw(text, tmp_path / "page.svg", page, points=4)
    assert [file.name for file in files] == ["page.svg", "page-page-2.svg", "page-page-3.svg"]
    assert "<title>d\ne\nf</title>" in files[1].read_text()
    with pytest.raises(SpecError, match=r"the name of a page must end in .svg"):
        task.draw("ab", tmp_path / "page.doc")


def test_the_path_of_the_window_is_written(task: Handwriting, tmp_path: Path) -> None:
    found = task.manuscript("ab\ncd", points=12, style=inks()[0])
    read = [f"{inks()[0].text} {text}" for text in ("ab", "cd")]
    assert found.read == tuple(read)
    arrays = np.load(write_window(found, tmp_path / "w.npz"))
    assert set(arrays) == {f"{name}_{number}" for name in ("phi", "points", "last", "read") for number in (0, 1)}
    for number, line in enumerate(found.lines):
        assert "".join(arrays[f"read_{number}"]) == read[number]
        assert arrays[f"phi_{number}"].shape == (len(line.strokes), len(read[number]) + 1)
        np.testing.assert_array_equal(arrays[f"phi_{number}"], line.phi)
        np.testing.assert_array_equal(arrays[f"points_{number}"], line.strokes.points)
    told = json.loads(write_window(found, tmp_path / "w.json").read_text())
    np.testing.assert_allclose(told[1]["phi"], found.lines[1].phi, atol=1e-5)
    assert told[1]["read"] == read[1]
    assert same(read_inks(tmp_path / "w.json")[1], found.lines[1].strokes)  # and it is pen data too


def test_the_window_is_drawn(task: Handwriting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the line's own characters and the end, without those of the style."""
    pytest.importorskip("matplotlib")
    found = task.manuscript("a b", points=6, style=inks()[0])
    assert write_window(found, tmp_path / "w.svg").stat().st_size > 1000
    figures: list[Any] = []
    monkeypatch.setattr("unspool.tasks.pen.window_path.save", lambda figure, path, flag: figures.append(figure))
    write_window(found, tmp_path / "w.svg")
    above, _ = figures[0].axes
    phi = found.lines[0].phi
    np.testing.assert_allclose(above.images[0].get_array(), (phi[:, -4:] / phi.max(axis=1, keepdims=True)).T)
    assert above.images[0].get_clim() == (0, 1) and "shares of the largest" in above.get_xlabel()
    assert [label.get_text() for label in above.get_yticklabels()] == ["a", "␣", "b", "end"]
    monkeypatch.undo()
    many = Manuscript([found.lines * 4], found.read * 4)
    figures.clear()
    monkeypatch.setattr("unspool.tasks.pen.window_path.save", lambda figure, path, flag: figures.append(figure))
    monkeypatch.setattr("unspool.tasks.pen.window_path.MOST", 3)
    write_window(many, tmp_path / "w.png")
    assert len(figures[0].axes) == 2 * 3
    with pytest.raises(SpecError, match=r"--window must end in .png, .svg, .pdf, .npz, .json, got .*w\.txt"):
        write_window(found, tmp_path / "w.txt")
    assert {path.name for path in tmp_path.iterdir()} == {"w.svg"}
