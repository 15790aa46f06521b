from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from tests.data.pen.made import same
from tests.ink.made import word
from unspool.data.pen.read import read_inks
from unspool.data.pen.strokes import Strokes
from unspool.errors import DataError, SpecError
from unspool.ink.options import Page
from unspool.ink.page import lay_out
from unspool.ink.write import DRAWN, check_drawing, check_flags, write_ink, write_pages


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.svg", b"<?xml"),
        ("a.PNG", b"\x89PNG"),
        ("a.gcode", b"; word\nG21"),
        ("a.nc", b"; word\nG21"),
        ("a.json", b"[{"),
    ],
)
def test_the_ending_is_the_format(tmp_path: Path, name: str, start: bytes) -> None:
    page = Page(size="fit", margin=1, dpi=30)
    path = write_ink([[word()]], tmp_path / name, page)
    assert path.read_bytes().startswith(start)
    assert list(tmp_path.iterdir()) == [path]
    again = write_ink([[word()]], tmp_path / f"again-{name}", page)
    assert again.read_bytes() == path.read_bytes()


def test_json_holds_every_piece_as_it_was(tmp_path: Path) -> None:
    first = replace(word(text='"é\n'), times=np.arange(43) / 7, pressure=np.linspace(0, 1, 43), writer="me")
    lines = [[first, word(3)], [], [word(1e9, "too wide for any page")]]
    back = read_inks(write_ink(lines, tmp_path / "a.json"))
    assert len(back) == 3
    assert all(same(read, given) for read, given in zip(back, [piece for line in lines for piece in line], strict=True))


@pytest.mark.parametrize("name", ["a.pdf", "a", ".svg"])
def test_other_endings_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SpecError, match=r"^--output must end in .svg, .png, .gcode, .nc, .json, got .*; rename it$"):
        write_ink([[word()]], tmp_path / name)


def test_a_file_stays_as_it_was_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.svg"
    path.write_text("before")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DataError, match=r"a\.svg cannot be written \(No space left on device\); choose another place"):
        write_ink([[word()]], path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be written \(No such file or directory\)"):
        write_ink([[word()]], tmp_path / "none" / "a.svg")


def test_a_single_sample_is_a_line(tmp_path: Path) -> None:
    alone = write_ink(word(), tmp_path / "alone.svg").read_bytes()
    assert alone == write_ink([word()], tmp_path / "listed.svg").read_bytes()
    assert len(read_inks(write_ink(word(), tmp_path / "alone.json"))) == 1


def test_a_link_stays_one_and_a_file_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    page, link, loose = tmp_path / "there" / "page.svg", tmp_path / "link.svg", tmp_path / "loose.svg"
    page.write_text("before")
    page.chmod(0o640)
    link.symlink_to(page)
    loose.symlink_to(tmp_path / "there" / "new.svg")
    assert write_ink(word(), link) == link and link.is_symlink()
    assert page.read_bytes().startswith(b"<?xml") and page.stat().st_mode & 0o777 == 0o640
    write_ink(word(), loose)
    assert loose.is_symlink() and {path.name for path in (tmp_path / "there").iterdir()} == {"page.svg", "new.svg"}


def test_pages_of_an_earlier_text_are_told(tmp_path: Path) -> None:
    page, told = Page(size="60x30", margin=5, letter=2, line_height=10), list[str]()
    files = write_pages([[word()]] * 4, tmp_path / "pg.svg", page, tell=told.append)
    assert len(files) == 4 and told == []
    write_pages([[word()]] * 2, tmp_path / "pg.svg", page, tell=told.append)
    assert told == ["pages of an earlier text are still there: pg-page-3.svg, pg-page-4.svg"]
    assert all(file.exists() for file in files)


def test_ink_beyond_the_edge_is_told(tmp_path: Path) -> None:
    astray = Strokes.of([[[0.0, 0.0], [1.0, -50.0], [2.0, 1.0]]])
    page, told = Page(size="60x30", margin=5, letter=2, line_height=10), list[str]()
    write_pages([[word()], [astray]], tmp_path / "a.svg", page, tell=told.append)
    (sentence,) = told
    assert sentence.startswith("ink beyond the edge was cut off on 1 of 2 pages; ")


def test_narrowed_lines_are_told(tmp_path: Path) -> None:
    told: list[str] = []
    write_pages([[word()], [word(900)]], tmp_path / "a.svg", Page(letter=2), tell=told.append)
    (sentence,) = told
    assert sentence.startswith("1 line is wider than the page and set in smaller letters; ")


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("a.svg", {"dpi": 90}, r"--dpi \(of .png\) does nothing in a.svg; leave it out"),
        ("a.PNG", {"seconds": 3.0, "feed": 9.0}, r"--seconds \(of .svg\), --feed \(of .gcode, .nc\) do nothing in"),
        ("a.nc", {"colour": "blue"}, r"--colour \(of .svg, .png\) does nothing in a.nc"),
        ("a.gcode", {"svg": "straight"}, "--svg"),
        ("a.png", {"pen_up": "M5"}, "--pen-up"),
        ("a.json", {"letter": 3.0}, r"--letter \(of .svg, .png, .gcode, .nc\) does nothing in a.json"),
    ],
)
def test_a_flag_without_effect_is_refused(name: str, options: dict[str, object], told: str) -> None:
    with pytest.raises(SpecError, match=told):
        check_flags(Path(name), Page(**options))


def test_a_flag_that_has_an_effect_is_not() -> None:
    """Every one, in some file."""
    chosen: dict[str, object] = {
        "size": "fit", "margin": 1.0, "letter": 1.0, "line_height": 1.0, "word_gap": 1.0, "direction": "rtl",
        "colour": "blue", "paper": "none", "pen": 1.0, "svg": "straight", "seconds": 1.0, "dpi": 10, "pen_up": "1",
        "pen_down": "1", "feed": 1.0,
    }  # fmt: skip
    endings = (".svg", ".png", ".gcode", ".nc")
    used = {ending: {name for name, value in chosen.items() if _has_effect(ending, name, value)} for ending in endings}
    assert set().union(*used.values()) == {field.name for field in fields(Page)} == set(chosen)
    for ending, names in used.items():
        check_flags(Path(f"a{ending}"), Page(**{name: chosen[name] for name in names}))


def _has_effect(ending: str, name: str, value: object) -> bool:
    """Whether a file differs by it."""
    lines = [[word(9), word(7)], [word(9, text="ab")]]
    pages = (Page(size="90x80", dpi=40), Page(**{"size": "90x80", "dpi": 40, name: value}))
    plain, other = (DRAWN[ending](lay_out(lines, page), page) for page in pages)
    return plain != other


def test_what_a_page_alone_forbids_is_known_before_its_lines(tmp_path: Path) -> None:
    (tmp_path / "folder.svg").mkdir()
    check_drawing(tmp_path / "a.png", Page())
    for name, page, kind, told in (
        ("a.pdf", Page(), SpecError, "--output must end in"),
        ("folder.svg", Page(), DataError, r"folder\.svg cannot be written, as it is a folder; choose another name"),
        ("none/a.svg", Page(), DataError, "there is no folder .*none; make it, or choose another place"),
        ("a.svg", Page(letter=500), SpecError, "a line must fit on the page"),
        ("a.png", Page(dpi=2400), SpecError, "choose fewer --dpi"),
    ):
        with pytest.raises(kind, match=told):
            check_drawing(tmp_path / name, page)
    check_drawing(tmp_path / "a.json", Page(letter=500))
