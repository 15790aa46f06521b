"""Steps of time: their names, the usual one of a series, and stamps that follow each other by them.

A step is a number where time is a number; else a timedelta64, in nanoseconds or, as months differ in length, in months.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unspool.errors import DataError, SpecError

Times: TypeAlias = NDArray[Any]  # datetime64[ns] or float64
Step: TypeAlias = np.timedelta64 | float

MOST_STEPS: Final = 10**8
SAME: Final = 1e-6  # of a step: numbers that differ by less are the same time
_SHORTEST_MONTH: Final = np.timedelta64(28, "D")
_DAY: Final = np.timedelta64(1, "D")
_MEAN_MONTH: Final = np.timedelta64(2_629_746, "s").astype("m8[ns]")
_LENGTHS: Final = {  # name: nanoseconds
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "second": 10**9,
    "min": 60 * 10**9,
    "minute": 60 * 10**9,
    "h": 3600 * 10**9,
    "hour": 3600 * 10**9,
    "d": 86_400 * 10**9,
    "day": 86_400 * 10**9,
    "w": 7 * 86_400 * 10**9,
    "week": 7 * 86_400 * 10**9,
}
_USUAL: Final = [  # seconds
    *(count * unit for unit in (1, 60) for count in (1, 2, 5, 10, 15, 30)),
    *(count * 3600 for count in (1, 2, 3, 6, 12)),
    *(count * 86_400 for count in (1, 7)),
]
_BEYOND: Final = 1.5  # times what is usual: farther out a step stays as it is
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_NAMED: Final = re.compile(r"(\d+(?:\.\d+)?)?\s*([A-Za-z]+)")


def parse_step(step: Step | timedelta | str, times: Times, name: str = "step") -> Step:
    """A step as it fits the stamps: "15min", "1 h", "7 days", "1 month", "year", a timedelta; or a number.

    Raises:
        SpecError: it is none, not above zero, or of the other kind than the stamps.
    """
    parsed = _parse(step)
    if parsed is None or (np.isnat(parsed) if isinstance(parsed, np.timedelta64) else not math.isfinite(parsed)):
        raise SpecError(
            f"a {name} must be a time such as '15min', '1h', '7 days', '1 month', or a number, got {step!r}"
        )
    if parsed <= type(parsed)(0):
        raise SpecError(f"a {name} must be longer than nothing, got {step!r}; 1 h is '1h'")
    if (times.dtype.kind == "M") != isinstance(parsed, np.timedelta64):
        wanted = (
            "a time such as '1h', as its stamps are dates" if times.dtype.kind == "M" else "a number, as its times are"
        )
        raise SpecError(f"the {name} of this series must be {wanted}, got {step!r}; say it so")
    return parsed


def _parse(step: object) -> Step | None:
    if isinstance(step, str):
        found = _NAMED.fullmatch(step.strip())
        if found is None:
            try:
                return float(step)
            except ValueError:
                return None
        count, unit = float(found[1] or 1), found[2].lower()
        unit = unit if unit in _LENGTHS else unit.removesuffix("s")
        if unit in _MONTHS:
            months = count * _MONTHS[unit]
            return np.timedelta64(int(months), "M") if months.is_integer() else None
        return np.timedelta64(round(count * _LENGTHS[unit]), "ns") if unit in _LENGTHS else None
    if isinstance(step, np.timedelta64):
        in_months = np.datetime_data(step.dtype)[0] in ("Y", "M")
        return np.timedelta64(step, "M" if in_months else "ns")
    if isinstance(step, timedelta):  # pandas.Timedelta is one
        return np.timedelta64(np.timedelta64(step), "ns")
    return float(step) if isinstance(step, int | float | np.number) and not isinstance(step, bool) else None


def usual_step(times: Times) -> Step:
    """The median of the steps between stamps; in whole months where all stamps lie alike in their months.

    Raises:
        DataError: there are fewer than two.
    """
    if len(times) < 2:
        raise DataError(f"a series must have two rows or more to have a step, but {len(times)} came; give more rows")
    steps = np.diff(times)
    usual: Any = np.quantile(steps, 0.5, method="lower")
    if times.dtype.kind == "f":
        return float(steps[np.abs(steps - usual) <= SAME * usual].mean())  # without the rounding of each
    if usual >= _SHORTEST_MONTH and (shift := _month_shift(times)) is not None:
        months = np.diff((times + shift).astype("M8[M]"))
        usual = np.quantile(months, 0.5, method="lower")
    return np.timedelta64(usual)


def round_step(times: Times) -> Step:
    """The usual step; of dates that keep none, the nearest by ratio that people use, from a second to a week."""
    step = usual_step(times)
    if isinstance(step, float) or months_of(step) is not None or (np.diff(times) == step).mean() >= 0.5:
        return step
    seconds = float(step.astype(np.int64)) / 1e9
    if not _USUAL[0] / _BEYOND < seconds < _USUAL[-1] * _BEYOND:
        return step
    nearest = min(_USUAL, key=lambda usual: abs(math.log(usual / seconds)))
    return np.timedelta64(nearest * 10**9, "ns")


def is_regular(times: Times) -> bool:
    """Whether each stamp follows the one before by the usual step; one stamp alone does."""
    if len(times) < 2:
        return True
    step = usual_step(times)
    if isinstance(step, float):
        return bool((np.abs(np.diff(times) - step) <= SAME * step).all())
    return np.array_equal(times, _stamps(times, 0, step, np.arange(len(times))))


def grid(times: Times, step: Step) -> Times:
    """The first stamp of a series, and those that follow it by the step, up to the last: nothing lies beyond.

    Raises:
        SpecError: that would be more than 10^8.
    """
    steps = float(elapsed(times[-1:], times[0], step)[0])
    if steps > MOST_STEPS:
        raise SpecError(f"a step must leave 10^8 rows at most, but there would be {steps:.3g}; make it longer")
    # months are longer or shorter than their mean
    stamps = _stamps(times, 0, step, np.arange(math.floor(steps + SAME) + (1 if months_of(step) is None else 3)))
    return stamps if isinstance(step, float) else stamps[stamps <= times[-1]]


def following(times: Times, step: Step, count: int) -> Times:
    """The next `count` stamps after the last of a series."""
    return _stamps(times, -1, step, np.arange(1, count + 1))


def months_of(step: Step) -> int | None:
    """How many months a step has; None where all such steps have the same length."""
    if isinstance(step, float) or np.datetime_data(step.dtype)[0] != "M":
        return None
    return int(step.astype(np.int64))


def nominal(step: Step) -> Any:
    """The length of a step, a number or nanoseconds; of one in months the mean over four hundred years."""
    if isinstance(step, float):
        return step
    months = months_of(step)
    return np.timedelta64(step, "ns") if months is None else months * _MEAN_MONTH


def elapsed(times: Times, origin: Any, step: Step) -> NDArray[np.float64]:
    """Times in steps from an origin that none of them lies before."""
    if isinstance(step, float):
        return np.asarray((times - origin) / step)
    # unsigned, as more than 292 years are too many nanoseconds for a timedelta64
    return np.asarray((times.view("u8") - origin.view("u8")) / float(nominal(step).astype(np.int64)))


def _stamps(times: Times, start: int, step: Step, places: NDArray[np.int64]) -> Times:
    """The stamps so many steps from times[start]; those of months lie in their month as the series does in its own."""
    first = times[start]
    if months_of(step) is None:
        return np.asarray(first + places * step)
    shift = _month_shift(times)
    if not shift and first - first.astype("M8[M]") >= _SHORTEST_MONTH:
        shift = (first.astype("M8[M]") + 1) - first.astype("M8[D]")  # not all months have that day: count from the end
    month = (first + (shift or 0)).astype("M8[M]")
    return np.asarray((month + places * step).astype("M8[ns]") + (first - month))


def _month_shift(times: NDArray[np.datetime64]) -> np.timedelta64 | None:
    """What to add to the stamps so that all lie alike in their months: nothing, or a day where they are last days."""
    for shift in (0 * _DAY, _DAY):
        moved = times + shift
        if len(np.unique(moved - moved.astype("M8[M]"))) == 1:
            return shift
    return None
