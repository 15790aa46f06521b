"""The stamps of rows that come one by one: where each lies in the calendar, and how many steps after the row before."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.data.calendar import calendar
from unspool.data.frames import require_pandas
from unspool.data.stamps import parse_stamps, stamp_texts
from unspool.data.steps import following, months_of, nominal, parse_step
from unspool.errors import DataError

PLAIN: Final = re.compile(r"\d{4}-[01]\d-[0-3]\d([ T][0-2]\d:[0-5]\d(:[0-5]\d(\.\d+)?)?)?")  # a stamp without a zone
YEARS: Final = (1678, 2261)  # that nanoseconds can count
PARTS: Final = 3  # float32 that hold the 64 bits of a stamp
CONFIRMED: Final = 3  # rows one after the other that say that a mark was wrong
_FARTHEST: Final = 1 << 53  # steps that are told apart
_BITS: Final = 22  # of each but the first: below the 24 that a float32 keeps
_LOW: Final = (1 << _BITS) - 1


class Stamp(NamedTuple):
    """One stamp: nanoseconds since 1970 in UTC, or a number; how far the clock of its zone is ahead, in nanoseconds."""

    time: int | float
    offset: int = 0


class Doubt(NamedTuple):
    """What speaks against the mark of a stream: how many rows that were refused rose in time, and the last of them."""

    time: int | float
    rows: int


SURE: Final = Doubt(0, 0)


class Clock:
    """Reads the stamps of one model's rows.

    A stream has a mark, the step that its last row counts as: that of the first row (`first`), and from there on whole
    steps, so that rows which come a little early or late do not drift into the next step. Months are counted from row
    to row. `trained` is a stamp on the step of the training data.
    """

    def __init__(self, column: str, step: str, cycles: tuple[str, ...], trained: int | float | None = None) -> None:
        self.column, self.step_text, self.cycles, self.trained = column, step, cycles, trained
        try:
            self.step: Any = float(step)
        except ValueError:
            self.step = parse_step(step, np.zeros(1, "M8[ns]"))
        self.dated = not isinstance(self.step, float)
        self.months = months_of(self.step)
        self.length = int(nominal(self.step).astype(np.int64)) if self.dated else self.step

    def read(self, cell: str) -> Stamp:
        """Return the stamp of a cell.

        Raises:
            DataError: it is no date, or of no kind that the model was trained on.
        """
        if self.dated and PLAIN.fullmatch(cell):  # a hundred times as fast
            try:
                found = np.datetime64(cell.replace(" ", "T"))
            except ValueError as error:
                raise self._unread(cell) from error
            if not YEARS[0] <= int(cell[:4]) <= YEARS[1]:
                raise DataError(f"stamps must lie between the years 1678 and 2261, got {cell!r}; mend it")
            return Stamp(int(found.astype("M8[ns]").astype(np.int64)))
        try:
            given: Any = float(cell)
        except ValueError:
            given = cell
        times, zone, _ = parse_stamps(require_pandas().Series([given], name=self.column), "the stream")
        if (times.dtype.kind == "M") != self.dated:
            raise self._unread(cell)
        if not self.dated:
            return Stamp(float(times[0]))
        index = require_pandas().DatetimeIndex(times, tz="UTC")
        ahead = 0 if zone is None else index.tz_convert(zone)[0].utcoffset().total_seconds() * 10**9
        return Stamp(int(times.astype(np.int64)[0]), int(ahead))

    def _unread(self, cell: str) -> DataError:
        wanted = "a stamp such as 2020-01-31 12:00, of a day that there is" if self.dated else "a number"
        return DataError(f"the time of a row must be {wanted}, got {cell[:40]!r}; mend it")

    def calendar(self, stamp: Stamp) -> NDArray[np.float32]:
        """Return the calendar of a row and of the next, [2, K]."""
        if not self.cycles:
            return np.zeros((2, 0), np.float32)
        now = np.array([int(stamp.time) + stamp.offset]).view("M8[ns]")
        return calendar(np.concatenate([now, following(now, self.step, 1)]), self.cycles)

    def steps(self, mark: int | float, now: int | float) -> int:
        """Return how many steps a row lies after the mark of its stream, 0 or less where it may not follow."""
        return math.floor(max(-_FARTHEST, min(_FARTHEST, (now - mark) / self.length + 0.5)))

    def doubted(self, doubt: Doubt, mark: int | float, now: int | float, context: int) -> Doubt:
        """Return the doubt after a row that may not follow the mark.

        It begins with a row that lies more than a context back, which a row that is merely late does not, and grows
        with each that follows the one before within a context, so that one wrong stamp does not end a stream.
        """
        steps = self.steps(doubt.time, now) if doubt.rows else -1
        if 1 <= steps <= context + 1:
            return Doubt(now, doubt.rows + 1)
        if steps == 0:
            return doubt
        return Doubt(now, 1) if -self.steps(mark, now) > context else SURE

    def first(self, now: int | float) -> int | float:
        """Return the mark of a stream's first row.

        A row that lies within a quarter of a step of the training data's steps counts as that one: it came early or
        late. Farther away the stream has steps of its own, from that row on.
        """
        if self.trained is None or self.months is not None:
            return now
        half = self.length / 2 if isinstance(self.length, float) else self.length // 2
        away = (now - self.trained + half) % self.length - half
        return now - away if 4 * abs(away) <= self.length else now

    def moved(self, mark: int | float, steps: int, now: int | float) -> int | float:
        """Return the mark so many steps on, at a row of the time `now`."""
        return now if self.months is not None else mark + steps * self.length

    def between(self, mark: int | float, steps: int, offset: int) -> NDArray[np.float32]:
        """Return the calendar of the next `steps` steps after a mark, [steps, K]."""
        if not self.cycles:
            return np.zeros((steps, 0), np.float32)
        start = np.array([int(mark) + offset]).view("M8[ns]")
        return calendar(following(start, self.step, steps), self.cycles)

    def refusal(self, mark: int | float, stamp: Stamp) -> str:
        """Return why a row of that stamp cannot follow."""
        if self.dated:
            times: Any = np.array([int(mark) + stamp.offset, int(stamp.time) + stamp.offset]).view("M8[ns]")
        else:
            times = np.array([mark, stamp.time])
        before, now = stamp_texts(times)
        if self.steps(mark, stamp.time) == 0:
            return (
                f"a stream has one row at each step of {self.step_text}, but one of {now} came in the step of "
                f"{before}, which has its row; keep one a step"
            )
        return (
            f"rows of a stream must rise in time, one at each step of {self.step_text}, but one of {now} came after "
            f"that of {before}; sort the rows, and keep one a step"
        )

    def pack(self, times: list[int | float]) -> NDArray[np.float32]:
        """Return stamps as float32 [N, PARTS] that lose nothing."""
        bits = np.array(times, np.int64 if self.dated else np.float64).view(np.int64)
        return np.stack([bits >> 2 * _BITS, bits >> _BITS & _LOW, bits & _LOW], -1).astype(np.float32)

    def pack_doubts(self, doubts: Sequence[Doubt]) -> NDArray[np.float32]:
        """Return doubts as float32 [N, PARTS + 1]."""
        rows = np.array([[doubt.rows] for doubt in doubts], np.float32).reshape(-1, 1)
        return np.concatenate([self.pack([doubt.time for doubt in doubts]), rows], 1)

    def unpack_doubts(self, parts: NDArray[np.float32]) -> list[Doubt]:
        """Return the doubts that `pack_doubts` wrote."""
        return [
            Doubt(time, int(rows)) for time, rows in zip(self.unpack(parts[:, :PARTS]), parts[:, PARTS], strict=True)
        ]

    def unpack(self, parts: NDArray[np.float32]) -> list[Any]:
        """Return the stamps that `pack` wrote."""
        high, middle, low = np.ascontiguousarray(parts.T).astype(np.int64)
        bits = (high << 2 * _BITS) + (middle << _BITS) + low
        return list((bits if self.dated else bits.view(np.float64)).tolist())
