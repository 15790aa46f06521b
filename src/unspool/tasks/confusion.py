"""Which class was taken for which: the matrix, the numbers read off it, and its picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unspool.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def confusion_matrix(truth: NDArray[np.int64], guess: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return counts [classes, classes]: row = true class, column = predicted class."""
    return np.bincount(truth * classes + guess, minlength=classes * classes).reshape(classes, classes)


def class_f1(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    r"""Return the F1 of each class, [classes]; nan where neither truth nor prediction has it.

    .. math:: F1_k = 2 M_{kk} / (\sum_j M_{kj} + \sum_j M_{jk})
    """
    met = matrix.sum(1) + matrix.sum(0)
    return np.where(met > 0, 2.0 * matrix.diagonal() / np.maximum(met, 1), np.nan)


def report(matrix: NDArray[np.int64]) -> dict[str, float]:
    """Return accuracy and macro-F1, the mean over the classes in truth or prediction, as scikit-learn's is."""
    f1 = class_f1(matrix)
    seen = f1[~np.isnan(f1)]
    accuracy = matrix.diagonal().sum() / max(1, matrix.sum())
    return {"accuracy": float(accuracy), "macro_f1": float(seen.mean()) if seen.size else 0.0}


def draw_confusion(matrix: NDArray[np.int64], classes: Sequence[str], noun: str = "sequences") -> Figure:
    """Draw the matrix, each row as shares of its true class, with the counts written in.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    shares = matrix / matrix.sum(1, keepdims=True).clip(min=1)
    side = 2.5 + 0.42 * len(classes)
    figure = new_figure(side + 0.8, side)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks: Any = range(len(classes))
    axes.set_xticks(ticks, classes, rotation=90 if max(map(len, classes)) > 3 else 0)
    axes.set_yticks(ticks, classes)
    axes.set(xlabel="predicted", ylabel="true")
    numbers = report(matrix)
    axes.set_title(f"accuracy {numbers['accuracy']:.3f}, macro-F1 {numbers['macro_f1']:.3f}, {matrix.sum()} {noun}")
    if len(classes) <= 30:
        for (row, column), count in np.ndenumerate(matrix):
            if count:
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=7)
    figure.colorbar(image, shrink=0.7, label="share of the true class")
    return figure
