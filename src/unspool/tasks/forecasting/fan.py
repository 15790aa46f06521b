"""Pictures of forecasts: history, fan and truth; and whether the fan holds as much of the truth as it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from unspool.errors import MissingExtra
from unspool.tasks.forecasting.measures import intervals

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS: Final = 6  # of one picture; more would be too small to read
PAST: Final = 4  # horizons of history that are drawn: more would press the forecast into a corner
LEAST: Final = 24  # steps of history that are drawn even for a short horizon
BLUE: Final = (0.12, 0.47, 0.71)  # of the median; bands are mixed from it and white


@dataclass(frozen=True, eq=False)
class Fan:
    """A forecast of one series from one origin.

    Shapes: past_times and past [T], times [H] (dates or numbers), quantiles [H, K] for K rising levels, truth [H] with
    NaN where it is not known, None if nothing of it is.
    """

    past_times: NDArray[Any]
    past: NDArray[np.float64]
    times: NDArray[Any]
    quantiles: NDArray[np.float64]
    levels: Sequence[float]
    truth: NDArray[np.float64] | None = None
    name: str = ""


def forecast_figure(fans: Sequence[Fan]) -> Figure:
    """Draw up to six forecasts below each other: what was seen, the truth, the median and the central intervals.

    Of more it says how many there are.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    shown = fans[:PANELS]
    figure = _figure(10, 1.2 + 2.4 * len(shown))
    panels = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    for axes, fan in zip(panels, shown, strict=True):
        _draw_fan(axes, fan)
    if len(fans) > len(shown):
        figure.supxlabel(f"the first {len(shown)} of {len(fans)} forecasts", fontsize=9)
    handles = {name: line for axes in panels for line, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper center", ncols=len(handles), fontsize=9, frameon=False
    )
    return figure


def coverage_figure(truth: NDArray[np.float64], quantiles: NDArray[np.float64], levels: Sequence[float]) -> Figure:
    """Draw how many truths lie below each quantile, and in each central interval at each step; NaN is left out.

    Shapes: truth [N, H, ...], quantiles [N, H, ..., K].

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    figure = _figure(10, 4.2)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.3])
    known = np.isfinite(truth)
    below = (truth[..., None] <= quantiles)[known].mean(0)
    left.plot([0, 1], [0, 1], color="0.6", linewidth=1, label="what it should be")
    left.plot(levels, below, "o-", color="C0", label="measured")
    left.set(xlim=(0, 1), ylim=(0, 1), xlabel="level of the quantile", ylabel="share of the truth below it")
    left.set_aspect("equal")
    left.legend(fontsize=8, loc="upper left")
    _draw_coverage_by_step(right, truth, quantiles, levels)
    for axes in (left, right):
        axes.grid(alpha=0.3)
    return figure


def _draw_fan(axes: Any, fan: Fan) -> None:
    shown = slice(-max(LEAST, PAST * len(fan.times)), None)
    past_times, past = fan.past_times[shown], fan.past[shown]
    # all lines start at the last value seen, so that a horizon of one step can be seen too
    times = np.concatenate([past_times[-1:], fan.times])
    quantiles = np.concatenate([np.broadcast_to(past[-1:, None], (1, len(fan.levels))), fan.quantiles])
    bands = intervals(fan.levels)
    for band, share in zip(bands, np.linspace(0.16, 0.5, len(bands)), strict=True):
        colour = tuple(1 - share * (1 - np.array(BLUE)))  # opaque, so that the legend shows what the picture does
        low, high = quantiles[:, band.lower], quantiles[:, band.upper]
        axes.fill_between(times, low, high, color=colour, linewidth=0, label=f"{100 * band.probability:.4g} %")
    middle = int(np.argmin(np.abs(np.asarray(fan.levels) - 0.5)))
    axes.plot(times, quantiles[:, middle], color=BLUE, linewidth=1.6, label="median")
    axes.plot(past_times, past, color="0.35", linewidth=1.1, label="history")
    if fan.truth is not None:
        truth = np.concatenate([past[-1:], fan.truth])
        axes.plot(times, truth, color="C3", linewidth=1.3, label="truth")
        _draw_lone(axes, times, truth, "C3")
    _draw_lone(axes, past_times, past, "0.35")
    axes.axvline(past_times[-1], color="0.7", linewidth=0.8, linestyle=":")
    axes.set_title(fan.name, fontsize=10, loc="left")
    axes.margins(x=0.01)
    axes.grid(alpha=0.3)
    if fan.times.dtype.kind == "M":
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator: Any = AutoDateLocator()  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _draw_lone(axes: Any, times: NDArray[Any], values: NDArray[np.float64], colour: str) -> None:
    """Draw dots for values that have none beside them, of which a line shows nothing."""
    known = np.isfinite(values)
    beside = np.concatenate([[False], known[:-1]]) | np.concatenate([known[1:], [False]])
    if (lone := known & ~beside).any():
        axes.plot(times[lone], values[lone], ".", color=colour, markersize=4)


def _draw_coverage_by_step(
    axes: Any, truth: NDArray[np.float64], quantiles: NDArray[np.float64], levels: Sequence[float]
) -> None:
    horizon = truth.shape[1]
    known = np.isfinite(truth)
    for number, band in enumerate(intervals(levels)):
        held = (quantiles[..., band.lower] <= truth) & (truth <= quantiles[..., band.upper])
        shares = [held[:, step][known[:, step]].mean() if known[:, step].any() else np.nan for step in range(horizon)]
        colour = f"C{number}"
        style = "o-" if horizon <= 24 else "-"
        label = f"{100 * band.probability:.4g} %: {100 * held[known].mean():.1f} % measured"
        axes.plot(range(1, horizon + 1), shares, style, color=colour, markersize=3, label=label)
        axes.axhline(band.probability, color=colour, linewidth=0.8, linestyle="--")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(ylim=(0, 1.02), xlabel="step of the horizon", ylabel="share of the truth inside")
    axes.legend(fontsize=8, loc="lower left", title="central interval", title_fontsize=8)


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("a picture needs matplotlib; pip install 'unspool[pictures]'") from error
    return Figure(figsize=(width, height), layout="constrained")
