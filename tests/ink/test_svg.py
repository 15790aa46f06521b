from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.ink.made import SVG, controls, paths, word
from unspool.data.pen.read import read_inks
from unspool.data.pen.strokes import Points, Strokes
from unspool.ink.options import Page
from unspool.ink.page import Sheet, lay_out
from unspool.ink.svg import number, svg

DOT = Strokes.of([[[0.0, 0.5]]], text="i")


def picture(page: Page, *lines: list[Strokes]) -> tuple[Sheet, bytes]:
    sheet = lay_out(lines or [[word(), DOT], [], [word(20)]], page)
    return sheet, svg(sheet, page)


def away(points: Points, way: Points) -> float:
    """The farthest that a point [n, 2] lies from the nearest segment of a way [m, 2]."""
    start, step = way[:-1], np.diff(way, axis=0)
    share = ((points[:, None] - start) * step).sum(axis=2) / np.maximum((step**2).sum(axis=1), 1e-30)
    nearest = start + np.clip(share, 0, 1)[..., None] * step
    return float(np.hypot(*(points[:, None] - nearest).transpose(2, 0, 1)).min(axis=1).max())


@pytest.mark.parametrize("style", ["smooth", "straight", "plotter"])
def test_every_stroke_is_a_path_through_its_points(style: str) -> None:
    sheet, content = picture(Page(svg=style))
    found = paths(content)
    assert len(found) == len(sheet.strokes) == 7
    for path, points in zip(found, sheet.strokes, strict=True):
        command, corners = controls(path, sheet.height)
        assert command == ("l" if style == "straight" or len(points) == 1 else "c")
        on_path = corners if command == "l" else corners[::3]
        # every coordinate is rounded once: the errors of relative steps do not add up
        np.testing.assert_allclose(on_path, points if len(points) > 1 else points[[0, 0]], atol=0.00051)


@pytest.mark.parametrize("style", ["smooth", "straight", "plotter"])
def test_the_file_is_read_back_within_half_a_pen(tmp_path: Path, style: str) -> None:
    sheet, content = picture(Page(svg=style), [word(), word(20)])
    path = tmp_path / "page.svg"
    path.write_bytes(content)
    (back,) = read_inks(path)
    assert back.text == "word word"
    for read, points in zip(back.strokes(), sheet.strokes, strict=True):
        upright = np.add(read, [0, sheet.height])
        assert away(points, np.concatenate([upright, upright[-1:]])) < sheet.pen / 2


def test_lengths_are_millimetres() -> None:
    _, content = picture(Page(size="letter", pen=0.7, colour="blue"))
    root = ElementTree.fromstring(content)
    assert (root.get("width"), root.get("height")) == ("215.9mm", "279.4mm")
    assert root.get("viewBox") == "0 0 215.9 279.4"
    group = root.find(f"{SVG}g")
    assert group is not None
    assert (group.get("stroke-width"), group.get("fill"), group.get("stroke")) == ("0.7", "none", "#1c3f94")


def test_paper_is_for_eyes() -> None:
    def ground(page: Page) -> list[str | None]:
        return [rect.get("fill") for rect in ElementTree.fromstring(picture(page)[1]).findall(f"{SVG}rect")]

    assert ground(Page(paper="#FFFFF0")) == ["#fffff0"]
    assert ground(Page(paper="none")) == ground(Page(svg="plotter")) == []


def test_the_same_page_is_the_same_bytes() -> None:
    assert picture(Page(seconds=2))[1] == picture(Page(seconds=2))[1]


@pytest.mark.parametrize("text", ["<b>&\"'", "]]>", "\x00\x1b\ud800\ufffe", "日本語 ש", "\n\n"])
def test_any_text_is_a_title(text: str) -> None:
    _, content = picture(Page(), [word(text=text)], [word(text="end")])
    title = ElementTree.fromstring(content).findtext(f"{SVG}title")
    expected = re.sub("[\x00\x1b\ud800\ufffe]", "\ufffd", f"{text}\nend").strip()
    assert title == expected


def test_a_page_without_texts_has_a_title() -> None:
    for lines in ([[]], [[word(text=None)]]):
        assert ElementTree.fromstring(picture(Page(), *lines)[1]).findtext(f"{SVG}title") == "Handwriting"
    assert paths(picture(Page(seconds=1), [])[1]) == []


@pytest.mark.parametrize("seconds", [0.01, 3.0, 1234.5])
def test_it_writes_itself_in_so_many_seconds_one_stroke_after_the_other(seconds: float) -> None:
    sheet, content = picture(Page(seconds=seconds))
    clock, shown = 0.0, []
    for path, points in zip(paths(content), sheet.strokes, strict=True):
        found = re.fullmatch(r"animation-delay:(.*)s;animation-duration:(.*)s", path.attrib["style"])
        assert found is not None
        delay, duration = map(float, found.groups())
        assert delay == pytest.approx(clock, abs=1e-9)
        clock = delay + duration
        shown.append((duration, np.hypot(*np.diff(points, axis=0).T).sum() or sheet.pen))
        assert (path.get("pathLength"), path.get("class")) == (("1", None) if len(points) > 1 else (None, "dot"))
    assert clock == pytest.approx(seconds, abs=1e-9)
    durations, lengths = np.array(shown).T
    np.testing.assert_allclose(durations, lengths / lengths.sum() * seconds, atol=0.0011)


def test_it_says_how_many_lines_it_has() -> None:
    for count, told in ((1, "Handwriting, 1 line"), (2, "Handwriting, 2 lines")):
        content = picture(Page(), *[[word()]] * count)[1]
        assert ElementTree.fromstring(content).findtext(f"{SVG}desc") == told


def test_numbers_are_short() -> None:
    assert [number(value) for value in (0.0, -0.0, -0.0001, 1.0, 10.0, 0.1234, -2.5)] == [
        *("0", "0", "0", "1", "10", "0.123", "-2.5")
    ]
