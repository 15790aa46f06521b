"""A picture of labels over time: the probability of every class at every step, and the label that was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unspool.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEQUENCES = 8  # that one picture has room for
READABLE = 120  # symbols that can be written side by side


def draw_tags(
    probabilities: Sequence[NDArray[np.float64]], classes: Sequence[str], symbols: Sequence[Sequence[str]] | None
) -> Figure:
    """Draw a strip [K, T] for each of the first sequences, a dot on the chosen label; symbols stand below where read.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    shown = probabilities[:SEQUENCES]
    figure = new_figure(12, len(shown) * (1.1 + 0.2 * len(classes)))
    for number, (axes, strip) in enumerate(zip(figure.subplots(len(shown), squeeze=False)[:, 0], shown, strict=True)):
        steps = range(len(strip))
        if not len(strip):
            continue
        image = axes.imshow(strip.T, aspect="auto", interpolation="nearest", cmap="Blues", vmin=0, vmax=1)
        axes.plot(steps, strip.argmax(1), ".", color="C3", markersize=3 if len(strip) > READABLE else 5)
        axes.set_yticks(range(len(classes)), classes, fontsize=8)
        axes.set_ylabel(f"sequence {number + 1}", fontsize=8)
        if symbols is not None and len(strip) <= READABLE:
            axes.set_xticks(
                steps, symbols[number], fontsize=7, rotation=90 if max(map(len, symbols[number])) > 1 else 0
            )
        figure.colorbar(image, ax=axes, label="probability")
    axes.set_xlabel("step, dots on the chosen labels")
    return figure
