"""Pen samples in one file of plain arrays, as made from UNIPEN: points, offsets, text, writer, points_per_second.

Guyon et al. 1994, "UNIPEN project of on-line data exchange and recognizer benchmarks", ICPR.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, overload

import numpy as np
from numpy.typing import NDArray

from unspool.data.pen.strokes import Strokes
from unspool.errors import DataError

NEEDED: Final = ("points", "offsets")
COLUMNS: Final = {  # kinds of numpy's types, and what they are
    "text": ("U", "strings"),
    "writer": ("Uiu", "strings or whole numbers"),
    "points_per_second": ("iuf", "numbers"),
}


class Packed(Sequence[Strokes]):
    """S samples in arrays, each made when it is asked for.

    points: [N, 3]: x, y (up), and 1 at the last point of a stroke, in the unit of the device.
    offsets: [S + 1]: sample s is points[offsets[s]:offsets[s + 1]].
    text, writer: [S], may be absent; an empty one is unknown. A writer may be a whole number.
    points_per_second: [S], may be absent; 0 is unknown. Only pen-down points are in such a file, so time within a
    stroke is true and the pause between two strokes counts as one point.
    """

    def __init__(self, arrays: Mapping[str, NDArray[np.generic]], origin: str) -> None:
        missing = [name for name in NEEDED if name not in arrays]
        if missing:
            raise DataError(
                f"pen samples in an .npz file need {' and '.join(NEEDED)}, but {origin} holds "
                f"{', '.join(sorted(arrays)) or 'nothing'}; save points [N, 3] and offsets [S + 1]"
            )
        offsets = arrays["offsets"]
        if offsets.dtype.kind not in "iuf":
            raise DataError(
                f"offsets must be whole numbers, but those of {origin} are {offsets.dtype}; save them as such"
            )
        self._points, self._offsets, self._origin = arrays["points"], offsets.astype(np.int64), origin
        self._check()
        # as lists, because an array of texts gives each the room of the longest
        self._texts, self._writers, self._rates = (self._column(arrays, name) for name in COLUMNS)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, index: int) -> Strokes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Strokes]: ...
    def __getitem__(self, index: int | slice) -> Strokes | Sequence[Strokes]:
        if isinstance(index, slice):
            return [self[place] for place in range(len(self))[index]]
        place = range(len(self))[index]
        rows = self._points[self._offsets[place] : self._offsets[place + 1]]
        rate = 0.0 if self._rates is None else self._rates[place]
        return Strokes(
            rows[:, :2].astype(np.float64),
            rows[:, 2] != 0,
            np.arange(len(rows)) / rate if rate > 0 else None,
            text=None if self._texts is None else self._texts[place] or None,
            writer=None if self._writers is None else self._writers[place] or None,
        )

    def _check(self) -> None:
        points, offsets = self._points, self._offsets
        numbers = np.issubdtype(points.dtype, np.integer) or np.issubdtype(points.dtype, np.floating)
        if points.ndim != 2 or points.shape[1] != 3 or not numbers:
            raise DataError(
                f"points must be numbers [N, 3], but those of {self._origin} are {points.dtype} {list(points.shape)}; "
                "save x, y (up) and 1 at the last point of each stroke"
            )
        rising = offsets.ndim == 1 and len(offsets) and (np.diff(offsets) > 0).all()
        if not rising or offsets[0] != 0 or offsets[-1] != len(points):
            raise DataError(
                f"offsets must rise from 0 to the {len(points)} points, but those of {self._origin} do not; "
                "save where each sample begins, and the end of the last"
            )
        broken = (points[offsets[1:] - 1, 2] == 0) | ~np.isfinite(np.add.reduceat(points.sum(axis=1), offsets[:-1]))
        if broken.any():
            raise DataError(
                f"a sample must be finite numbers and end with the end of a stroke, but sample "
                f"{int(np.argmax(broken)) + 1} of {self._origin} is not or does not; leave it out"
            )

    def _column(self, arrays: Mapping[str, NDArray[np.generic]], name: str) -> list[Any] | None:
        column, (kinds, told) = arrays.get(name), COLUMNS[name]
        if column is None:
            return None
        if column.shape != (len(self),):
            raise DataError(
                f"{name} must hold one value for each of {len(self)} samples, but that of {self._origin} has shape "
                f"{list(column.shape)}; save one a sample"
            )
        if column.dtype.kind not in kinds:
            raise DataError(f"{name} must be {told}, but that of {self._origin} is {column.dtype}; save them as such")
        whole = name == "writer" and column.dtype.kind in "iu"
        return list((column.astype(str) if whole else column).tolist())
