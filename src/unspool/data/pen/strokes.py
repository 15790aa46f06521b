"""What a pen wrote: the one value type of all pen data, and a list of many."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unspool.errors import DataError, ShapeError

Points = NDArray[np.float64]  # [N, 2]


@dataclass(frozen=True, eq=False, slots=True)
class Strokes:
    """N points of one sample in the order of writing, cut into strokes; the arrays cannot be written to.

    points: [N, 2], x to the right, y up, in any unit.
    last: [N], True at the last point of a stroke, and so at the last of all.
    times: [N], seconds from any start, never falling; None = unknown.
    pressure: [N], in the unit of the device; None = unknown.
    text: what was written, in logical order; writer: a code for whose hand it is. None = unknown.

    Raises:
        ShapeError: the arrays are not of these shapes.
        DataError: there is no point, the last does not end a stroke, a number is not finite, or time runs back.
    """

    points: Points
    last: NDArray[np.bool_]
    times: NDArray[np.float64] | None = None
    pressure: NDArray[np.float64] | None = None
    text: str | None = None
    writer: str | None = None

    def __post_init__(self) -> None:
        points = _frozen(self.points, np.float64)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ShapeError(f"points must be [N, 2], got {list(points.shape)}; give x and y for each point")
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "last", _frozen(self.last, np.bool_))
        for name in ("times", "pressure"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _frozen(getattr(self, name), np.float64))
        for name in ("last", "times", "pressure"):
            value = getattr(self, name)
            if value is not None and value.shape != (len(points),):
                raise ShapeError(
                    f"{name} must hold one value for each of {len(points)} points, got {list(value.shape)}; "
                    "give every point one"
                )
        self._check_values()

    def _check_values(self) -> None:
        if not len(self.points):
            raise DataError("a pen sample must have at least one stroke, but none came; leave empty samples out")
        if not self.last[-1]:
            raise DataError("the last point must end a stroke, but it does not; set last[-1] to True")
        for name, values in (("points", self.points), ("times", self.times), ("pressure", self.pressure)):
            if values is not None and not np.isfinite(values).all():
                place = int(np.nonzero(~np.isfinite(values))[0][0])
                raise DataError(
                    f"{name} must be finite numbers, but point {place + 1} has {values[place]}; remove that point"
                )
        if self.times is not None and (self.times[1:] < self.times[:-1]).any():
            place = int(np.flatnonzero(np.diff(self.times) < 0)[0])
            anew = ", let times run on from stroke to stroke" if self.last[place] else ""
            raise DataError(
                f"times must never fall, but point {place + 2} comes before point {place + 1} "
                f"({self.times[place + 1]} s after {self.times[place]} s); sort the points{anew}, or leave them "
                "without times"
            )

    @classmethod
    def of(
        cls,
        strokes: Iterable[ArrayLike],
        times: Iterable[ArrayLike] | None = None,
        pressure: Iterable[ArrayLike] | None = None,
        text: str | None = None,
        writer: str | None = None,
    ) -> Strokes:
        """From one array of points [n, 2] for each stroke, and times and pressure [n] in the same way."""
        parts = [np.asarray(stroke, dtype=np.float64) for stroke in strokes]
        for number, part in enumerate(parts, start=1):
            if part.ndim != 2 or part.shape[1] != 2 or not len(part):
                raise ShapeError(
                    f"a stroke must be points [n, 2], at least one, but stroke {number} has shape "
                    f"{list(part.shape)}; give x and y for each point, and leave empty strokes out"
                )
        last = np.zeros(sum(map(len, parts)), dtype=np.bool_)
        last[np.cumsum([len(part) for part in parts], dtype=np.int64) - 1] = True
        points = np.concatenate(parts) if parts else np.empty((0, 2))
        return cls(points, last, _joined(times), _joined(pressure), text, writer)

    def __len__(self) -> int:
        return len(self.points)

    def __repr__(self) -> str:
        return f"Strokes({len(self.ends)} strokes, {len(self)} points, text={self.text!r}, writer={self.writer!r})"

    @property
    def ends(self) -> NDArray[np.int64]:
        """[S]: where the points of each stroke stop, as in points[start:end]."""
        return np.flatnonzero(self.last) + 1

    @property
    def starts(self) -> NDArray[np.int64]:
        """[S]: where the points of each stroke begin."""
        return np.concatenate([[0], self.ends[:-1]])

    def strokes(self) -> Iterator[Points]:
        """The points [n, 2] of one stroke after the other."""
        for start, end in zip(self.starts, self.ends, strict=True):
            yield self.points[start:end]

    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top."""
        (left, bottom), (right, top) = self.points.min(axis=0), self.points.max(axis=0)
        return float(left), float(bottom), float(right), float(top)

    def length(self) -> float:
        """The way of the pen on the paper: sum of |p_t - p_{t-1}| within strokes."""
        steps = np.hypot(*np.diff(self.points, axis=0).T)
        return float(steps[~self.last[:-1]].sum())

    def seconds(self) -> float:
        """How long the pen was down: sum of t_t - t_{t-1} within strokes; 0 without times."""
        return 0.0 if self.times is None else float(np.diff(self.times)[~self.last[:-1]].sum())

    def transformed(self, matrix: ArrayLike) -> Strokes:
        """p' = A p + b for an affine matrix [2, 3] = [A | b]."""
        affine = np.asarray(matrix, dtype=np.float64)
        if affine.shape != (2, 3):
            raise ShapeError(f"an affine matrix must be [2, 3], got {list(affine.shape)}; give [A | b]")
        return replace(self, points=self.points @ affine[:, :2].T + affine[:, 2])

    def flipped(self) -> Strokes:
        """The same with y turned round, for what counts down the page."""
        return replace(self, points=self.points * [1.0, -1.0])

    def select(self, kept: NDArray[np.bool_]) -> Strokes:
        """The points [N] that are kept; a stroke that loses its last point ends at the one before, if any is left."""
        left: NDArray[np.int64] = (np.cumsum(self.last) - self.last)[kept]  # the number of each point's stroke
        last = np.append(left[1:] != left[:-1], True)[: len(left)]
        times, pressure = (None if values is None else values[kept] for values in (self.times, self.pressure))
        return replace(self, points=self.points[kept], last=last, times=times, pressure=pressure)

    def __add__(self, other: Strokes) -> Strokes:
        """Both, one after the other, as they lie; time goes on from where it was, and the texts follow each other.

        What only one of them knows (times, pressure, text, the same writer) is unknown of the whole.
        """
        times = None
        if self.times is not None and other.times is not None:
            times = np.concatenate([self.times, other.times - other.times[0] + self.times[-1]])
        pressure = None
        if self.pressure is not None and other.pressure is not None:
            pressure = np.concatenate([self.pressure, other.pressure])
        return Strokes(
            np.concatenate([self.points, other.points]),
            np.concatenate([self.last, other.last]),
            times,
            pressure,
            None if self.text is None or other.text is None else self.text + other.text,
            self.writer if self.writer == other.writer else None,
        )

    def content(self) -> bytes:
        """What the fingerprint is of: all fields as little-endian float64 and UTF-8, each with its size."""
        arrays = (self.points, self.times, self.pressure)
        # -0.0, which turning y up makes, is 0.0
        parts = [b"" if values is None else (values + 0.0).astype("<f8").tobytes() for values in arrays]
        parts.append(self.last.tobytes())
        parts += [("" if name is None else name).encode("utf-8", "surrogatepass") for name in (self.text, self.writer)]
        return b"".join(len(part).to_bytes(8, "little") + part for part in parts)


