"""Forecasters of time series: what was in, what is to come and how sure that is out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unspool.data.sequence import Buckets
from unspool.errors import DataError, SpecError
from unspool.figure import save
from unspool.heads import DISTRIBUTIONS, Univariate
from unspool.nets.forecast import ForecastNet
from unspool.spec import replace
from unspool.tasks.batches import Gathered
from unspool.tasks.dependent import check_dependent
from unspool.tasks.forecasting.ahead import Ahead, look_ahead, surprises_of, table
from unspool.tasks.forecasting.data import Held, Measure, Parts, between, divide, fingerprint_of, held_out, judge
from unspool.tasks.forecasting.fan import forecast_figure
from unspool.tasks.forecasting.options import ForecasterOptions
from unspool.tasks.forecasting.outlook import Outlook, crossed, widening
from unspool.tasks.forecasting.reading import forecasts_of
from unspool.tasks.forecasting.regression import regression
from unspool.tasks.forecasting.result import Result, spread
from unspool.tasks.forecasting.series import Layout, moment, read, span_text, time_name
from unspool.tasks.forecasting.sizing import forecaster_sizing
from unspool.tasks.forecasting.stepper import ForecastStepper
from unspool.tasks.forecasting.windows import Panel, Windows, gather
from unspool.tasks.holdout import fraction_of, located
from unspool.training.options import Budget, TrainingOptions
from unspool.training.protocol import Loss, Specimen, Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WATCHED = 512  # held-out windows by which a training is watched
PROBED = 16  # windows of a probe
ORIGINS = 12  # that an evaluation tells of one by one


class Forecaster(Task):
    """A distribution for each value of the next H steps, of every column and series by one network.

    The loss is the negative log-likelihood in nats a value, on the scaled axis of each window; with --distribution
    quantiles it is the pinball loss, in units of the regression's error.
    """

    name = "forecaster"
    noun = "values"
    Options: ClassVar[type[TrainingOptions]] = ForecasterOptions
    options: ForecasterOptions
    model: ForecastNet

    def __init__(self, options: ForecasterOptions, layout: Layout, measure: Measure) -> None:
        self.options, self.layout, self.measure = options, layout, measure
        self.unit = "pinball loss" if options.distribution == "quantiles" else "nats a value"
        self.head: Univariate = DISTRIBUTIONS[options.distribution]()
        self.parts: Parts | None = None
        self.split = ""
        self.widening = np.ones(self.horizon)  # of the intervals of each step, to cover their share of what is held out
        self.result: Result | None = None  # the best that was measured, for pictures
        self.time_column: str | None = options.time  # for streams of rows
        self.trained: int | float | None = None  # the first stamp of the training data, in nanoseconds or a number

    @classmethod
    def prepare(
        cls, options: TrainingOptions, data: Any, budget: Budget | None = None, base: Task | None = None
    ) -> Forecaster:
        """Read series, hold out their last part, and choose each option that is None by the part before."""
        assert isinstance(options, ForecasterOptions)
        if base is None or options != base.options:  # a training that goes on was asked for before
            check_dependent(options)
        options = replace(options, validation=located(options.validation))
        known = base if isinstance(base, Forecaster) else None
        parts = divide(options, data, known.layout if known else None, known.measure if known else None)
        count = len(parts.origins)
        proposal = forecaster_sizing(count, int(parts.options.horizon or 1))
        o = parts.options
        options = replace(
            o,
            cell=o.cell or "lstm",
            hidden_size=o.hidden_size or proposal.hidden_size,
            layers=o.layers or proposal.layers,
            dropout=proposal.dropout if o.dropout is None else o.dropout,
            learning_rate=o.learning_rate or proposal.learning_rate,
            batch_size=min(o.batch_size or proposal.batch_size, count),
        )
        task = cls(options, parts.layout, parts.measure)
        task.parts, task.split, task.fingerprint = parts, parts.held.split, parts.fingerprint
        if known:
            task.widening = known.widening
        task.time_column = known.time_column if known else time_name(options, data)
        first = parts.training.times[0]
        task.trained = known.trained if known else (first.view("i8") if first.dtype.kind == "M" else first).item()
        task.budget = budget or Budget("steps", proposal.steps)
        return task

    @property
    def horizon(self) -> int:
        """Steps of a forecast."""
        return int(self.options.horizon or 1)

    @property
    def context(self) -> int:
        """Steps that a forecast looks back on."""
        return int(self.options.context or 1)

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        return self.model.output.weight.device

    def build(self) -> nn.Module:
        """Return a new network: the regression on the training part, and untrained layers that correct it."""
        o, layout = self.options, self.layout
        if None in (o.cell, o.hidden_size, o.layers, o.dropout, o.horizon, o.context):
            raise SpecError("a network is built from options that are all set; prepare the task with data first")
        targets, known = len(layout.targets), layout.known_size
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(o.seed)
            net = ForecastNet(
                self.head,
                targets=targets,
                inputs=2 * targets + known + len(layout.past),
                known=known,
                context=self.context,
                horizon=self.horizon,
                cell=str(o.cell),
                hidden_size=int(o.hidden_size or 0),
                layers=int(o.layers or 0),
                dropout=float(o.dropout or 0.0),
                recurrent_dropout=o.recurrent_dropout,
                precision=o.precision,
            )
        if self.parts is not None:
            parts, scaling = self.parts, self.measure.scaling
            start = regression(parts.training, parts.origins, self.context, self.horizon, scaling)
            net.start(start.ridge, start.error)
        return net

    def batches(self) -> Gathered[Windows]:
        """Return the training windows, each once an epoch."""
        assert self.parts is not None
        panel, origins = self.parts.training, self.parts.origins
        order = Buckets(np.full(len(origins), self.horizon), int(self.options.batch_size or 1), self.options.seed)
        return Gathered(order, lambda index, _: self.gather(panel, origins[index]))

    def gather(
        self, panel: Panel, origins: NDArray[np.int64], context: int | None = None, horizon: int | None = None
    ) -> Windows:
        """Return the windows whose forecasts begin at the rows `origins`."""
        context = self.context if context is None else context
        horizon = self.horizon if horizon is None else horizon
        return gather(panel, origins, context, horizon, self.measure.scaling)

    def forward(self, batch: Windows, generator: torch.Generator | None = None) -> Any:
        """Return the network's forecast of windows."""
        unit: Tensor | None = None
        if self.head.discrete:
            unit = torch.from_numpy(np.array(batch.scale)).float().to(self.device)
        return self.model(batch.past, batch.future, unit, generator=generator)

    def loss(self, batch: Windows, state: Any, generator: torch.Generator | None = None) -> Loss:
        """Return the summed loss of the values that were observed."""
        batch = batch.to(self.device)
        raw, location, scale = self.forward(batch, generator)
        losses = self.head.loss(raw, batch.target, location, scale)  # [H, B, C]
        return Loss(losses[batch.observed].sum(), int(batch.observed.sum()), None, {})

    def measured(self, held: Held, origins: NDArray[np.int64], stretch: bool = False) -> Result:
        """Return forecasts of held-out data and the truth; with `stretch` the intervals are fitted to them first."""
        panel, interval = held.panel, self.options.interval
        raw, loss = forecasts_of(self, panel, origins)
        ahead = origins[:, None] + np.arange(self.horizon)
        truth = np.where(panel.observed[ahead], panel.values[ahead], np.nan)
        if stretch:
            self.widening = widening(raw, truth, interval)
        told = raw.widened(self.widening, self.head.discrete)
        judged: Outlook | None = told
        if held.fitted:
            factors = crossed(raw, truth, interval, panel.times[origins], panel.times[ahead[:, -1]])
            judged = None if factors is None else raw.widened(factors, self.head.discrete)
        return Result(panel, origins, truth, raw, told, judged, loss, interval, self.layout.targets, self.measure)

    def metrics(self) -> dict[str, Any]:
        """Return the measures of forecasts spread over the held-out part, to which the intervals are stretched.

        Their coverage is that of intervals which are stretched by the other half of these forecasts.
        """
        assert self.parts is not None
        held = self.parts.held
        result = self.measured(held, held.origins[spread(len(held.origins), WATCHED)], stretch=True)
        if self.result is None or result.loss <= self.result.loss:
            self.result = result
        return {**result.metrics(), "widening": self.widening.tolist()}

    def evaluate(self, data: Any = None, after: str | None = None, before: str | None = None) -> dict[str, Any]:
        """Return the measures of every forecast of other data, beside baselines: of what lies between two times.

        Without them only the held-out part of the training data is used, which is that of the task itself if no data
        is given.
        """
        held = self._judged(data, after, before)
        self.result = self.measured(held, held.origins)
        found = {**self.result.metrics(), "widening": self.widening.tolist()}
        baselines = self._simple(self.result)
        return {**found, "baselines": baselines, "origins": self.result.rolling(ORIGINS), "split": held.split}

    def _simple(self, result: Result) -> dict[str, float]:
        return result.baselines(self.model.ridge.cpu().double().numpy(), int(self.options.season or 1))

    def advice(self) -> list[str]:
        """Say so if a simple forecast is as good."""
        if self.result is None:
            return []
        own, simple = self.result.metrics()["mse_scaled"], self._simple(self.result)
        name = min(simple, key=lambda name: simple[name])
        if own < simple[name]:
            return []
        return [
            f"the network's squared error, {own:.4f}, is not below that of {name}, {simple[name]:.4f}: use that, or "
            "try more data, columns that help (--covariates, --known), or another --context"
        ]

    def backtest(
        self, data: Any, origins: int | Sequence[str] = ORIGINS, after: str | None = None
    ) -> list[dict[str, Any]]:
        """Return time, errors and coverage of forecasts from rolling origins, without training anew.

        `origins` says how many, evenly over the data, or at which times.
        """
        held = self._judged(data, after)
        if isinstance(origins, int):
            rows = held.origins[spread(len(held.origins), origins)]
        else:
            times = held.panel.times
            wanted = np.array([moment(text, times, held.panel.zones[0], "origins") for text in origins], times.dtype)
            rows = held.origins[np.isin(times[held.origins], wanted)]
        if not len(rows):
            raise DataError("no forecast begins at those times with values to compare it with; choose others")
        return self.measured(held, rows).rolling(len(rows))

    def _judged(self, data: Any, after: str | None, before: str | None = None) -> Held:
        if data is None and self.parts is not None:
            return self.parts.held
        series = read(self.options, data)
        if after is not None or before is not None:
            return between(self.options, self.layout, series, after, before)
        if fingerprint_of(series) == self.fingerprint and fraction_of(self.options.validation) is not None:
            return held_out(self.options, self.layout, series)
        return judge(self.options, self.layout, series, None, "the whole of the given data")

    def forecast(self, data: Any) -> list[dict[str, Any]]:
        """Return a forecast of what follows the last value of each series: see `answers`."""
        return self.answers(data)

    def answers(self, data: Any) -> list[dict[str, Any]]:
        """Return key, times, mean, lower, upper and quantiles of the H steps after the last value of each series.

        They are lists over the steps; with several columns, dicts of such lists by column.
        """
        return self._worded(self._ahead(data))

    def _ahead(self, data: Any) -> list[Ahead]:
        return look_ahead(self, read(self.options, data))

    def _worded(self, found: Sequence[Ahead]) -> list[dict[str, Any]]:
        return [ahead.answer(self.layout.targets, self.options.interval) for ahead in found]

    def told(self, answer: Mapping[str, Any]) -> str:
        """Return a forecast as a table, a line a step."""
        return table(answer)

    def draw_answers(self, data: Any, path: Path) -> list[dict[str, Any]]:
        """Draw history and fan of the first series; return the answers."""
        found = self._ahead(data)
        save(forecast_figure([fan for ahead in found for fan in ahead.fans(self.layout.targets)]), path)
        return self._worded(found)

    def surprises(self, data: Any) -> list[dict[str, Any]]:
        """Return time, value and surprise of each row after the first, under the forecast one step ahead.

        The score is how far out the value lies, in nats (`Univariate.surprise`); of several columns, the furthest.
        It is None where no whole context of steps came before.
        """
        return surprises_of(self, read(self.options, data))

    def stepper(self) -> ForecastStepper:
        """Return what answers row by row, one step ahead.

        Raises:
            SpecError: the model scales each window by itself, or needs what is known ahead.
        """
        return ForecastStepper(self)

    def figures(self, metrics: Mapping[str, Any]) -> dict[str, Callable[[], Figure]]:
        """Return forecasts with their fans beside the truth, and what the fans cover, of what was measured here."""
        return {} if self.result is None else self.result.figures()

    def baseline(self) -> dict[str, float]:
        """Return the squared error of simple forecasts of held-out values, in deviations of the training part."""
        assert self.parts is not None
        held = self.parts.held
        result = self.measured(held, held.origins[spread(len(held.origins), WATCHED)])
        return {f"{name} (mse_scaled)": value for name, value in self._simple(result).items()}

    def specimen(self, data: Any, steps: int) -> Specimen:
        """Return windows spread over the held-out part, or over other data."""
        assert data is not None or self.parts is not None
        held = self._judged(data, None)
        origins = held.origins[spread(len(held.origins), PROBED)]
        length = min(steps, self.context)
        return Specimen(self.gather(held.panel, origins), length, f"{len(origins)} forecasts of {self.horizon} steps")

    def validation_cost(self) -> float:
        """Return the held-out windows that are measured over the training windows."""
        assert self.parts is not None
        return min(WATCHED, len(self.parts.held.origins)) / len(self.parts.origins)

    def describe(self) -> dict[str, Any]:
        """Return columns, span, counts, scaling and split, and what was done to the rows."""
        o, layout = self.options, self.layout
        told: dict[str, Any] = {"targets": list(layout.targets)}
        for name, columns in (("known", layout.known), ("covariates", layout.past)):
            if columns:
                told[name] = list(columns)
        told["span"] = f"{span_text(self.horizon, layout.step)} ahead, {o.context} back, season {o.season}"
        told["scaling"] = (
            "of each window: its last value, its mean absolute deviation"
            if o.scaling == "window"
            else "of the training part"
        )
        if self.parts is None:
            return told
        windows = {"training_windows": len(self.parts.origins), "validation_windows": len(self.parts.held.origins)}
        return {**told, **self.parts.remarks, **windows, "split": self.split}

    def metadata(self) -> dict[str, Any]:
        """Return how tables are read, the scaling, and how the intervals are stretched."""
        return {
            "layout": self.layout.to_dict(),
            "measure": self.measure.to_dict(),
            "widening": self.widening.tolist(),
            "time_column": self.time_column,
            "trained": self.trained,
            "split": self.split,
        }

    @classmethod
    def from_metadata(cls, options: TrainingOptions, metadata: Mapping[str, Any]) -> Forecaster:
        """Return the task of a model file."""
        assert isinstance(options, ForecasterOptions)
        layout, measure = Layout.from_dict(metadata["layout"]), Measure.from_dict(metadata["measure"])
        task = cls(options, layout, measure)
        widening = np.asarray(metadata["widening"], np.float64)
        sound = widening.shape == (task.horizon,) and np.isfinite(widening).all() and (widening > 0).all()
        if len(layout.targets) != len(measure.seasonal_error) or not sound:
            raise DataError("a forecaster has a scaling for each target, a widening above 0 for each step, got others")
        task.widening, task.split = widening, str(metadata.get("split", ""))
        task.time_column, task.trained = metadata.get("time_column"), metadata.get("trained")
        return task
