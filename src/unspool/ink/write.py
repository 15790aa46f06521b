"""Handwriting to a file of the format that its name ends in."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from unspool.data.pen.plain import to_plain
from unspool.errors import DataError, SpecError
from unspool.ink.gcode import gcode
from unspool.ink.options import Page
from unspool.ink.page import Lines, Sheet, lay_out
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


def write_ink(lines: Lines, path: Path, page: Page | None = None, *, flag: str = "--output") -> Path:
    """Write lines of handwriting, each a list of pieces, as `lay_out` takes them; the file is whole or not there.

    JSON holds the pieces as they are given, every point, time and text, and no page; `data.pen.read` reads them again.

    Raises:
        SpecError: the format is none of ours, or the lines do not fit on the page.
        DataError: ink lies beside the page, or the file cannot be written.
        MissingExtra: a PNG file, without pillow.
    """
    check_format(path, flag)
    draw = DRAWN.get(path.suffix.lower())
    chosen = page or Page()
    content = _json(lines) if draw is None else draw(lay_out(lines, chosen), chosen)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise DataError(f"{path} cannot be written ({error.strerror}); choose another place") from error
    return path


def _json(lines: Lines) -> bytes:
    """A list of samples, one a line of the file."""
    samples = [json.dumps(to_plain(piece), allow_nan=False) for line in lines for piece in line]
    return ("[" + ",\n".join(samples) + "]\n").encode("ascii")