class Inks(Sequence[Strokes]):
    """Samples in order; those of a large file are made only when they are asked for.

    `Inks([a, b])` holds samples, `Inks.joined([lines, words])` what several sequences hold, without copies.
    """

    def __init__(self, samples: Sequence[Strokes]) -> None:
        self._parts: tuple[Sequence[Strokes], ...] = (samples,)
        self._places = _places(0, len(samples))  # [S, 2]: part, index

    @classmethod
    def joined(cls, sequences: Iterable[Sequence[Strokes]]) -> Inks:
        """All samples of all sequences, in order."""
        whole = cls([])
        whole._parts = tuple(sequences)
        whole._places = np.concatenate(
            [_places(0, 0), *(_places(number, len(part)) for number, part in enumerate(whole._parts))]
        )
        return whole

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Strokes: ...
    @overload
    def __getitem__(self, index: slice) -> Inks: ...
    def __getitem__(self, index: int | slice) -> Strokes | Inks:
        if isinstance(index, slice):
            return self.select(np.arange(len(self))[index])
        part, place = self._places[index]
        return self._parts[int(part)][int(place)]

    def select(self, indices: ArrayLike) -> Inks:
        """The samples at these places, in their order."""
        chosen = Inks([])
        chosen._parts, chosen._places = self._parts, self._places[np.asarray(indices, dtype=np.int64)]
        return chosen

    def fingerprint(self) -> str:
        """The SHA-256 of all samples: the same for the same points, texts and writers, whatever file held them."""
        digest = hashlib.sha256(len(self).to_bytes(8, "little"))
        for sample in self:
            digest.update(sample.content())
        return digest.hexdigest()


def _frozen(values: ArrayLike, dtype: type[np.generic]) -> NDArray[Any]:
    """An array that nobody can write to: a copy, unless these values are one."""
    if isinstance(values, np.ndarray) and values.dtype == dtype and _is_frozen(values):
        return values
    array = np.array(values, dtype=dtype)
    array.flags.writeable = False
    return array


def _is_frozen(values: Any) -> bool:
    """Whether neither an array can be written to nor one whose memory it shows."""
    while isinstance(values, np.ndarray) and not values.flags.writeable:
        values = values.base
    return values is None


def _joined(parts: Iterable[ArrayLike] | None) -> NDArray[np.float64] | None:
    if parts is None:
        return None
    arrays = [np.asarray(part, dtype=np.float64) for part in parts]
    return np.concatenate(arrays) if arrays else np.empty(0)


def _places(part: int, count: int) -> NDArray[np.int64]:
    return np.stack([np.full(count, part), np.arange(count)], axis=1).astype(np.int64)
