"""From tables to series on one uniform step, with what is known of each row beside the values to forecast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.data.builtin import builtin_series
from unspool.data.calendar import calendar, calendar_names
from unspool.data.columns import TIME_NAMES
from unspool.data.frames import read_frame, require_pandas
from unspool.data.resample import Resampled, resample
from unspool.data.sequence import Standardiser
from unspool.data.stamps import in_zone, parse_stamps
from unspool.data.steps import SAME, Step, Times, following, grid, parse_step
from unspool.data.timeseries import TimeSeries, read_series, step_of
from unspool.errors import DataError, SpecError
from unspool.tasks.forecasting.options import ForecasterOptions
from unspool.tasks.forecasting.windows import Panel

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """What each column is for, the step, and what of the calendar goes in: all that reading other data alike needs."""

    targets: tuple[str, ...]
    known: tuple[str, ...]
    past: tuple[str, ...]
    step: str  # as `parse_step` reads it
    interpolation: str
    max_gap: str | None
    cycles: tuple[str, ...]  # of the calendar
    mean: tuple[float, ...]  # of the columns `known` and `past` in training
    deviation: tuple[float, ...]

    @classmethod
    def fit(cls, options: ForecasterOptions, series: Sequence[TimeSeries]) -> Layout:
        """Choose columns, step and calendar by the training part."""
        targets, known, past = _roles(options, series[0].names)
        longest = max(series, key=len)
        step = parse_step(options.step, longest.times) if options.step else step_of(longest)
        others = [part.values[:, [part.names.index(name) for name in (*known, *past)]] for part in series]
        filled = [part[~np.isnan(part).any(1)] for part in others]
        scaling = Standardiser.fit(filled) if known or past else Standardiser(np.zeros(0), np.ones(0))
        return cls(
            targets,
            known,
            past,
            step_text(step),
            options.interpolation or ("linear" if all(_on_step(one.times, step) for one in series) else "previous"),
            options.max_gap,
            calendar_names(longest.times, step),
            tuple(scaling.mean.tolist()),
            tuple(scaling.std.tolist()),
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read."""
        return (*self.targets, *self.known, *self.past)

    @property
    def known_size(self) -> int:
        """Numbers that are known of each row ahead of time: sine and cosine of each cycle, and columns."""
        return 2 * len(self.cycles) + len(self.known)

    def panel(self, series: Sequence[TimeSeries], ahead: int = 0) -> Panel:
        """Bring series to the step; with `ahead`, each ends so many rows after its last value of a target.

        Raises:
            DataError: a series has no value of a target, or lacks what must be known ahead.
        """
        parts = [self._part(one, ahead) for one in series]
        starts = np.cumsum([0, *(len(part[0]) for part in parts)], dtype=np.int64)
        times, values, observed, known, past = (np.concatenate(column) for column in zip(*parts, strict=True))
        keys, zones = [one.key for one in series], [one.zone for one in series]
        return Panel(keys, zones, starts, times, values, observed, known, past)

    def _part(self, series: TimeSeries, ahead: int) -> tuple[NDArray[Any], ...]:
        """Stamps, values, observed, known and past of one series."""
        step = parse_step(self.step, series.times)
        targets = self._resampled(series, self.targets, step, self.interpolation)
        known = self._resampled(series, self.known, step, "linear")
        past = self._resampled(series, self.past, step, "previous")
        times, values, observed = targets.times, targets.values, targets.observed
        others = np.concatenate([known.values, past.values], 1)
        if not observed.any():
            raise DataError(f"a series must have values to forecast from, {told(series)} has none; leave it out")
        if ahead:
            end = int(np.flatnonzero(observed.any(1))[-1]) + 1 + ahead
            times, values, observed, others = _until(end, times, step, values, observed, others)
            if np.isnan(others[-ahead:, : len(self.known)]).any():
                raise DataError(
                    f"columns that are known ahead ({', '.join(self.known)}) must be filled for {ahead} steps after "
                    f"the last value of {', '.join(self.targets)}, those of {told(series)} end before; add rows in "
                    "which the columns to forecast are empty"
                )
        scaled = (others - np.array(self.mean)) / np.array(self.deviation)
        scaled = np.nan_to_num(_held(scaled)).astype(np.float32)
        stamps = calendar(times, self.cycles, series.zone)
        split = len(self.known)
        return times, _held(values), observed, np.concatenate([stamps, scaled[:, :split]], 1), scaled[:, split:]

    def _resampled(self, series: TimeSeries, names: Sequence[str], step: Step, method: str) -> Resampled:
        """Columns on the step, without a low-pass filter for a longer one: it would see what comes after."""
        if missing := [name for name in names if name not in series.names]:
            raise DataError(
                f"this model reads the columns {', '.join(self.columns)}, {told(series)} has no {', '.join(missing)}; "
                "give the columns it was trained on"
            )
        values = series.values[:, [series.names.index(name) for name in names]]
        return resample(series.times, values, step, method, self.max_gap, antialias=False)

    def to_dict(self) -> dict[str, Any]:
        """What a model file stores."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Layout:
        """The layout that `to_dict` described.

        Raises:
            DataError: it is none.
        """
        lists = {name: tuple(value) for name, value in stored.items() if isinstance(value, list | tuple)}
        layout = cls(**{**stored, **lists})
        names = (*layout.columns, *layout.cycles, layout.step, layout.interpolation)
        numbers = np.array([layout.mean, layout.deviation], np.float64)
        sound = layout.targets and all(isinstance(name, str) for name in names) and np.isfinite(numbers).all()
        if not sound or numbers.shape != (2, len(layout.known) + len(layout.past)) or (numbers[1] <= 0).any():
            raise DataError(
                "a layout names columns, and of each input a finite mean and a deviation above 0, got others"
            )
        return layout


def read(options: ForecasterOptions, data: Any) -> list[TimeSeries]:
    """Read series of the columns that the options name, or of every column of numbers."""
    names = None
    if options.target is not None:
        names = [name for text in (options.target, options.known, options.covariates) for name in listed(text)]
    return read_series(data, options.time, names, options.key, options.zone)


def time_name(options: ForecasterOptions, data: Any) -> str | None:
    """Return the column of the stamps by its name in a table, None where it has none."""
    if options.time is not None:
        return options.time
    if data is None or (isinstance(data, list) and not data):
        data = builtin_series()
    first = data[0] if isinstance(data, list) else data
    with suppress(DataError, TypeError):  # arrays have no columns, and a folder is read file by file
        columns = read_frame(first).columns
        return next((name for wanted in TIME_NAMES for name in columns if name.lower() == wanted), None)
    return None


def listed(text: str | None) -> tuple[str, ...]:
    """Return names that are separated by commas."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def moment(text: str, times: Times, zone: str | None, option: str) -> Any:
    """Return a time that a person wrote, to be compared with stamps of that kind: by the clocks of their zone.

    Raises:
        SpecError: it is none, or has a zone where stamps have none.
    """
    dates = times.dtype.kind == "M"
    try:
        if not dates:
            return np.float64(text)
        parsed = parse_stamps(require_pandas().Series([text], name=f"--{option}"), "the command")
        own = parsed.zone
        if parsed.times.dtype.kind != "M":
            raise ValueError(text)
        stamp = (parsed if zone is None else in_zone(parsed, zone, f"--{option}")).times[0]
    except (ValueError, DataError) as error:
        wanted = "a time such as 2024-01-31" if dates else "a number, as the times of this data are"
        once = f" that comes once in {zone}" if dates and zone else ""
        raise SpecError(f"--{option} must be {wanted}{once}, got {text!r}; write it so") from error
    if zone is None and own is not None:
        raise SpecError(f"--{option} must have no zone, as the stamps of this data have none, got {text!r}; drop it")
    return stamp


