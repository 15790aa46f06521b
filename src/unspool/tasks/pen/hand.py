"""Whose hand a text is written in: strokes, a file of them, or the name of a style."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias

from unspool.data.pen.read import ENDINGS, read_inks
from unspool.data.pen.strokes import Inks, Strokes
from unspool.data.sources import Text, ending
from unspool.errors import DataError, SpecError
from unspool.tasks.pen.reading import Reader
from unspool.tasks.pen.styles import named_style

MOST: Final = 100  # samples of a hand beside the chosen one; of whom more is there, a model can be trained
SOMEBODY: Final = "somebody"

Style: TypeAlias = "Strokes | str | os.PathLike[str] | Text"


def hand(style: Style | Inks, sample: int = 0, text: str | None = None) -> list[Strokes]:
    """One sample of a style, with its text, and after it up to `MOST` more by its writer, nobody being one.

    Args:
        sample: which one of a file that has many, from 0.
        text: what the strokes say, in place of what their file says.

    Raises:
        DataError, SpecError: as of `samples`; there is no such sample.
    """
    found = style if isinstance(style, Inks) else samples(style)
    if not 0 <= sample < len(found):
        has = "1 sample" if len(found) == 1 else f"{len(found)} samples"
        raise DataError(f"--style has {has}, numbered from 0, got --style-sample {sample}; give another")
    first = found[sample]
    rest = (found[place] for place in range(len(found)) if place != sample)
    more = islice((other for other in rest if other.writer == first.writer), MOST)
    one = first if text is None else replace(first, text=text)
    return [replace(strokes, writer=first.writer or SOMEBODY) for strokes in (one, *more)]


def samples(style: Style) -> Inks:
    """All samples of a style; a file of that name wins over a style of the installation.

    Raises:
        DataError: the file cannot be read. SpecError: there is no style of that name.
    """
    if isinstance(style, Strokes):
        return Inks([style])
    if style == "":
        raise SpecError("a style must be a file or the name of one, got an empty name; leave it out, or give one")
    if isinstance(style, str) and style != "-" and not _is_path(style):
        return Inks([named_style(style)])
    return read_inks(style)


def verdict(reader: Reader, mine: Sequence[Strokes]) -> str | None:
    """The rule by which the first sample of a hand would be left out of training; None if it would be kept."""
    first, *_ = reader.normaliser.apply(mine)
    return reader.verdict(first.strokes)


def _is_path(name: str) -> bool:
    path = Path(name)
    return path.exists() or path.name != name or ending(path).lower() in ENDINGS
