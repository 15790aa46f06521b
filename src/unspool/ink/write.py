"""Handwriting to a file of the format that its name ends in."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields
from itertools import count, takewhile
from pathlib import Path
from typing import Final

from unspool.data.pen.plain import to_plain
from unspool.data.pen.strokes import Strokes
from unspool.errors import DataError, SpecError
from unspool.ink.gcode import gcode
from unspool.ink.options import Page
from unspool.ink.page import Lines, Sheet, check_room, lay_out, lay_out_pages
from unspool.ink.png import check_png, png
from unspool.ink.svg import svg

DRAWN: Final[dict[str, Callable[[Sheet, Page], bytes]]] = {".svg": svg, ".png": png, ".gcode": gcode, ".nc": gcode}
FORMATS: Final = (*DRAWN, ".json")
USED: Final[dict[str, tuple[str, ...]]] = {  # option of a page -> the files that differ by it
    **dict.fromkeys(("size", "margin", "letter", "line_height", "word_gap", "direction"), tuple(DRAWN)),
    **dict.fromkeys(("colour", "paper", "pen"), (".svg", ".png")),
    **dict.fromkeys(("svg", "seconds"), (".svg",)),
    "dpi": (".png",),
    **dict.fromkeys(("pen_up", "pen_down", "feed"), (".gcode", ".nc")),
}


def check_format(path: Path, flag: str = "--output") -> None:
    """Refuse a name, given by a flag, whose ending is none of the formats.

    Raises:
        SpecError: it is not.
    """
    if path.suffix.lower() not in FORMATS:
        raise SpecError(f"{flag} must end in {', '.join(FORMATS)}, got {path}; rename it")


def check_flags(path: Path, page: Page, where: str = "") -> None:
    """Refuse options of a page that change nothing in a file of this ending; `where` tells what file that is.

    Raises:
        SpecError: there are such; all are named, with the endings that they are for.
    """
    odd = [field.name for field in fields(page) if getattr(page, field.name) != field.default]
    odd = [name for name in odd if path.suffix.lower() not in USED[name]]
    if odd:
        told = ", ".join(f"--{name.replace('_', '-')} (of {', '.join(USED[name])})" for name in odd)
        does, them = ("does", "it") if len(odd) == 1 else ("do", "them")
        raise SpecError(f"{told} {does} nothing {where or f'in {path}'}; leave {them} out")


def check_place(path: Path) -> None:
    """Refuse a name under which no file can be written.

    Raises:
        DataError: its folder is missing, or it is a folder itself.
    """
    if not path.parent.is_dir():
        raise DataError(
            f"{path} cannot be written, as there is no folder {path.parent}; make it, or choose another place"
        )
    if path.is_dir():
        raise DataError(f"{path} cannot be written, as it is a folder; choose another name")


def check_drawing(path: Path, page: Page, flag: str = "--output") -> None:
    """Refuse what no line could be written to, before any is: name, place and page.

    Raises:
        SpecError, DataError, MissingExtra: as of `write_pages`.
    """
    check_format(path, flag)
    check_place(path)
    if path.suffix.lower() in DRAWN:
        check_room(page)
    if path.suffix.lower() == ".png":
        check_png(page)


def write_ink(
    lines: Strokes | Sequence[Strokes] | Lines, path: str | Path, page: Page | None = None, *, flag: str = "--output"
) -> Path:
    """Write a sample, or lines of handwriting, each one sample or a list of pieces, as `lay_out` takes them.

    The file is whole or not there.

    JSON holds the pieces as they are given, every point, time and text, and no page; `data.pen.read` reads them again.

    Raises:
        SpecError: the format is none of ours, or the lines do not fit on the page.
        DataError: ink lies beside the page, or the file cannot be written.
        MissingExtra: a PNG file, without pillow.
    """
    path, given = Path(path), [lines] if isinstance(lines, Strokes) else lines
    rows = [[line] if isinstance(line, Strokes) else line for line in given]
    check_format(path, flag)
    draw = DRAWN.get(path.suffix.lower())
    chosen = page or Page()
    return write_whole(path, _json(rows) if draw is None else draw(lay_out(rows, chosen), chosen))


def write_pages(
    lines: Lines,
    path: Path,
    page: Page | None = None,
    *,
    flag: str = "--output",
    tell: Callable[[str], None] = lambda remark: None,
) -> list[Path]:
    """The same on as many pages as it takes, each a file: NAME.svg, NAME-page-2.svg, NAME-page-3.svg ...

    `tell` hears of lines in smaller letters, of ink that was cut off, and of pages that an earlier text has left behind
    the last one.

    Raises:
        SpecError, DataError, MissingExtra: as of `write_ink`, but there may be any number of lines of any width, and
            what lies beside a page is not drawn.
    """
    check_format(path, flag)
    draw = DRAWN.get(path.suffix.lower())
    if draw is None:
        return [write_ink(lines, path, page, flag=flag)]
    chosen = page or Page()
    sheets = lay_out_pages(lines, chosen)
    contents = [draw(sheet, chosen) for sheet in sheets]
    files = [write_whole(_page_name(path, number), content) for number, content in enumerate(contents, start=1)]
    if narrowed := sum(sheet.narrowed for sheet in sheets):
        lines_are = "1 line is" if narrowed == 1 else f"{narrowed} lines are"
        tell(f"{lines_are} wider than the page and set in smaller letters; a shorter --line-length leaves them room")
    if cut := sum(sheet.beyond > 0 for sheet in sheets):
        pages = "1 page" if len(sheets) == 1 else f"{len(sheets)} pages"
        tell(f"ink beyond the edge was cut off on {cut} of {pages}; wider margins or smaller letters leave it room")
    if older := list(takewhile(Path.exists, (_page_name(path, number) for number in count(len(files) + 1)))):
        tell(f"pages of an earlier text are still there: {', '.join(file.name for file in older)}")
    return files


def _page_name(path: Path, number: int) -> Path:
    return path if number == 1 else path.with_stem(f"{path.stem}-page-{number}")


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file under another name first, so that nobody finds half of it; a link and a file's mode stay.

    Raises:
        DataError: it cannot be written.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise DataError(f"{path} cannot be written ({error.strerror}); choose another place") from error
        raise
    return path


def _json(lines: Lines) -> bytes:
    """A list of samples, one a line of the file."""
    samples = [json.dumps(to_plain(piece), allow_nan=False) for line in lines for piece in line]
    return ("[" + ",\n".join(samples) + "]\n").encode("ascii")
