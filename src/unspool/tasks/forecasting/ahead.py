"""Forecasts beyond the end of series, and how much each row of series surprised the forecast before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from unspool.data.timeseries import TimeSeries
from unspool.tasks.forecasting.fan import Fan
from unspool.tasks.forecasting.outlook import Outlook, answer_of, levels_of, outlook
from unspool.tasks.forecasting.stepper import Walk
from unspool.tasks.forecasting.windows import Panel

if TYPE_CHECKING:
    from unspool.tasks.forecasting.forecaster import Forecaster

READ = 256  # windows that are read at once


@dataclass(frozen=True, eq=False)
class Ahead:
    """The forecast of H steps that follow a series."""

    panel: Panel  # of this series alone, H rows longer than it
    forecast: Outlook  # of one window

    @property
    def origin(self) -> int:
        """The first row of the forecast."""
        return len(self.panel.times) - len(self.forecast.mean[0])

    def answer(self, names: Sequence[str], interval: float) -> dict[str, Any]:
        """Return it as JSON has it."""
        key, times = self.panel.keys[0], self.panel.texts(np.arange(self.origin, len(self.panel.times)))
        return {**({"key": key} if key else {}), "time": times, **answer_of(self.forecast, 0, names, interval)}

    def fans(self, names: Sequence[str]) -> list[Fan]:
        """Return it as it is drawn, a fan for each column."""
        past = np.where(self.panel.observed, self.panel.values, np.nan)[: self.origin]
        before, times = self.panel.times[: self.origin], self.panel.times[self.origin :]
        levels, quantiles = self.forecast.levels.tolist(), self.forecast.quantiles[0]
        labels = [" ".join(filter(None, (self.panel.keys[0], name))) for name in names]
        return [
            Fan(before, past[:, place], times, quantiles[:, place], levels, None, label)
            for place, label in enumerate(labels)
        ]


@torch.no_grad()
def look_ahead(task: Forecaster, series: Sequence[TimeSeries]) -> list[Ahead]:
    """Forecast what follows the last value of each series.

    Where scaling is that of the training data, the encoder reads all of a series, as it does in a stream.
    """
    task.model.eval()
    levels, found = levels_of(task.options.interval), []
    for one in series:
        panel = task.layout.panel([one], ahead=task.horizon)
        origin = len(panel.times) - task.horizon
        context = origin if task.options.scaling == "series" else task.context
        batch = task.gather(panel, np.array([origin]), context).to(task.device)
        forecast = outlook(task.head, task.forward(batch), batch.location, batch.scale, levels)
        found.append(Ahead(panel, forecast.widened(task.widening, task.head.discrete)))
    return found


def table(answer: Mapping[str, Any]) -> str:
    """Return an answer as a line for each step: time, mean and interval of each column, the key before them."""
    columns = []
    for name in ("mean", "lower", "upper"):
        values = answer[name]
        named = values.items() if isinstance(values, Mapping) else [("", values)]
        columns += [(" ".join(filter(None, (column, name))), numbers) for column, numbers in named]
    lines = ["\t".join(["time", *(name for name, _ in columns)])]
    for step, time in enumerate(answer["time"]):
        lines.append("\t".join([time, *(f"{numbers[step]:.6g}" for _, numbers in columns)]))
    return "\n".join([*([str(answer["key"])] if "key" in answer else []), *lines])


@torch.no_grad()
def surprises_of(task: Forecaster, series: Sequence[TimeSeries]) -> list[dict[str, Any]]:
    """Score each row that has a value, under the forecast one step ahead.

    With the scaling of the training data every row after the first of a series is listed; where each window is scaled
    by itself, those with a whole context before them. The score is None where no value has a whole context before it.
    """
    task.model.eval()
    panel = task.layout.panel(series)
    walked = task.options.scaling == "series"
    origins = panel.origins(1 if walked else task.context, 1)
    nats = (_walked if walked else _by_windows)(task, panel, origins)  # [N, C], NaN where nothing was observed
    rows, names = [], task.layout.targets
    for origin, time, row in zip(origins.tolist(), panel.texts(origins), nats, strict=True):
        scored, key = ~np.isnan(row), panel.key_of(origin)
        place = int(np.nanargmax(row) if scored.any() else panel.observed[origin].argmax())
        score = float(row[place]) if scored.any() else None
        found = {"time": time, **({"key": key} if key else {})}
        column = {"column": names[place]} if len(names) > 1 else {}
        rows.append({**found, **column, "value": float(panel.values[origin, place]), "score": score})
    return rows


def _by_windows(task: Forecaster, panel: Panel, origins: NDArray[np.int64]) -> NDArray[np.float64]:
    context, found = task.context, [np.zeros((0, len(task.layout.targets)))]
    for first in range(0, len(origins), READ):
        batch = task.gather(panel, origins[first : first + READ], horizon=1).to(task.device)
        raw, location, scale = task.forward(batch)
        nats = task.head.surprise(raw, batch.target, location, scale)[0]
        found.append(torch.where(batch.observed[0], nats, torch.nan).double().cpu().numpy())
    whole = (origins - context >= panel.start[origins])[:, None] & (panel.seen[np.maximum(origins - context, 0)] >= 0)
    return np.where(whole, np.concatenate(found), np.nan)


def _walked(task: Forecaster, panel: Panel, origins: NDArray[np.int64]) -> NDArray[np.float64]:
    walk, nats = Walk(task), np.full(panel.values.shape, np.nan)
    for rows in panel.series:
        state = walk.initial(1)
        whole = task.gather(panel, np.array([rows.stop]), rows.stop - rows.start, 0).to(task.device)
        for place, x in enumerate(whole.past):  # [1, I]
            row = rows.start + place
            ahead = torch.from_numpy(panel.known[min(row + 1, rows.stop - 1)][None]).to(task.device)
            _, nats[row], state = walk.advance(x, ahead, state)
    return nats[origins]
