"""Drawings of Quick, Draw!: a JSON object each, `drawing` a list of strokes [[x ...], [y ...]] or, raw, with [t ...].

x and y in pixels, y down, t in milliseconds; `word`, what was to be drawn, becomes the text. Drawers have no codes.
Ha and Eck 2017, "A neural representation of sketch drawings"; the format is described with the data set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from unspool.data.pen.strokes import Strokes
from unspool.errors import DataError, ShapeError


def read_quickdraw(found: Mapping[str, Any], where: str) -> Strokes:
    """One drawing from its JSON object, simplified or raw."""
    raw, word = found.get("drawing"), found.get("word")
    try:
        strokes = [np.asarray(stroke, dtype=np.float64) for stroke in raw or []]  # [2 or 3, n]
    except (TypeError, ValueError, OverflowError):
        strokes = [np.empty(0)]
    timed = {array.shape[0] for array in strokes if array.ndim == 2}
    if not strokes or timed not in ({2}, {3}) or any(array.ndim != 2 for array in strokes):
        raise DataError(
            f'"drawing" must be a list of strokes [[x ...], [y ...]], or with [t ...] too, but that of {where} is '
            "not; take the file as it was downloaded"
        )
    try:
        return Strokes.of(
            [array[:2].T for array in strokes],
            [array[2] / 1000 for array in strokes] if timed == {3} else None,
            text=None if word is None else str(word),
        ).flipped()
    except (DataError, ShapeError) as error:
        raise DataError(f"{where}: {error}") from error
