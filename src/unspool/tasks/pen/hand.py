"""Whose hand a text is written in: strokes, a file of them, or the name of a style."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from unspool.data.pen.read import ENDINGS, read_inks
from unspool.data.pen.strokes import Inks, Strokes
from unspool.data.sources import Text, ending
from unspool.errors import DataError
from unspool.tasks.pen.reading import Reader
from unspool.tasks.pen.styles import named_style

Style: TypeAlias = "Strokes | str | os.PathLike[str] | Text"


def hand(style: Style, sample: int = 0, text: str | None = None) -> Strokes:
    """One sample of a style, with its text; a file of that name wins over a style of the installation.

    Args:
        sample: which one of a file that has many, from 0.
        text: what the strokes say, in place of what their file says.

    Raises:
        DataError: the file cannot be read, or has no such sample. SpecError: there is no style of that name.
    """
    found = Inks([style]) if isinstance(style, Strokes) else _found(style)
    if sample >= len(found):
        raise DataError(f"--style has {len(found)} samples, numbered from 0, got --style-sample {sample}; give another")
    chosen = found[sample]
    return chosen if text is None else replace(chosen, text=text)


def verdict(reader: Reader, style: Strokes) -> str | None:
    """The rule by which a style would be left out of training; None if it would be kept."""
    (found,) = reader.normaliser.apply([style])
    return reader.verdict(found.strokes)


def _found(style: str | os.PathLike[str] | Text) -> Inks:
    if isinstance(style, str) and style != "-" and not _is_path(style):
        return Inks([named_style(style)])
    return read_inks(style)


def _is_path(name: str) -> bool:
    path = Path(name)
    return path.exists() or path.name != name or ending(path).lower() in ENDINGS
