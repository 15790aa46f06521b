"""Series of numbers over time, whatever they came from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.data.arrays import ARRAY_FILES, read_arrays
from unspool.data.columns import choose_rows
from unspool.data.frames import TABLES, origin_of, read_frame
from unspool.data.memory import is_frame
from unspool.data.sources import Text, ending, expand
from unspool.data.stamps import Stamps, in_zone, stamp_texts
from unspool.data.steps import Step, Times, is_regular, round_step
from unspool.errors import DataError, SpecError


class Wanted(NamedTuple):
    """The columns that were named, None where they are to be guessed."""

    time: str | None
    columns: Sequence[str] | None
    key: str | None
    zone: str | None = None  # of all stamps


@dataclass(frozen=True, eq=False)
class TimeSeries:
    """One series: stamps [T] that rise, and a value of each name at each of them, [T, C], NaN where it is missing.

    `times` is datetime64[ns], in UTC if the stamps had a zone (which is kept in `zone`), or float64 where time is a
    number. `key` names the series among others; `reordered` says that its rows were not in order of time,
    `mixed_offsets` that stamps had several offsets from UTC, so that the zone whose clocks they follow is not known.
    """

    times: Times
    values: NDArray[np.float64]
    names: tuple[str, ...]
    key: str = ""
    zone: str | None = None
    reordered: bool = False
    mixed_offsets: bool = False

    def __len__(self) -> int:
        return len(self.times)

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of the content, the same for the same series in any format."""
        head = [self.key, self.names, self.times.dtype.kind, self.values.shape]
        digest = hashlib.sha256(json.dumps(head).encode())
        digest.update(self.times.view("i8").astype("<i8").tobytes())
        digest.update(self.values.astype("<f8").tobytes())
        return digest.hexdigest()


def read_series(
    data: object,
    time: str | None = None,
    columns: Sequence[str] | None = None,
    key: str | None = None,
    zone: str | None = None,
) -> list[TimeSeries]:
    """Read series from files or from Python.

    Files: CSV, TSV, Parquet, JSON lines; .npy and .npz. In a table, `time` names the column of stamps, `columns` those
    of the values, `key` the one that tells series apart. Without `time`, a column called datetime, timestamp, date,
    time or ds is taken, else the first one that holds stamps and rises; without either, rows are the steps 0, 1, 2, ...
    Without `columns`, all others that hold numbers are values. Several files, or those of a folder, are a series each,
    named by the file.

    Python: a DataFrame or Series, a dict of columns; an array [T] or [T, C], with columns called "value", or "value 1",
    "value 2" and so on; a list of any of these, or an array [N, T, C] (a series each); series that were read before.

    Rows are put in order of time. An empty cell is a missing value. `zone` names the zone of the stamps, such as
    "Europe/Berlin": stamps without an offset are times of its clocks, those with one are the moments that they say.

    Raises:
        DataError: nothing is there, a stamp or value is none, or two rows of a series have the same stamp.
        SpecError: a time, key or zone is named, but arrays have none; or there is no such zone.
    """
    found = list(_read(data, Wanted(time, columns, key, zone)))
    if not found:
        raise DataError("data must hold at least one series, but none came; name a file with rows, or pass an array")
    odd = next((series for series in found if series.names != found[0].names), None)
    if odd is not None:
        raise DataError(
            f"all series must have the same columns, but {found[0].key!r} has {', '.join(map(repr, found[0].names))} "
            f"and {odd.key!r} {', '.join(map(repr, odd.names))}; name the columns to take"
        )
    return found


def step_of(series: TimeSeries) -> Step:
    """The usual step between two stamps: the median, in whole months where stamps lie alike in their months.

    Where less than half of the stamps keep it, the nearest that people use: a second, 5 minutes, an hour, a day, ...

    Raises:
        DataError: the series has fewer than two rows.
    """
    return round_step(series.times)


def regular(series: TimeSeries) -> bool:
    """Whether every stamp follows the one before by the usual step, so that no row is missing or in between."""
    return is_regular(series.times)


def _read(data: Any, wanted: Wanted) -> Iterator[TimeSeries]:
    if isinstance(data, TimeSeries):
        yield _narrowed(data, wanted)
    elif _is_path(data):
        yield from _read_path(data, wanted)
    elif isinstance(data, Mapping) or _is_pandas(data):
        yield from _of_table(data, wanted)
    elif isinstance(data, list | tuple) and len(data) == 1 and _is_path(data[0]):
        yield from _read_path(data[0], wanted)
    elif isinstance(data, list | tuple) and data and all(map(_stands_alone, data)):
        yield from _each(data, wanted)
    else:
        yield from _of_arrays(data, "the given data", wanted)


