"""Cells of a column -> stamps in UTC, or plain numbers."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.data.frames import require_pandas
from unspool.data.steps import Times
from unspool.errors import DataError, SpecError

if TYPE_CHECKING:
    from pandas import Series

# seconds, milliseconds, microseconds or nanoseconds since 1970 of the years 1990 to 2100
_EPOCH: Final = (631_152_000, 4_102_444_800)
_UNITS: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_ZONE: Final = r":\d\d.*?(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)$"


class Stamps(NamedTuple):
    """Stamps [T] as datetime64[ns] in UTC, or numbers [T] as float64; the zone they were written in, if any.

    `mixed` says that they were written with several offsets, as clocks of one zone show over a year: which zone that is
    cannot be known, so `zone` is "UTC".
    """

    times: Times
    zone: str | None = None
    mixed: bool = False


def parse_stamps(column: Series, origin: str) -> Stamps:
    """Read a column as stamps.

    Dates and times may be of pandas's own types, ISO 8601, or of any one format with a year in it; 20200131 is a
    day, and a number of the size that counts seconds (or ms, us, ns) since 1970 does so. Other numbers stay numbers.
    A stamp with a zone becomes UTC; where all have the same zone, that is kept beside them; `in_zone` names another.

    Raises:
        DataError: a cell is missing or is no stamp (with its row), only some have a zone, or day and month could be
            either way round.
    """
    pandas = require_pandas()
    missing = np.flatnonzero(column.isna())
    if len(missing):
        raise DataError(
            f"every row must have its time, but row {missing[0] + 1} of {origin} has none in {column.name!r}; "
            "fill it in, or leave the row out"
        )
    if isinstance(column.dtype, pandas.PeriodDtype):
        column = column.dt.to_timestamp()
    if isinstance(column.dtype, pandas.DatetimeTZDtype):
        return Stamps(_nanoseconds(column.dt.tz_convert("UTC").dt.tz_localize(None), origin), str(column.dtype.tz))
    if pandas.api.types.is_datetime64_dtype(column.dtype):
        return Stamps(_nanoseconds(column, origin))
    if pandas.api.types.is_timedelta64_dtype(column.dtype):
        return Stamps(column.dt.total_seconds().to_numpy(np.float64))
    if pandas.api.types.is_numeric_dtype(column.dtype):
        return _from_numbers(column, origin)
    return _from_texts(column.astype("str").str.strip(), origin)


def in_zone(stamps: Stamps, zone: str, origin: str) -> Stamps:
    """The stamps in a zone that a person names: those with an offset keep their time, others are times of its clocks.

    Raises:
        SpecError: there is no such zone, or times are numbers.
        DataError: a time without an offset comes twice, or is left out, when clocks of the zone change.
    """
    pandas = require_pandas()
    if stamps.times.dtype.kind != "M":
        raise SpecError(f"a zone is of dates, but the times of {origin} are numbers; leave the zone out")
    index = pandas.DatetimeIndex(stamps.times)
    try:
        index[:0].tz_localize(zone)
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise SpecError(f"a zone must have a name such as Europe/Berlin or +01:00, got {zone!r}; name one") from error
    if stamps.zone is not None:
        return Stamps(stamps.times, zone)
    try:
        utc = index.tz_localize(zone).tz_convert(None)
    except ValueError as error:
        odd = index[index.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").isna()]
        raise DataError(
            f"a time without an offset must be of one moment, but clocks of {zone} show {odd[0]} of {origin} twice or "
            "never; write times with their offset"
        ) from error
    return Stamps(np.asarray(utc.as_unit("ns")), zone)


def stamp_texts(times: Times, zone: str | None = None) -> list[str]:
    """Write stamps as people do: ISO 8601 in their zone, days without a time where all are midnights; numbers as such.

    >>> stamp_texts(np.array([0.0, 0.5]))
    ['0', '0.5']
    """
    if times.dtype.kind != "M":
        return [f"{time:.15g}" for time in times.tolist()]
    if zone is not None:
        index = require_pandas().DatetimeIndex(times, tz="UTC").tz_convert(zone)
        return [stamp.isoformat(" ") for stamp in index]
    whole = next(unit for unit in ("D", "s", "ms", "us", "ns") if (times.astype(f"M8[{unit}]") == times).all())
    return [text.replace("T", " ") for text in times.astype(f"M8[{whole}]").astype("str").tolist()]


def as_times(times: Any) -> Times:
    """Stamps that are already in Python, as datetime64[ns] in UTC or float64 [T].

    Raises:
        DataError: they are not one row or more of stamps or numbers, of which each is later than the one before.
    """
    if getattr(getattr(times, "dtype", None), "tz", None) is not None:  # an index, or a Series, of pandas
        times = getattr(times, "dt", times).tz_convert(None)
    try:
        given = np.asarray(times)
        array = given.astype(np.float64 if given.dtype.kind in "biuf" else "M8[ns]")
        if array.dtype.kind == "M" and (given.astype("M8[Y]").view("i8") != array.astype("M8[Y]").view("i8")).any():
            raise OverflowError("some lie beyond the years 1678 to 2261")
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"times must be dates or numbers, but others came ({error}); pass an array of them") from error
    if array.ndim != 1 or not len(array):
        raise DataError(f"times must be an array [T] of one or more, but came as {list(array.shape)}; pass one a row")
    if not (np.isfinite(array).all() and (array[1:] > array[:-1]).all()):
        wrong = ~np.isfinite(array)
        wrong[1:] |= ~(array[1:] > array[:-1])
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"times must rise from row to row, but row {row + 1} has {array[row]}; sort the rows and keep one at each "
            "time, or let read_series do it"
        )
    return array


def _from_numbers(column: Series, origin: str) -> Stamps:
    pandas = require_pandas()
    numbers = column.to_numpy(np.float64)
    infinite = np.flatnonzero(~np.isfinite(numbers))
    if len(infinite):
        raise DataError(
            f"times must be finite, but row {infinite[0] + 1} of {origin} has {numbers[infinite[0]]} in "
            f"{column.name!r}; mend it, or leave the row out"
        )
    if (numbers == np.floor(numbers)).all() and (numbers >= 1e7).all() and (numbers < 1e8).all():
        days = pandas.to_datetime(column.astype("int64").astype("str"), format="%Y%m%d", errors="coerce")
        if days.notna().all():
            return Stamps(_nanoseconds(days, origin))
    for unit, size in _UNITS.items():
        if (numbers >= _EPOCH[0] * size).all() and (numbers < _EPOCH[1] * size).all():
            counts = column.to_numpy()
            if unit in ("s", "ms"):  # which come with fractions
                counts, unit = np.rint(numbers * (10**6 // size)), "us"
            return Stamps(counts.astype(np.int64).view(f"M8[{unit}]").astype("M8[ns]"))
    return Stamps(numbers)


def _from_texts(texts: Series, origin: str) -> Stamps:
    zones = texts.str.extract(_ZONE, expand=False)
    zoned = zones.notna().to_numpy()
    if zoned.any() and not zoned.all():
        odd = int(np.flatnonzero(zoned != zoned[0])[0])
        raise DataError(
            f"all times must have a zone, or none, but in {texts.name!r} of {origin} row 1 has {texts.iloc[0]!r} and "
            f"row {odd + 1} {texts.iloc[odd]!r}; write them alike"
        )
    parsed = _parsed(texts, origin)
    unread = np.flatnonzero(parsed.isna())
    if len(unread):
        raise DataError(
            f"every time must be a stamp such as 2020-01-31 12:00, all of one format, but row {unread[0] + 1} of "
            f"{origin} has {texts.iloc[unread[0]]!r} in {texts.name!r}; mend it, or name another column"
        )
    offsets = set(zones.dropna().replace({"Z": "UTC", "GMT": "UTC"}))
    mixed = len(offsets) > 1
    zone = None if not offsets else "UTC" if mixed else offsets.pop()
    return Stamps(_nanoseconds(parsed.dt.tz_localize(None), origin), zone, mixed)


def _parsed(texts: Series, origin: str) -> Series:
    """The stamps in UTC, NaT where a cell is none: ISO 8601, else the first cell's format."""
    pandas = require_pandas()
    stamps = pandas.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
    if stamps.notna().all() or stamps.notna().iloc[0]:
        return stamps
    readings = []
    for day_first in (False, True):
        with warnings.catch_warnings(action="ignore"):  # of a format that the other turn of the loop tries
            guess = pandas.tseries.api.guess_datetime_format(texts.iloc[0], dayfirst=day_first)
        if guess is not None:
            readings.append(pandas.to_datetime(texts, format=guess, utc=True, errors="coerce"))
    whole = [reading for reading in readings if reading.notna().all()]
    if len(whole) == 2 and not whole[0].equals(whole[1]):
        odd = int(np.flatnonzero(whole[0] != whole[1])[0])
        raise DataError(
            f"dates must be readable in one way only, but {texts.iloc[odd]!r} in {texts.name!r} of {origin} may be "
            f"{whole[0].iloc[odd]:%Y-%m-%d} or {whole[1].iloc[odd]:%Y-%m-%d}; write them as the first of these"
        )
    return next(iter(whole or readings), stamps)


def _nanoseconds(stamps: Series, origin: str) -> NDArray[np.datetime64]:
    try:
        return np.asarray(stamps.dt.as_unit("ns"))
    except require_pandas().errors.OutOfBoundsDatetime as error:
        raise DataError(
            f"stamps must lie between the years 1678 and 2261, but {origin} has others in {stamps.name!r} ({error}); "
            "give the year as a number instead"
        ) from error