def earlier(series: Sequence[TimeSeries], than: Any) -> list[TimeSeries]:
    """Return the rows of each series before a time, without series that have less than two."""
    cut = [replace(one, times=one.times[one.times < than], values=one.values[one.times < than]) for one in series]
    return [one for one in cut if len(one) > 1]


def step_text(step: Step) -> str:
    """Return a step as `parse_step` reads it, in the largest unit that it is a whole number of."""
    if isinstance(step, float):
        return repr(step)
    own = np.datetime_data(step.dtype)[0]
    units = {"M": "month"} if own == "M" else {"D": "day", "h": "hour", "m": "min", "s": "s", "ms": "ms", "us": "us"}
    for unit, name in {**units, own: units.get(own, own)}.items():
        if (whole := step.astype(f"m8[{unit}]")) == step:
            count = int(whole.astype(np.int64))
            return f"{count} {name}{'s' if count > 1 and name in ('day', 'hour', 'month') else ''}"
    raise AssertionError(step)


def span_text(steps: int, step: str) -> str:
    """Return so many steps as a person says it."""
    counted = f"{steps} step{'s' if steps != 1 else ''}"
    return counted if step.replace(".", "", 1).isdigit() else f"{counted} of {step}"


def told(series: TimeSeries) -> str:
    """Return what messages call a series."""
    return f"series {series.key!r}" if series.key else "the data"


def _roles(
    options: ForecasterOptions, names: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    roles = [_found(text, names) for text in (options.target, options.known, options.covariates)]
    targets = roles[0] or tuple(name for name in names if name not in (*roles[1], *roles[2]))
    used = [*targets, *roles[1], *roles[2]]
    if twice := [name for name in used if used.count(name) > 1]:
        raise SpecError(
            f"a column has one use among --target, --known and --covariates, got {twice[0]} twice; drop one"
        )
    if not targets:
        raise SpecError("a forecaster needs a column to forecast, all were given other uses; name it by --target")
    return targets, roles[1], roles[2]


def _found(text: str | None, names: Sequence[str]) -> tuple[str, ...]:
    """The columns as the data writes them."""
    lower = {name.lower(): name for name in names}
    wanted = listed(text)
    if missing := [name for name in wanted if name not in names and name.lower() not in lower]:
        raise DataError(
            f"there is no column {missing[0]!r} of numbers, the data has {', '.join(names)}; name one of them"
        )
    return tuple(name if name in names else lower[name.lower()] for name in wanted)


def _on_step(times: Times, step: Step) -> bool:
    """Whether every stamp is a whole number of steps after the first, so that no value lies between two rows."""
    if isinstance(step, float):
        places = (times - times[0]) / step
        return bool(np.abs(places - np.rint(places)).max() < SAME)
    return bool(np.isin(times, grid(times, step)).all())


def _until(end: int, times: Times, step: Step, *columns: NDArray[Any]) -> list[NDArray[Any]]:
    """Cut rows off behind `end`, or add empty ones up to it."""
    more = end - len(times)
    if more <= 0:
        return [times[:end], *(column[:end] for column in columns)]
    added = [np.full((more, column.shape[1]), np.nan if column.dtype.kind == "f" else False) for column in columns]
    longer = [np.concatenate([column, rows.astype(column.dtype)]) for column, rows in zip(columns, added, strict=True)]
    return [np.concatenate([times, following(times, step, more)]), *longer]


def _held(values: Numbers) -> Numbers:
    """The same [T, C] with the last value held wherever one is missing; NaN before the first."""
    rows = np.where(np.isnan(values), 0, np.arange(len(values))[:, None])
    return np.take_along_axis(values, np.maximum.accumulate(rows, axis=0), 0) if len(values) else values
