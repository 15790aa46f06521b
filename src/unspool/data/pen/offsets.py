"""Strokes as a network reads them: one row (dx, dy, e) a point.

Graves 2013, "Generating sequences with recurrent neural networks", section 4: (dx, dy) is the way from the point
before, e is 1 where the point ends a stroke, else 0. The first row is the way from the origin, so that nothing is lost;
the origin of a normalised sample lies on the baseline, under its first point.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.data.pen.strokes import Strokes
from unspool.errors import ShapeError


def offsets(sample: Strokes) -> NDArray[np.float32]:
    """float32 [T, 3] of T points."""
    steps = np.diff(sample.points, axis=0, prepend=0.0)
    return np.column_stack([steps, sample.last]).astype(np.float32)


def from_offsets(rows: NDArray[np.floating[Any]], text: str | None = None, writer: str | None = None) -> Strokes:
    """Strokes from rows [T, 3]: p_t = sum_{i <= t} (dx_i, dy_i) in float64; e >= 1/2 ends a stroke, and so does T.

    Raises:
        ShapeError: the rows are not [T, 3].
        DataError: there are none, or they are not finite.
    """
    if rows.ndim != 2 or rows.shape[1] != 3:
        raise ShapeError(f"offsets must be [T, 3], got {list(rows.shape)}; give dx, dy and the end of stroke")
    last = rows[:, 2] >= 0.5
    if len(last):
        last[-1] = True
    return Strokes(np.cumsum(rows[:, :2], axis=0, dtype=np.float64), last, text=text, writer=writer)
