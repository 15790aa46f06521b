"""Whiteboard handwriting of the IAM-OnDB: one XML file a line, the texts and writers in folders beside.

`lineStrokes/a01/a01-000/a01-000u-01.xml` is line 1 of form a01-000u: x, y (down) and time in seconds of every point.
`ascii/a01/a01-000/a01-000u.txt` has the text of the form, its lines below "CSR:"; `original/a01/a01-000/strokesu.xml`
names the writer. Each folder may lie in one of its own, as the archives unpack (`lineStrokes-all/lineStrokes`).

Liwicki and Bunke 2005, "IAM-OnDB - an on-line English sentence database acquired from handwritten text on a
whiteboard", ICDAR.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element

from unspool.data.pen.markup import parse_xml
from unspool.data.pen.strokes import Strokes
from unspool.errors import DataError, ShapeError

ROOT: Final = "WhiteboardCaptureSession"
LINES: Final = "lineStrokes"


def read_iam(root: Element, path: Path | None, origin: str) -> Strokes:
    """One line, or a whole form of the original files; text and writer where the folders beside have them."""
    strokes = [stroke for stroke in root.iter("Stroke") if len(stroke)]
    points = [[_point(point, origin) for point in stroke.iter("Point")] for stroke in strokes]
    try:
        return Strokes.of(
            [[point[:2] for point in stroke] for stroke in points],
            [[point[2] for point in stroke] for stroke in points],
            text=None if path is None else _text(path),
            writer=_writer(root) if path is None else _writer(root) or _writer_beside(path),
        ).flipped()
    except (DataError, ShapeError) as error:
        raise DataError(f"{origin}: {error}") from error


def is_whole_form(path: Path) -> bool:
    """Whether this is an original file, whose lines lie cut in lineStrokes."""
    return path.name.startswith("strokes") and "original" in path.parts


def _point(point: Element, origin: str) -> tuple[float, float, float]:
    try:
        return float(point.attrib["x"]), float(point.attrib["y"]), float(point.attrib["time"])
    except (KeyError, ValueError) as error:
        raise DataError(
            f"a Point of IAM-OnDB must have numbers x, y and time, but {origin} has {point.attrib}; copy the file again"
        ) from error


def _text(path: Path) -> str | None:
    """Line n of the form's text, for a file that is named FORM-n.xml."""
    form, _, line = path.stem.rpartition("-")
    for file in _beside(path, "ascii", f"{form}.txt"):
        below = file.read_text(encoding="utf-8", errors="replace").partition("CSR:")[2]
        lines = [text.strip() for text in below.splitlines() if text.strip()]
        if line.isdecimal() and 1 <= int(line) <= len(lines):
            return lines[int(line) - 1]
    return None


def _writer_beside(path: Path) -> str | None:
    form = path.stem.rpartition("-")[0]
    letter = form[-1:] if form[-1:].isalpha() else ""  # forms a01-000u and a01-000x share a folder
    for file in _beside(path, "original", f"strokes{letter}.xml"):
        return _writer_in(file, file.stat().st_mtime_ns)
    return None


@lru_cache(maxsize=32)
def _writer_in(file: Path, changed: int) -> str | None:
    """Of a whole form, which is read once for all its lines."""
    return _writer(parse_xml(file.read_bytes(), str(file)))


def _writer(root: Element) -> str | None:
    return next((code for form in root.iter("Form") if (code := form.get("writerID"))), None)


def _beside(path: Path, folder: str, name: str) -> Iterator[Path]:
    """The file of that name for the same form, in the folder's tree beside lineStrokes, if it is there."""
    parts = path.absolute().parts
    if LINES not in parts:
        return
    place = len(parts) - 1 - parts[::-1].index(LINES)
    below = Path(*parts[place + 1 : -1], name)
    around = Path(*parts[:place])
    for base in (around, around.parent):
        for tree in (base / folder, *sorted(base.glob(f"{folder}-*/{folder}"))):
            if (tree / below).is_file():
                yield tree / below
