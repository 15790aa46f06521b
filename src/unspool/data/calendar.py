"""Where a stamp lies in its day, week and year: inputs that are known for any time, past or to come."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from unspool.data.frames import require_pandas
from unspool.data.steps import Step, Times, elapsed, nominal
from unspool.errors import SpecError

_LENGTHS: Final = {
    "day": np.timedelta64(1, "D").astype("m8[ns]"),
    "week": np.timedelta64(7, "D").astype("m8[ns]"),
    "year": np.timedelta64(365, "D").astype("m8[ns]"),  # the shortest
}
_MONDAY: Final = np.datetime64("1970-01-05", "ns")


def calendar_names(times: Times, step: Step) -> tuple[str, ...]:
    """The cycles ("day", "week", "year") that two steps or more show, and that the stamps hold twice or more.

    What was seen once cannot be known to return. Numbers for times have no cycles.
    """
    if isinstance(step, float):
        return ()
    rows = elapsed(times[-1:], times[0], step)[0] + 1
    return tuple(name for name, length in _LENGTHS.items() if 2 <= length / nominal(step) <= rows / 2)


def calendar(times: Times, cycles: tuple[str, ...], zone: str | None = None) -> NDArray[np.float32]:
    """sin and cos of the place in each cycle, float32 [T, 2 * cycles], by the clocks of the zone.

    A day starts at midnight, a week on Monday, a year on 1 January and is as long as it is.

    Raises:
        SpecError: a cycle is none of the three, or times are numbers.
    """
    strange = [name for name in cycles if name not in _LENGTHS]
    if strange:
        raise SpecError(f"cycles must be among {', '.join(_LENGTHS)}, got {strange[0]!r}; choose those")
    if cycles and times.dtype.kind != "M":
        raise SpecError("a calendar needs dates for times, but numbers came; leave the cycles out")
    if zone is not None:
        times = require_pandas().DatetimeIndex(times, tz="UTC").tz_convert(zone).tz_localize(None).to_numpy()
    angles = [2 * np.pi * _place(times, name) for name in cycles]
    waves = [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
    return np.stack(waves, axis=1).astype(np.float32) if waves else np.zeros((len(times), 0), dtype=np.float32)


def _place(times: NDArray[np.datetime64], cycle: str) -> NDArray[np.float64]:
    """How much of the cycle has passed, from 0 to below 1."""
    if cycle == "year":
        year = times.astype("M8[Y]")
        return np.asarray((times - year) / ((year + 1).astype("M8[ns]") - year))
    length = _LENGTHS[cycle]
    return np.asarray(((times - _MONDAY) % length) / length)
