"""What a forecaster is trained on and judged by: a training part, and what comes after it in time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.data.builtin import builtin_series
from unspool.data.stamps import stamp_texts
from unspool.data.steps import SAME, grid, parse_step
from unspool.data.timeseries import TimeSeries, regular, step_of
from unspool.errors import DataError
from unspool.heads import DISTRIBUTIONS
from unspool.spec import replace as with_options
from unspool.tasks.forecasting.options import ForecasterOptions
from unspool.tasks.forecasting.series import Layout, earlier, moment, read
from unspool.tasks.forecasting.sizing import span_of
from unspool.tasks.forecasting.windows import Panel, Scaling
from unspool.tasks.holdout import fraction_of

Numbers = NDArray[np.float64]
LEAST_WINDOWS = 4  # to train on: a regression on fewer says nothing
FEW_WINDOWS = 50


@dataclass(frozen=True, eq=False)
class Measure:
    """What the training part says of the size of the values, [C]: all that a forecast is scaled and judged by."""

    scaling: Scaling
    seasonal_error: Numbers  # mean absolute difference of values one season apart
    by_series: Mapping[str, Numbers]  # that of each series by its key, where there are several

    def to_dict(self) -> dict[str, Any]:
        """What a model file stores."""
        by_series = {key: errors.tolist() for key, errors in self.by_series.items()}
        errors = self.seasonal_error.tolist()
        return {"scaling": self.scaling.to_dict(), "seasonal_error": errors, "by_series": by_series}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Measure:
        """The measure that `to_dict` described.

        Raises:
            DataError: it is none.
        """
        scaling, errors = Scaling.from_dict(stored["scaling"]), np.asarray(stored["seasonal_error"], np.float64)
        by_series = {str(key): np.asarray(own, np.float64) for key, own in stored["by_series"].items()}
        sizes = np.array([scaling.mean, scaling.deviation, scaling.floor, errors, *by_series.values()])
        if sizes.ndim != 2 or not np.isfinite(sizes).all() or (sizes[1:] <= 0).any():
            raise DataError("a scaling holds finite numbers for each column, above 0 but for the mean, got others")
        return cls(scaling, errors, by_series)


@dataclass(frozen=True, eq=False)
class Held:
    """What forecasts are judged by: rows of a panel at which they begin, and which part of the data that is."""

    panel: Panel  # with what precedes the part
    origins: NDArray[np.int64]
    split: str
    fitted: bool = False  # whether intervals are stretched to these very values


@dataclass(frozen=True, eq=False)
class Parts:
    """The two parts of the data, the rows at which forecasts begin in each, and how they came about."""

    options: ForecasterOptions  # season, horizon and context are set
    layout: Layout
    measure: Measure
    training: Panel
    origins: NDArray[np.int64]
    held: Held
    remarks: dict[str, Any]
    fingerprint: str


def divide(
    options: ForecasterOptions, data: Any, layout: Layout | None = None, measure: Measure | None = None
) -> Parts:
    """Read series and divide them in time; columns, step, calendar, span and scaling follow from the part before alone.

    A layout and a measure are those of a model that is trained further.

    Raises:
        DataError: a part has no window.
    """
    whole = read(options, builtin_series() if data is None or (isinstance(data, list) and not data) else data)
    by_file = fraction_of(options.validation) is None
    judged = read(options, [options.validation]) if by_file else []
    series, cut = _considered(options, whole), None
    learned = series
    if not by_file:
        cut, rows = _cut(options, series)
        learned = earlier(series, cut)
    if not learned:
        raise DataError("no series has two rows before those held out; give more data, or a smaller --validation")
    layout = layout or Layout.fit(options, learned)
    training = layout.panel(learned)
    options = _with_span(options, layout, training, None if by_file else rows)
    context, horizon = int(options.context or 1), int(options.horizon or 1)
    origins = training.origins(context, horizon)
    if len(origins) < LEAST_WINDOWS:
        raise DataError(
            f"a forecaster learns from {LEAST_WINDOWS} windows at least, of {context} steps back and {horizon} ahead, "
            f"the training part has {len(origins)}; choose a smaller --horizon or --context, or give more data"
        )
    if by_file:
        held = replace(judge(options, layout, judged, None, Path(options.validation).name), fitted=True)
    else:
        held = held_out(options, layout, whole)
    measure = measure or _measure(options, training, context)
    remarks = _remarks(options, layout, series, training, len(origins))
    return Parts(options, layout, measure, training, origins, held, remarks, fingerprint_of([*whole, *judged]))


def held_out(options: ForecasterOptions, layout: Layout, series: Sequence[TimeSeries]) -> Held:
    """Return the part of the data that `--validation` holds out by a fraction."""
    series = _considered(options, series)
    cut, _ = _cut(options, series)
    told = f"what lies at {stamp_texts(np.array([cut]), series[0].zone)[0]} or later"
    if options.before is not None:
        told += f", before {options.before}"
    held = judge(options, layout, series, cut, told)
    return replace(held, split=f"validation on {told}", fitted=True)


def between(
    options: ForecasterOptions, layout: Layout, series: Sequence[TimeSeries], after: str | None, before: str | None
) -> Held:
    """Return all forecasts of what lies at the time `after` or later and before the time `before`."""
    told, first = [], None
    if after is not None:
        first = moment(after, series[0].times, series[0].zone, "after")
        told.append(f"at {after} or later")
    if before is not None:
        series = _until(before, series)
        told.append(f"before {before}")
    return judge(options, layout, series, first, f"what lies {' and '.join(told)}")


def judge(options: ForecasterOptions, layout: Layout, series: Sequence[TimeSeries], first: Any, told: str) -> Held:
    """Return all forecasts whose targets lie at the time `first` or later; of None, those with a whole context.

    Raises:
        DataError: there is none.
    """
    panel, horizon = layout.panel(series), int(options.horizon or 1)
    later = None if first is None else panel.times >= first
    origins = panel.origins(int(options.context or 1), horizon, later)
    if not len(origins):
        raise DataError(
            f"a forecast is judged by {horizon} rows with some before them, {told} has none; give more data, or train "
            "with a smaller --horizon"
        )
    return Held(panel, origins, told)


def fingerprint_of(series: Sequence[TimeSeries]) -> str:
    """Return the SHA-256 of series."""
    return hashlib.sha256("".join(one.fingerprint for one in series).encode()).hexdigest()


def _considered(options: ForecasterOptions, series: Sequence[TimeSeries]) -> Sequence[TimeSeries]:
    return series if options.before is None else _until(options.before, series)


def _until(before: str, series: Sequence[TimeSeries]) -> Sequence[TimeSeries]:
    found = earlier(series, moment(before, series[0].times, series[0].zone, "before"))
    if not found:
        raise DataError(f"nothing lies before {before}; choose a later --before")
    return found


def _cut(options: ForecasterOptions, series: Sequence[TimeSeries]) -> tuple[Any, int]:
    """The time at which the held-out part begins, and its rows: the last fraction of all times, a horizon at least.

    Times are counted in steps, as stamps may lie closer together than those, or farther apart.
    """
    times = np.unique(np.concatenate([one.times for one in series]))
    longest = max(series, key=len)
    step = parse_step(options.step, times) if options.step else step_of(longest)
    stamps = grid(times, step)
    rounding = SAME * step if isinstance(step, float) else np.timedelta64(0, "ns")
    places = np.unique(np.searchsorted(stamps, times + rounding, side="right")) - 1  # of steps in which anything lies
    rows = max(1, round(float(fraction_of(options.validation) or 0) * len(places)), options.horizon or 1)
    if rows >= len(places):
        raise DataError(
            f"to hold out {rows} rows there must be more, the data has {len(places)} times; choose a smaller --horizon "
            "or --validation, or give more data"
        )
    return stamps[places[-rows]], rows


def _with_span(options: ForecasterOptions, layout: Layout, training: Panel, most: int | None) -> ForecasterOptions:
    step = parse_step(layout.step, training.times)
    values = np.where(training.observed[:, 0], training.values[:, 0], np.nan)
    span = span_of(options, step, [values[rows] for rows in training.series], most)
    return with_options(options, **span._asdict())


def _measure(options: ForecasterOptions, training: Panel, context: int) -> Measure:
    counts = DISTRIBUTIONS[options.distribution].discrete
    values = training.values[training.observed]
    if counts and not ((values >= 0) & (values == np.rint(values))).all():
        raise DataError(
            "--distribution negative-binomial is of counts 0, 1, 2, ..., the data has other numbers; "
            "choose normal or student"
        )
    scaling = Scaling.fit(options.scaling, counts, training, context)
    season = int(options.season or 1)
    parts = [np.where(training.observed[rows], training.values[rows], np.nan) for rows in training.series]
    pooled = _seasonal_error(parts, season, np.ones(training.values.shape[1]))
    several = zip(training.keys, parts, strict=True) if len(parts) > 1 else ()
    return Measure(scaling, pooled, {key: _seasonal_error([part], season, pooled) for key, part in several})


def _seasonal_error(parts: Sequence[Numbers], season: int, otherwise: Numbers) -> Numbers:
    """Mean absolute difference of observations one season apart (one step, where no series is as long), [C]."""
    for lag in (season, 1):
        differences = np.concatenate([np.abs(part[lag:] - part[:-lag]) for part in parts])
        found = ~np.isnan(differences)
        if found.any(0).all():
            errors: Numbers = np.where(found, differences, 0.0).sum(0) / found.sum(0)
            return np.where(errors > 0, errors, otherwise)
    return otherwise


def _remarks(
    options: ForecasterOptions, layout: Layout, series: Sequence[TimeSeries], training: Panel, windows: int
) -> dict[str, Any]:
    """What a person should know of the reading."""
    remarks: dict[str, Any] = {"series": len(series), "training_rows": len(training.times)}
    if windows < FEW_WINDOWS:
        remarks["few_windows"] = f"{windows} say little of any pattern; compare with the simple forecasts"
    values = np.where(training.observed, training.values, np.nan)
    still = [
        name for name, column in zip(layout.targets, values.T, strict=True) if not np.nanmax(column) > np.nanmin(column)
    ]
    if still:
        remarks["constant"] = f"{', '.join(still)} never changes in the training part, so there is nothing to learn"
    if any(one.mixed_offsets for one in series):
        remarks["zone"] = (
            "UTC, as stamps have several offsets; name the zone of their clocks by --zone, as Europe/Berlin"
        )
    uneven = sum(not regular(one) for one in series)
    if uneven:
        of = f"{uneven} of {len(series)} series are" if len(series) > 1 else "the stamps are"
        how = "linear interpolation" if layout.interpolation == "linear" else "the value before"
        remarks["resampled"] = f"to a step of {layout.step} by {how}, as {of} uneven"
    elif options.step:
        remarks["resampled"] = f"to a step of {layout.step}"
    if missing := 1.0 - float(training.observed.mean()):
        remarks["missing"] = f"{missing:.1%} of the training values; filled where they are read, never targets"
    if any(one.reordered for one in series):
        remarks["order"] = "rows were put in order of time"
    if layout.cycles:
        remarks["calendar"] = f"the place in the {', '.join(layout.cycles)} is an input"
    return remarks
