"""Values at any stamps -> values on a uniform step, and back.

Interpolation is scipy's: cubic splines with the not-a-knot condition (de Boor, A Practical Guide to Splines, 1978),
PCHIP (Fritsch & Butland, SIAM J. Sci. Stat. Comput. 5, 1984), which is monotone wherever the data are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unspool.data.stamps import as_times
from unspool.data.steps import SAME, Step, Times, elapsed, grid, months_of, nominal, parse_step, usual_step
from unspool.errors import DataError, MissingExtra, ShapeError, SpecError

METHODS: Final = ("previous", "linear", "quadratic", "cubic", "pchip")
Floats: TypeAlias = NDArray[np.float64]
Evaluate: TypeAlias = Callable[[Floats, Floats, Floats], Floats]  # (x [n], y [n], positions [N]) -> values [N]

_FINEST: Final = 16  # points for each observation that the low-pass filter may ask for
_HALF_WIDTH: Final = 10  # of the low-pass filter, in new steps
_CUTOFF: Final = 0.85  # of the new Nyquist frequency, where the filter halves: 50 dB down at the frequency itself
_KAISER: Final = 5.0
_LONGEST_MONTH: Final = np.timedelta64(31, "D").astype("m8[ns]")


@dataclass(frozen=True, eq=False)
class Resampled:
    """Values on a uniform step: stamps [N], values [N, C] with NaN where nothing is near, and what was observed [N, C].

    `observed` is True where an observation lies within half a step of the stamp, so the value rests on one; of the
    method "previous", which never looks ahead, where one lies at the stamp or less than a step before it.
    """

    times: Times
    values: Floats
    observed: NDArray[np.bool_]
    step: Step
    method: str

    def __len__(self) -> int:
        return len(self.times)


def resample(
    times: ArrayLike,
    values: ArrayLike,
    step: Step | timedelta | str | None = None,
    method: str = "linear",
    max_gap: Step | timedelta | str | None = None,
    antialias: bool = True,
) -> Resampled:
    """Bring values at rising stamps [T] to the stamps times[0], times[0] + step, ..., up to the last.

    Each column of `values` [T, C] (or [T]) is interpolated over its missing values (NaN) by itself: "previous" holds
    the last value, "linear", "quadratic" and "cubic" are splines of that degree, "pchip" is cubic, monotone, and never
    leaves the range of its neighbours. A stamp of the grid where a value was observed keeps that value. Nothing
    is extrapolated: before the first and after the last value of a column there is NaN; so there is between two of them
    farther apart than `max_gap`, and splines end at such a gap.

    `step` is a time ("15min", "1h", "7 days", "1 month", a timedelta), or a number where times are numbers; by default
    the usual step of the stamps. A step longer than that would fold fast changes into slow ones that are not there, so
    a low-pass filter (a windowed sinc without phase, 50 dB down at the new Nyquist frequency) comes first, unless
    `antialias` is off; what it gives are local means, not observed values.

    Raises:
        DataError: stamps do not rise or are none, values are infinite, or there are no rows.
        ShapeError: there are not as many values as stamps.
        SpecError: a step, gap or method that does not exist.
        MissingExtra: scipy is not installed, and more than "previous" or "linear" is asked for.
    """
    _check_method(method)
    stamps = as_times(times)
    columns = _columns(values, len(stamps))
    step = usual_step(stamps) if step is None else parse_step(step, stamps)
    gap = math.inf if max_gap is None else _longest(parse_step(max_gap, stamps, "gap")) / nominal(step)
    new = grid(stamps, step)
    x, wanted = _positions(stamps, stamps[0], step), _positions(new, stamps[0], step)
    evaluate = interpolation = _interpolation(method)
    finer = _finer(stamps, len(new), step) if antialias else 1
    if finer > 1:
        evaluate = partial(_low_passed, interpolation, finer, _low_pass(finer))
    result = np.full((len(new), columns.shape[1]), np.nan)
    observed = np.zeros(result.shape, dtype=np.bool_)
    for column in range(columns.shape[1]):
        known = ~np.isnan(columns[:, column])
        where, what = x[known], columns[known, column]
        observed[:, column] = _near(where, wanted, method)
        result[:, column] = _between(where, what, np.diff(where) > gap * (1 + SAME), wanted, evaluate)
        if finer == 1:
            _keep(where, what, wanted, result[:, column])
    return Resampled(new, result, observed, step, method)


def at(resampled: Resampled, times: ArrayLike) -> Floats:
    """The way back: values [T, C] at any rising stamps [T], by the same method, between the points of the grid.

    A stamp of the grid has its value again; NaN stays outside of it and beside its missing values.
    """
    stamps = as_times(times)
    if stamps.dtype.kind != resampled.times.dtype.kind:
        raise DataError("times must be of the kind that was resampled, but dates met numbers; pass the series' own")
    origin = min(stamps[0], resampled.times[0])
    x, wanted = (_positions(each, origin, resampled.step) for each in (resampled.times, stamps))
    result = np.full((len(stamps), resampled.values.shape[1]), np.nan)
    for column in range(result.shape[1]):
        known = np.flatnonzero(~np.isnan(resampled.values[:, column]))
        where, what = x[known], resampled.values[known, column]
        result[:, column] = _between(where, what, np.diff(known) > 1, wanted, _interpolation(resampled.method))
        _keep(where, what, wanted, result[:, column])
    return result


def _near(x: Floats, wanted: Floats, method: str) -> NDArray[np.bool_]:
    """Whether an observation at x [n] stands behind the value at each position [N]."""
    if method == "previous":
        end = np.searchsorted(x, wanted + SAME, side="right")
        first = np.concatenate([[0], end[:-1]])  # after the stamp before: months differ in length
    else:
        first, end = (np.searchsorted(x, wanted + away) for away in (-0.5, 0.5))
    return np.asarray(first < end)


def _check_method(method: str) -> None:
    if method not in METHODS:
        raise SpecError(f"a method of interpolation must be one of {', '.join(METHODS)}, got {method!r}; choose one")


def _columns(values: ArrayLike, rows: int) -> Floats:
    try:
        columns = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"values must be numbers, NaN where missing, but others came ({error}); pass numbers"
        ) from error
    if columns.ndim not in (1, 2) or len(columns) != rows:
        raise ShapeError(
            f"values must be [T] or [T, C], one row for each of {rows} times, but came as {list(columns.shape)}; "
            "pass as many of one as of the other"
        )
    if np.isinf(columns).any():
        row = int(np.argwhere(np.isinf(columns))[0][0])
        raise DataError(f"values must be finite, or NaN where missing, but row {row + 1} is infinite; mend it")
    return columns.reshape(rows, -1)


def _positions(times: Times, origin: Any, step: Step) -> Floats:
    positions = elapsed(times, origin, step)
    if (np.diff(positions) <= 0).any():
        row = int(np.flatnonzero(np.diff(positions) <= 0)[0])
        raise DataError(
            f"times must be farther apart than rounding, but rows {row + 1} and {row + 2} are not; keep one of them"
        )
    return positions


def _longest(gap: Step) -> Step:
    """The longest that so many months can be."""
    months = months_of(gap)
    return gap if months is None else months * _LONGEST_MONTH


def _between(x: Floats, y: Floats, gaps: NDArray[np.bool_], wanted: Floats, evaluate: Evaluate) -> Floats:
    """Values where they are wanted [N] from those at x [n]; NaN beyond, and in a gap, where `gaps` [n - 1] has one."""
    result = np.full(len(wanted), np.nan)
    borders = [0, *(np.flatnonzero(gaps) + 1).tolist(), len(x)]
    for first, end in pairwise(borders):
        if first == end:
            continue  # nothing is known at all
        inside = slice(*np.searchsorted(wanted, [x[first] - SAME, x[end - 1] + SAME]))
        if inside.start < inside.stop:
            where = np.clip(wanted[inside], x[first], x[end - 1])
            result[inside] = evaluate(x[first:end], y[first:end], where) if end - first > 1 else y[first]
    return result


def _keep(x: Floats, y: Floats, wanted: Floats, result: Floats) -> None:
    """Put what is known at a position in the place of what was computed, which differs by rounding."""
    for side in (-1, 0):
        place = np.clip(np.searchsorted(x, wanted) + side, 0, len(x) - 1)
        same = np.abs(x[place] - wanted) <= SAME if len(x) else np.zeros(len(wanted), dtype=np.bool_)
        result[same] = y[place[same]]


def _interpolation(method: str) -> Evaluate:
    if method == "previous":
        return _previous
    if method == "linear":
        return _linear
    try:
        from scipy.interpolate import CubicSpline, PchipInterpolator, make_interp_spline
    except ImportError as error:
        raise MissingExtra(f"{method} interpolation needs scipy; pip install 'unspool[series]'") from error
    splines: dict[str, Callable[[Floats, Floats], Callable[[Floats], Floats]]] = {
        "quadratic": lambda x, y: make_interp_spline(x, y, k=min(2, len(x) - 1)),
        "cubic": CubicSpline,
        "pchip": PchipInterpolator,
    }

    def evaluate(x: Floats, y: Floats, wanted: Floats) -> Floats:
        with np.errstate(over="ignore"):  # PCHIP divides by slopes: the least of them give infinity, and so a flat end
            return splines[method](x, y)(wanted)

    return evaluate


def _previous(x: Floats, y: Floats, wanted: Floats) -> Floats:
    return y[np.searchsorted(x, wanted, side="right") - 1]


def _linear(x: Floats, y: Floats, wanted: Floats) -> Floats:
    return np.interp(wanted, x, y)


def _finer(times: Times, rows: int, step: Step) -> int:
    """Points a step that the low-pass filter works on: so many as were observed; 1 where none is needed."""
    ratio = nominal(step) / nominal(usual_step(times)) if len(times) > 1 else 1.0
    # bursts between long pauses would ask for more points than memory holds
    return min(math.ceil(ratio - SAME), max(1, _FINEST * len(times) // rows))


def _low_pass(finer: int) -> Floats:
    """The filter's weights: a sinc in a Kaiser window, symmetric, so without phase, and keeping straight lines."""
    try:
        from scipy.signal import firwin
    except ImportError as error:
        raise MissingExtra(
            "a coarser step needs scipy; pip install 'unspool[series]', or turn antialias off"
        ) from error
    weights: Floats = firwin(2 * _HALF_WIDTH * finer + 1, _CUTOFF / finer, window=("kaiser", _KAISER))
    return weights


def _low_passed(interpolation: Evaluate, finer: int, weights: Floats, x: Floats, y: Floats, wanted: Floats) -> Floats:
    """The values interpolated on a finer grid, turned about both ends, filtered, and taken where they are wanted."""
    from scipy.signal import oaconvolve

    first, last = math.ceil((x[0] - wanted[0]) * finer - SAME), math.floor((x[-1] - wanted[0]) * finer + SAME)
    if first == last:
        return interpolation(x, y, wanted)
    fine = interpolation(x, y, np.clip(wanted[0] + np.arange(first, last + 1) / finer, x[0], x[-1]))
    # one point more than half the filter at each end: steps in months fall between the points
    padded = np.pad(fine, len(weights) // 2 + 1, mode="reflect", reflect_type="odd")
    filtered: Floats = oaconvolve(padded, weights, mode="valid")
    return _linear(wanted[0] + np.arange(first - 1, last + 2) / finer, filtered, wanted)
