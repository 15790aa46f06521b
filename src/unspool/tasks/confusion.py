"""Which class was taken for which: the matrix, the numbers read off it, and its picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.errors import MissingExtra


def confusion_matrix(truth: NDArray[np.int64], guess: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return counts [classes, classes]: row = true class, column = predicted class."""
    return np.bincount(truth * classes + guess, minlength=classes * classes).reshape(classes, classes)


def report(matrix: NDArray[np.int64]) -> dict[str, float]:
    r"""Return accuracy and macro-F1.

    .. math:: F1_k = 2 M_{kk} / (\sum_j M_{kj} + \sum_j M_{jk})

    The mean runs over the classes that occur in truth or prediction, as scikit-learn's does.
    """
    hits, rows, columns = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    seen = rows + columns > 0
    f1 = 2.0 * hits[seen] / (rows + columns)[seen]
    return {"accuracy": float(hits.sum() / max(1, matrix.sum())), "macro_f1": float(f1.mean()) if seen.any() else 0.0}


def draw_confusion(matrix: NDArray[np.int64], classes: Sequence[str], path: Path) -> Path:
    """Draw the matrix, each row as shares of its true class, with the counts written in.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("a picture needs matplotlib; pip install 'unspool[pictures]'") from error
    shares = matrix / matrix.sum(1, keepdims=True).clip(min=1)
    side = 2.5 + 0.42 * len(classes)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks: Any = range(len(classes))
    axes.set_xticks(ticks, classes, rotation=90 if max(map(len, classes)) > 3 else 0)
    axes.set_yticks(ticks, classes)
    axes.set(xlabel="predicted", ylabel="true")
    numbers = report(matrix)
    axes.set_title(f"accuracy {numbers['accuracy']:.3f}, macro-F1 {numbers['macro_f1']:.3f}, {matrix.sum()} sequences")
    if len(classes) <= 30:
        for (row, column), count in np.ndenumerate(matrix):
            if count:
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=7)
    figure.colorbar(image, shrink=0.7, label="share of the true class")
    figure.savefig(path, dpi=120)
    return path
