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

MOST: Final = 100  # samples of a hand that its size and slant are measured on
SOMEBODY: Final = "somebody"

Style: TypeAlias = "Strokes | str | os.PathLike[str] | Text"


def hand(style: Style | Inks, sample: int = 0, text: str | None = None) -> Strokes:
    """One sample of a style, with its text.

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
    chosen = found[sample]
    return chosen if text is None else replace(chosen, text=text)


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


def of_one_hand(inks: Sequence[Strokes], chosen: int = 0) -> list[Strokes]:
    """All samples of the writer of one of them; those without a writer are by one."""
    writer = inks[chosen].writer if inks else None
    return [replace(sample, writer=writer or SOMEBODY) for sample in inks if sample.writer == writer]


def others(inks: Sequence[Strokes], chosen: int) -> list[Strokes]:
    """Up to `MOST` more samples of the writer of one of them; those without a writer are by one."""
    writer = inks[chosen].writer
    rest = (inks[place] for place in range(len(inks)) if place != chosen)
    return list(islice((sample for sample in rest if sample.writer == writer), MOST))


def verdict(reader: Reader, style: Strokes) -> str | None:
    """The rule by which a style would be left out of training; None if it would be kept."""
    (found,) = reader.normaliser.apply([style])
    return reader.verdict(found.strokes)


def _is_path(name: str) -> bool:
    path = Path(name)
    return path.exists() or path.name != name or ending(path).lower() in ENDINGS
