"""Which columns of a table are the time, the key and the values of series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.data.frames import column_list, require_pandas
from unspool.data.stamps import Stamps, parse_stamps
from unspool.errors import DataError

if TYPE_CHECKING:
    from pandas import DataFrame, Series

TIME_NAMES: Final = ("datetime", "timestamp", "date", "time", "ds")
COUNTER_NAMES: Final = ("year", "month", "week", "day", "hour", "minute", "second", "step", "t")


class Rows(NamedTuple):
    """The rows [N] of a table: stamps (None where it has no time), values [N, C], and which series they are of.

    `series` holds, for each key in order of appearance, the places of its rows.
    """

    stamps: Stamps | None
    values: NDArray[np.float64]
    names: tuple[str, ...]
    series: dict[str, NDArray[np.int64]]


def choose_rows(
    frame: DataFrame, origin: str, time: str | None, columns: Sequence[str] | None, key: str | None
) -> Rows:
    """Read the columns that are named, and guess the time and the values where none are.

    Raises:
        DataError: a named column is not there, or its cells are no stamps or numbers; no column has numbers.
    """
    key = None if key is None else _find(frame, key, origin)
    series = _by_key(frame, key, origin)
    if time is None:
        time, stamps = _guess_time(frame, origin, list(series.values()), {key, *(columns or ())})
    else:
        time = _find(frame, time, origin)
        stamps = parse_stamps(frame[time], origin)
    if columns is None:
        names = [name for name in frame.columns if name not in (time, key) and _has_numbers(frame[name])]
    else:
        names = [_find(frame, name, origin) for name in columns]
    if not names:
        raise DataError(
            f"a series must have a column of numbers, but {origin} has none among {column_list(frame)}; "
            "add one, with a point as decimal sign"
        )
    return Rows(stamps, np.stack([_numbers(frame[name], origin) for name in names], axis=1), tuple(names), series)


def _find(frame: DataFrame, name: str, origin: str) -> str:
    """The column of that name, in any case of letters."""
    if name in frame.columns:
        return name
    for column in frame.columns:
        if column.lower() == name.strip().lower():
            return str(column)
    raise DataError(
        f"a column that is named must be in the table, but {origin} has {column_list(frame)} and no {name!r}; "
        "name one of those"
    )


def _by_key(frame: DataFrame, key: str | None, origin: str) -> dict[str, NDArray[np.int64]]:
    if key is None:
        return {"": np.arange(len(frame))}
    codes, keys = require_pandas().factorize(frame[key])
    if (codes < 0).any():
        raise DataError(
            f"every row must have its key, but row {np.flatnonzero(codes < 0)[0] + 1} of {origin} has none in "
            f"{key!r}; fill it in, or leave the row out"
        )
    places = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    return {str(name): rows for name, rows in zip(keys.tolist(), places, strict=True)}


def _guess_time(
    frame: DataFrame, origin: str, series: Sequence[NDArray[np.int64]], taken: set[str | None]
) -> tuple[str | None, Stamps | None]:
    """A column with a name for times, or else the first of stamps, or with a counter's name, that rises."""
    free = [name for name in frame.columns if name not in taken]
    for wanted in TIME_NAMES:
        for name in free:
            if name.lower() == wanted:
                return name, parse_stamps(frame[name], origin)
    pandas = require_pandas()
    for name in free:
        if pandas.api.types.is_numeric_dtype(frame[name].dtype) and name.lower() not in COUNTER_NAMES:
            continue
        try:
            stamps = parse_stamps(frame[name], origin)
        except DataError:
            continue
        if all((np.diff(stamps.times[rows].astype(np.float64)) > 0).all() for rows in series):
            return name, stamps
    return None, None


def _has_numbers(column: Series) -> bool:
    """Whether at least half of the cells that are filled are numbers: a stray word is then an error, not a column."""
    filled = int(column.notna().sum())
    return filled > 0 and 2 * int((~np.isnan(_coerced(column))).sum()) >= filled


def _numbers(column: Series, origin: str) -> NDArray[np.float64]:
    """The cells as float64, an empty one as NaN."""
    values = _coerced(column)
    broken = np.flatnonzero((np.isnan(values) & column.notna().to_numpy()) | np.isinf(values))
    if len(broken):
        raise DataError(
            f"values must be finite numbers, or empty where missing, but row {broken[0] + 1} of {origin} has "
            f"{str(column.iloc[broken[0]])!r} in {column.name!r}; mend or empty the cell, or name other columns"
        )
    return values


def _coerced(column: Series) -> NDArray[np.float64]:
    """The cells as float64, what is no real number as NaN."""
    if column.dtype.kind in "mMc":  # dates, durations and complex numbers would be taken for others
        return np.full(len(column), np.nan)
    numbers = require_pandas().to_numeric(column, errors="coerce")
    return np.asarray(numbers.to_numpy(np.float64, na_value=np.nan))