def _stands_alone(item: object) -> bool:
    return isinstance(item, TimeSeries) or _is_path(item) or _is_pandas(item)


def _is_path(item: object) -> bool:
    return isinstance(item, str | os.PathLike | Text)


def _is_pandas(item: object) -> bool:
    return is_frame(item) or hasattr(item, "to_frame")


def _read_path(path: Any, wanted: Wanted) -> Iterator[TimeSeries]:
    if isinstance(path, Text) or path == "-":
        yield from _of_table(path, wanted)
    elif Path(path).is_dir():
        known = (*TABLES, *ARRAY_FILES)
        visible = [file for file in Path(path).iterdir() if not file.name.startswith(".")]
        files = sorted(file for file in visible if ending(file).lower() in known)
        if not files:
            raise DataError(
                f"a folder of series must hold files of them ({', '.join(known)}), but {path} has none; name another "
                "folder, or the files"
            )
        yield from _each(files, wanted)
    elif Path(path).suffix in ARRAY_FILES:
        yield from _of_arrays(expand([path])[0], str(path), wanted)
    else:
        yield from _of_table(path, wanted)


def _each(items: Sequence[Any], wanted: Wanted) -> Iterator[TimeSeries]:
    """The series of each, named by its file or number and by its key within; those that were read keep their names."""
    names = [
        Path(item).name.partition(".")[0] if _is_path(item) else str(place + 1) for place, item in enumerate(items)
    ]
    if len(set(names)) < len(names):
        names = [str(item) for item in items]  # x.csv of two folders
    for name, item in zip(names, items, strict=True):
        for series in _read(item, wanted):
            own = isinstance(item, TimeSeries)
            yield series if own else replace(series, key="/".join(filter(None, (name, series.key))))


def _of_table(table: Any, wanted: Wanted) -> Iterator[TimeSeries]:
    origin = origin_of(table)
    rows = choose_rows(read_frame(table), origin, wanted.time, wanted.columns, wanted.key)
    stamps = rows.stamps
    if wanted.zone is not None:
        if stamps is None:
            raise SpecError(f"a zone is of stamps, but {origin} has no column of them; name it, or leave the zone out")
        stamps = in_zone(stamps, wanted.zone, origin)
    for key, places in rows.series.items():
        if stamps is None:
            yield TimeSeries(_steps(len(places)), rows.values[places], rows.names, key)
            continue
        times = stamps.times[places]
        order = np.argsort(times, kind="stable")
        times = times[order]
        _refuse_twice(times, places[order], f"{key!r} of {origin}" if key else origin)
        reordered = bool((np.diff(order) < 0).any())
        values = rows.values[places[order]]
        yield TimeSeries(times, values, rows.names, key, stamps.zone, reordered, stamps.mixed)


def _of_arrays(data: Any, origin: str, wanted: Wanted) -> Iterator[TimeSeries]:
    if wanted.time or wanted.key or wanted.zone:
        raise SpecError("time, key and zone are of the columns of a table, but arrays came; leave them out")
    for key, values in read_arrays(data, origin).items():
        channels = values.shape[1]
        names = tuple(f"value {place + 1}" for place in range(channels)) if channels > 1 else ("value",)
        yield _narrowed(TimeSeries(_steps(len(values)), values, names, key), wanted)


def _narrowed(series: TimeSeries, wanted: Wanted) -> TimeSeries:
    """The series with the wanted columns only, in the wanted zone."""
    if wanted.zone is not None:
        times, zone, mixed = in_zone(Stamps(series.times, series.zone), wanted.zone, "the given series")
        series = replace(series, times=times, zone=zone, mixed_offsets=mixed)
    if wanted.columns is None:
        return series
    stranger = next((name for name in wanted.columns if name not in series.names), None)
    if stranger is not None:
        raise DataError(
            f"a column that is named must be in the series, but it has {', '.join(map(repr, series.names))} and no "
            f"{stranger!r}; name one of those"
        )
    places = [series.names.index(name) for name in wanted.columns]
    return replace(series, values=series.values[:, places], names=tuple(wanted.columns))


def _steps(count: int) -> Times:
    return np.arange(count, dtype=np.float64)


def _refuse_twice(times: Times, rows: NDArray[np.int64], origin: str) -> None:
    twice = np.flatnonzero(times[1:] == times[:-1])
    if len(twice):
        first = int(twice[0])
        raise DataError(
            f"a series must have one row at each time, but rows {rows[first] + 1} and {rows[first + 1] + 1} of "
            f"{origin} are both of {stamp_texts(times[first : first + 1])[0]}; keep one, name the column that tells "
            "series apart, or, where a clock was put back, write times with their zone"
        )
