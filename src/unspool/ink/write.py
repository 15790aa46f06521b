"""Handwriting to a file of the format that its name ends in."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from unspool.data.pen.plain import to_plain
from unspool.data.pen.strokes import Strokes
from unspool.errors import DataError, SpecError
from unspool.ink.gcode import gcode
from unspool.ink.options import Page
from unspool.ink.page import Lines, Sheet, lay_out, lay_out_pages
from unspool.ink.png import png
from unspool.ink.svg import svg

DRAWN: Final[dict[str, Callable[[Sheet, Page], bytes]]] = {".svg": svg, ".png": png, ".gcode": gcode, ".nc": gcode}
FORMATS: Final = (*DRAWN, ".json")


def check_format(path: Path, flag: str = "--output") -> None:
    """Refuse a name, given by a flag, whose ending is none of the formats.

    Raises:
        SpecError: it is not.
    """
    if path.suffix.lower() not in FORMATS:
        raise SpecError(f"{flag} must end in {', '.join(FORMATS)}, got {path}; rename it")


def write_ink(
    lines: Sequence[Strokes] | Lines, path: str | Path, page: Page | None = None, *, flag: str = "--output"
) -> Path:
    """Write lines of handwriting, each one sample or a list of pieces, as `lay_out` takes them.

    The file is whole or not there.

    JSON holds the pieces as they are given, every point, time and text, and no page; `data.pen.read` reads them again.

    Raises:
        SpecError: the format is none of ours, or the lines do not fit on the page.
        DataError: ink lies beside the page, or the file cannot be written.
        MissingExtra: a PNG file, without pillow.
    """
    path, lines = Path(path), [[line] if isinstance(line, Strokes) else line for line in lines]
    check_format(path, flag)
    draw = DRAWN.get(path.suffix.lower())
    chosen = page or Page()
    return write_whole(path, _json(lines) if draw is None else draw(lay_out(lines, chosen), chosen))


def write_pages(lines: Lines, path: Path, page: Page | None = None, *, flag: str = "--output") -> list[Path]:
    """The same on as many pages as it takes, each a file: NAME.svg, NAME-page-2.svg, NAME-page-3.svg ...

    Raises:
        SpecError, DataError, MissingExtra: as of `write_ink`, but there may be any number of lines, and what lies
            beside a page is not drawn.
    """
    check_format(path, flag)
    draw = DRAWN.get(path.suffix.lower())
    if draw is None:
        return [write_ink(lines, path, page, flag=flag)]
    chosen = page or Page()
    contents = [draw(sheet, chosen) for sheet in lay_out_pages(lines, chosen)]
    names = [path, *(path.with_stem(f"{path.stem}-page-{number}") for number in range(2, len(contents) + 1))]
    return [write_whole(name, content) for name, content in zip(names, contents, strict=True)]


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file under another name first, so that nobody finds half of it.

    Raises:
        DataError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
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
