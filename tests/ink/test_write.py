from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.data.pen.made import same
from tests.ink.made import word
from unspool.data.pen.read import read_inks
from unspool.errors import DataError, SpecError
from unspool.ink.options import Page
from unspool.ink.write import write_ink


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
