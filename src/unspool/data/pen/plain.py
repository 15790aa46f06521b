"""The plain JSON of pen samples, which any program can write::

    {"strokes": [[[x, y], [x, y], ...], [...]],   a stroke is a list of points, a point is [x, y, t, p]:
                                                  t in seconds (may be left out), p the pressure (may be left out;
                                                  [x, y, null, p] where only the pressure is known)
     "y": "down",                                 which way y grows: "down" on screens, "up" on paper; must be said
     "text": "what was written",                  may be left out, in logical order
     "writer": "me"}                              may be left out

A file holds one such object, a list of them, or one a line. Other keys are for the program that wrote them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.data.pen.markup import BEYOND
from unspool.data.pen.strokes import Strokes
from unspool.errors import DataError, ShapeError


def read_plain(found: Mapping[str, Any], where: str) -> Strokes:
    """One sample from its JSON object."""
    if found.get("y") not in ("up", "down"):
        raise DataError(
            f'"y" must say which way y grows, "up" or "down", but {where} has {found.get("y")!r}; screens count down'
        )
    raw = found.get("strokes")
    if not isinstance(raw, list) or not raw:
        raise DataError(f'"strokes" must be a list of strokes, at least one, but {where} has none; leave it out')
    arrays = [_points(stroke, f"stroke {number} of {where}") for number, stroke in enumerate(raw, start=1)]
    channels = {array.shape[1] for array in arrays}
    if len(channels) > 1:
        raise DataError(
            f"all points of a sample must have the same parts, but {where} has points of "
            f"{' and '.join(map(str, sorted(channels)))} numbers; give every point a time, or none"
        )
    rows = np.concatenate(arrays)  # [N, 2..4]
    try:
        sample = Strokes.of(
            [array[:, :2] for array in arrays],
            text=_name(found, "text", where),
            writer=_name(found, "writer", where),
        )
        sample = replace(sample, times=_column(rows, 2), pressure=_column(rows, 3))
    except (DataError, ShapeError) as error:
        raise DataError(f"{where}: {error}") from error
    return sample.flipped() if found["y"] == "down" else sample


def to_plain(sample: Strokes, y: str = "up") -> dict[str, Any]:
    """The JSON object of one sample; `read_plain` gives the same sample back."""
    turned = sample.flipped() if y == "down" else sample
    columns: list[list[float | None]] = [column.tolist() for column in turned.points.T]
    if sample.pressure is not None or sample.times is not None:
        columns.append([None] * len(sample) if sample.times is None else sample.times.tolist())
    if sample.pressure is not None:
        columns.append(sample.pressure.tolist())
    points = [list(point) for point in zip(*columns, strict=True)]
    cut = [points[start:end] for start, end in zip(sample.starts, sample.ends, strict=True)]
    known = {name: value for name in ("text", "writer") if (value := getattr(sample, name)) is not None}
    return {"strokes": cut, "y": y, **known}


def plain_objects(found: object, where: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The objects of a JSON document, which is one of them or a list, each with its place."""
    if isinstance(found, Mapping):
        yield found, where
        return
    if not isinstance(found, list):
        raise DataError(
            f'JSON of pen samples must be an object or a list of them, but {where} is neither; see "strokes"'
        )
    for number, item in enumerate(found, start=1):
        if not isinstance(item, Mapping):
            raise DataError(
                f'a pen sample must be an object with "strokes", but item {number} of {where} is {str(item)[:20]!r}; '
                "write one object a sample"
            )
        yield item, f"item {number} of {where}"


def _points(stroke: object, where: str) -> NDArray[np.float64]:
    """[n, 2..4], None as NaN."""
    try:
        array = np.array(stroke, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.empty(0)
    if array.ndim != 2 or not len(array) or not 2 <= array.shape[1] <= 4:
        raise DataError(
            f"a stroke must be a list of points [x, y, t, p], but {where} is not; give each x and y at least"
        )
    if (np.abs(array[:, :2]) > BEYOND).any():  # NaN is refused later, by its point
        raise DataError(f"x and y must lie within {BEYOND:g}, but {where} goes beyond; no drawing is as large")
    return array


def _column(rows: NDArray[np.float64], place: int) -> NDArray[np.float64] | None:
    """Times or pressure, None where the sample has none: no such column, or nothing but null."""
    if rows.shape[1] <= place or np.isnan(rows[:, place]).all():
        return None
    return rows[:, place]


def _name(found: Mapping[str, Any], key: str, where: str) -> str | None:
    value = found.get(key)
    if value is None or isinstance(value, str):
        return value
    raise DataError(f'"{key}" must be text, but {where} has {value!r}; put it in quotes')
