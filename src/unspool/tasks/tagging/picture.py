"""A picture of labels over time: the sequence, the probability of every class at every step, and the labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unspool.data.classes import UNSCORED
from unspool.data.stepwise import Stepwise
from unspool.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEQUENCES = 8  # that one picture has room for
READABLE = 120  # symbols that can be written side by side
BELOW = 0.3  # classes that a true label stands below its place, where a ring would hide the chosen one
LINES = 8  # channels that can be told apart as lines; more become rows of a heat map
CLASSES = 40  # that have a name each beside a strip
ALIKE = 10.0  # times the narrowest channel's spread that the widest may have on the same axis


def draw_tags(probabilities: Sequence[NDArray[np.float64]], classes: Sequence[str], data: Stepwise) -> Figure:
    """Draw a strip [K, T] for each of the first sequences, a dot on the chosen label and a ring on the true one.

    Where steps lie so close that rings would hide the dots, the true labels are a line of ticks below the dots instead.
    Numbers stand above their strip, as lines, rows of a heat map or pictures; symbols below it where they can be read.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    shown = [strip if len(strip) else np.full((1, len(classes)), np.nan) for strip in probabilities[:SEQUENCES]]
    parts = 2 if data.kind == "numeric" else 1  # of each sequence: its signal and its strip
    heights = [1.3, 0.7 + 0.2 * min(CLASSES, len(classes))][-parts:] * len(shown)
    figure = new_figure(12, sum(heights) + 0.6)
    axes = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for number, strip in enumerate(shown):
        *above, below = axes[parts * number : parts * (number + 1)]
        image = _draw_strip(below, strip, classes, _truth(data, number, classes))
        if above:
            below.sharex(above[0])
            _draw_signal(above[0], data.arrays[number], data.channels)
        elif len(data.symbols[number]) <= READABLE:
            symbols = data.symbols[number]
            turn = 90 if max(map(len, symbols), default=0) > 1 else 0
            below.set_xticks(range(len(symbols)), list(symbols), fontsize=7, rotation=turn)
        title = f"sequence {number + 1}" if data.names is None else data.names[number]
        (above or [below])[0].set_title(title, fontsize=8, loc="left")
    axes[-1].set_xlabel("step")
    found = [zip(*strip.get_legend_handles_labels(), strict=True) for strip in axes[parts - 1 :: parts]]
    marks = {name: handle for strip in found for handle, name in strip}
    figure.legend(
        list(marks.values()), list(marks), loc="outside upper right", ncols=len(marks), fontsize=8, frameon=False
    )
    figure.colorbar(image, ax=list(axes), label="probability", aspect=40)
    return figure


def _draw_strip(
    axes: Any, strip: NDArray[np.float64], classes: Sequence[str], truth: NDArray[np.float64] | None
) -> Any:
    """Draw probabilities [T, K] and labels [T]; return the image that the colour bar is for."""
    from matplotlib.ticker import MaxNLocator

    image = axes.imshow(strip.T, aspect="auto", interpolation="nearest", cmap="Blues", vmin=0, vmax=1)
    size = 3 if len(strip) > READABLE else 5
    chosen = np.where(np.isnan(strip).any(1), np.nan, strip.argmax(1))
    axes.plot(range(len(strip)), chosen, ".", color="C3", markersize=size, label="chosen label")
    if truth is not None and len(truth):
        ring = {"markerfacecolor": "none", "markeredgecolor": "k", "markeredgewidth": 0.6, "markersize": size + 1}
        if len(strip) > READABLE:
            axes.plot(range(len(truth)), truth + BELOW, "|", color="C1", markersize=4, label="true label (below)")
        else:
            axes.plot(range(len(truth)), truth, "o", label="true label", **ring)
    every = -(-len(classes) // CLASSES)
    axes.set_yticks(range(0, len(classes), every), classes[::every], fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return image


def _truth(data: Stepwise, number: int, classes: Sequence[str]) -> NDArray[np.float64] | None:
    """The true labels [T] of a sequence as places in `classes`, NaN where there is none among them."""
    if data.labels is None:
        return None
    place = {name: float(own) for own, name in enumerate(classes)}
    places = np.array([place.get(name, np.nan) for name in data.classes] + [np.nan])  # the last is UNSCORED
    assert UNSCORED == -1
    return places[data.labels[number]]


def _draw_signal(axes: Any, values: NDArray[Any], channels: Sequence[str] | None) -> None:
    """Draw channels [T, C] as lines or as rows of a heat map, pictures [T, H, W] one after the other."""
    axes.tick_params(labelbottom=False, labelsize=7)
    if not len(values):
        return
    sides = (-0.5, len(values) - 0.5)
    if values.ndim == 3:
        film = np.moveaxis(values, 0, 1).reshape(values.shape[1], -1)  # [H, T * W]
        axes.imshow(film, aspect="auto", cmap="gray", extent=(*sides, 0, 1))
        axes.set_yticks([])
    elif values.shape[1] > LINES:
        spread = values.std(0)
        scaled = (values - values.mean(0)) / np.where(spread > 0, spread, 1)
        axes.imshow(scaled.T, aspect="auto", interpolation="nearest", cmap="coolwarm", vmin=-3, vmax=3)
        axes.set_ylabel("channel, scaled", fontsize=7)
    else:
        names = channels or [f"channel {number + 1}" for number in range(values.shape[1])]
        spread = values.std(0)
        if values.shape[1] > 1 and spread.max() > ALIKE * spread.min():
            values = (values - values.mean(0)) / np.where(spread > 0, spread, 1)
            axes.set_ylabel("scaled", fontsize=7)
        for channel, name in zip(values.T, names, strict=True):
            axes.plot(range(len(values)), channel, linewidth=1, label=name)
        if values.shape[1] > 1:
            axes.legend(loc="upper right", fontsize=6, ncols=4)
    axes.set_xlim(*sides)
