"""Forecasts beside what came: the numbers, those of simple forecasts, and the story of rolling origins."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unspool.tasks.forecasting.baselines import naive, seasonal_naive, seasonal_naive_drift
from unspool.tasks.forecasting.data import Measure
from unspool.tasks.forecasting.fan import Fan, coverage_figure, forecast_figure
from unspool.tasks.forecasting.measures import Scores, measure
from unspool.tasks.forecasting.outlook import Outlook
from unspool.tasks.forecasting.windows import Panel, contexts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Numbers = NDArray[np.float64]
FANS = 3  # of one picture


@dataclass(frozen=True, eq=False)
class Result:
    """B forecasts that begin at the rows `origins` of a panel, and the truth [B, H, C], NaN where nothing was observed.

    `raw` are the forecasts as the network gives them, `stretched` those with intervals that are told. `judged` have
    intervals that saw nothing of this truth: the told ones of other data, or stretched by the other half of these
    forecasts (`crossed`); None where there is too little for two halves.
    """

    panel: Panel
    origins: NDArray[np.int64]
    truth: Numbers
    raw: Outlook
    stretched: Outlook
    judged: Outlook | None
    loss: float
    interval: float
    names: tuple[str, ...]
    size: Measure

    def metrics(self) -> dict[str, Any]:
        """Return the measures, overall and for each step of the horizon.

        `mse` and `mae` are in the units of the data, `mse_scaled` and `mae_scaled` in deviations of the training part,
        one for all series. There is no `coverage` where none can be measured on what the intervals have not seen.
        """
        percent = f"{100 * self.interval:.4g}"
        raw, scores = self._scores(self.raw), self._scores(self.judged or self.raw)
        overall = {name: value for name, value in scores.overall.items() if _told(name) or name == f"width_{percent}"}
        scaled = self._scaled(self.raw.mean)
        steps = {name: _plain(scores.by_step[name]) for name in ("mse", "mae", "crps")}
        told: dict[str, Any] = {}
        if self.judged is not None:
            told = {"coverage": scores.overall[f"coverage_{percent}"]}
            steps["coverage"] = _plain(scores.by_step[f"coverage_{percent}"])
        return {
            "validation_loss": self.loss,
            **overall,
            "mse_scaled": scaled.overall["mse"],
            "mae_scaled": scaled.overall["mae"],
            **told,
            "coverage_raw": raw.overall[f"coverage_{percent}"],
            "interval": self.interval,
            "windows": len(self.origins),
            "by_horizon": {**steps, "mse_scaled": _plain(scaled.by_step["mse"])},
        }

    def baselines(self, ridge: Numbers, season: int) -> dict[str, float]:
        """Return the scaled squared error of simple forecasts of the same; `ridge` [C, H, L] is the network's own."""
        horizon = self.truth.shape[1]
        history = contexts(self.panel, self.origins, max(ridge.shape[2], 2 * season), self.size.scaling.mean)
        rows = history.swapaxes(1, 2)  # [B, C, L]
        last = rows[..., -1:]
        linear = last + np.einsum("chl,bcl->bch", ridge, rows[..., -ridge.shape[2] :] - last)
        drift = self.panel.drift(self.origins, season)
        found = {
            "naive": naive(rows, horizon),
            "seasonal naive": seasonal_naive(rows, horizon, season),
            "seasonal naive with drift": seasonal_naive_drift(rows, horizon, season, drift),
            "ridge": linear,
        }
        return {name: self._scaled(forecast.swapaxes(1, 2)).overall["mse"] for name, forecast in found.items()}

    def rolling(self, most: int) -> list[dict[str, Any]]:
        """Return time, errors and coverage of each of so many forecasts, spread evenly over all."""
        rows = []
        for place in spread(len(self.origins), most):
            one = slice(place, place + 1)
            part = replace(
                self,
                origins=self.origins[one],
                truth=self.truth[one],
                raw=_of(self.raw, one),
                judged=None if self.judged is None else _of(self.judged, one),
            )
            scores = part._scores(part.judged or part.raw).overall
            found = {
                "mse": scores["mse"],
                "mae": scores["mae"],
                "mse_scaled": part._scaled(part.raw.mean).overall["mse"],
            }
            if part.judged is not None:
                found["coverage"] = scores[f"coverage_{100 * self.interval:.4g}"]
            rows.append({**self._place(place), **found})
        return rows

    def fan(self, place: int, column: int = 0) -> Fan:
        """Return one forecast of a column with what was seen before it."""
        origin, horizon = int(self.origins[place]), self.truth.shape[1]
        rows, ahead = slice(int(self.panel.start[origin - 1]), origin), slice(origin, origin + horizon)
        past = np.where(self.panel.observed[rows, column], self.panel.values[rows, column], np.nan)
        name = " ".join(filter(None, (self.panel.key_of(origin), self.names[column])))
        quantiles, truth = self.stretched.quantiles[place, :, column], self.truth[place, :, column]
        times, levels = self.panel.times, self.stretched.levels.tolist()
        return Fan(times[rows], past, times[ahead], quantiles, levels, truth, name)

    def figures(self) -> dict[str, Callable[[], Figure]]:
        """Return the pictures: some forecasts spread over all, and how much of the truth their intervals hold."""
        places = spread(len(self.origins), FANS)
        judged = self.judged or self.raw
        return {
            "forecast": lambda: forecast_figure([self.fan(int(place)) for place in places]),
            "coverage": lambda: coverage_figure(self.truth, judged.quantiles, judged.levels.tolist()),
        }

    def _place(self, place: int) -> dict[str, Any]:
        origin = int(self.origins[place])
        key = self.panel.key_of(origin)
        time = self.panel.texts(self.origins[place : place + 1])[0]
        return {**({"key": key} if key else {}), "origin": time}

    def _scores(self, forecast: Outlook) -> Scores:
        usual = self.size.seasonal_error
        keys = [self.panel.key_of(int(row)) for row in self.origins]
        errors = np.stack([self.size.by_series.get(key, usual) for key in keys])[:, None]  # [B, 1, C]
        return measure(self.truth, forecast.mean, forecast.quantiles, forecast.levels.tolist(), errors)

    def _scaled(self, mean: Numbers) -> Scores:
        deviation = self.size.scaling.deviation
        return measure(self.truth / deviation, mean / deviation)


def spread(count: int, most: int) -> NDArray[np.int64]:
    """Return at most so many places of `count`, evenly over all of them, the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)[::-1])


def _told(name: str) -> bool:
    return not name.startswith(("coverage_", "width_"))


def _of(forecast: Outlook, rows: slice) -> Outlook:
    return Outlook(forecast.levels, forecast.mean[rows], forecast.quantiles[rows])


def _plain(values: Any) -> list[float | None]:
    """Numbers as JSON has them, to six digits; None for what is missing."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in np.asarray(values).tolist()]
