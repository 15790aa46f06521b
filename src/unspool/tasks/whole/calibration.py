"""Whether probabilities mean what they say: temperature scaling, the expected calibration error, and its picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from unspool.figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS: Final = 15  # as Guo et al. have it
WIDEST: Final = 3.0  # |ln T| at most
Floats = NDArray[np.float64]


def softened(logs: Floats, temperature: float) -> Floats:
    """Return log-probabilities [N, K] at a temperature: log softmax(logs / T)."""
    scaled = logs / temperature
    peak = scaled.max(axis=1, keepdims=True)
    return scaled - peak - np.log(np.exp(scaled - peak).sum(axis=1, keepdims=True))  # type: ignore[no-any-return]


def fit_temperature(logs: Floats, labels: NDArray[np.int64]) -> float:
    r"""Return the temperature that makes held-out labels [N] likeliest, given log-probabilities [N, K].

    .. math:: T = \arg\min_T \, -\sum_n \log \mathrm{softmax}(z_n / T)_{y_n} + \tfrac12 (\ln T)^2

    Guo et al. 2017, On calibration of modern neural networks, section 4.2. The last term is ours: where every answer
    is right the sum alone would fall for ever as T goes to 0. In 1/T the sum is convex, so that a golden-section search
    over ln T finds its minimum.
    """

    def cost(log_t: float) -> float:
        chosen = softened(logs, float(np.exp(log_t)))[np.arange(len(labels)), labels]
        return float(-chosen.sum()) + 0.5 * log_t**2

    low, high, golden = -WIDEST, WIDEST, (np.sqrt(5.0) - 1.0) / 2.0
    while high - low > 1e-4:
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if cost(left) < cost(right) else (left, high)
    return float(np.exp((low + high) / 2.0))


def crossed(logs: Floats, labels: NDArray[np.int64]) -> Floats:
    """Return calibrated log-probabilities [N, K], those of each half with the temperature of the other."""
    found = np.empty_like(logs)
    for own in (0, 1):
        found[own::2] = softened(logs[own::2], fit_temperature(logs[1 - own :: 2], labels[1 - own :: 2]))
    return found


def reliability(logs: Floats, labels: NDArray[np.int64]) -> dict[str, list[float]]:
    """Return `confidence`, `accuracy`, `share` and `count` of the answers in each of 15 even bins that is not empty.

    The confidence of an answer is the probability of the likeliest class; bins are open below.
    """
    confidence, right = np.exp(logs.max(axis=1)), logs.argmax(axis=1) == labels
    places = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    counts = np.bincount(places, minlength=BINS)
    filled = counts > 0

    def mean(values: NDArray[Any]) -> list[float]:
        return (np.bincount(places, values, BINS)[filled] / counts[filled]).tolist()  # type: ignore[no-any-return]

    shares = {"share": (counts[filled] / len(logs)).tolist(), "count": counts[filled].tolist()}
    return {"confidence": mean(confidence), "accuracy": mean(right), **shares}


def calibration_error(bins: Mapping[str, Sequence[float]]) -> float:
    r"""Return :math:`\sum_b s_b |a_b - c_b|` over the bins of `reliability` (Guo et al. 2017, equation 3)."""
    share, accuracy, confidence = (np.asarray(bins[name]) for name in ("share", "accuracy", "confidence"))
    return float((share * np.abs(accuracy - confidence)).sum())


def draw_reliability(before: Mapping[str, Sequence[float]], after: Mapping[str, Sequence[float]] | None) -> Figure:
    """Draw accuracy over confidence, before and after calibration; on the diagonal probabilities mean what they say.

    Without `after` there is one line, which was not calibrated. At the points of the last stands how many answers each
    bin holds.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    figure = new_figure(5.5, 5.0)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    lines = [(before, "C7", "not calibrated" if after is None else "as trained")]
    if after is not None:
        lines.append((after, "C0", "calibrated"))
    for bins, colour, name in lines:
        told = f"{name}: calibration error {calibration_error(bins):.4f}"
        axes.plot(bins["confidence"], bins["accuracy"], color=colour, linewidth=1, label=told)
        sizes = 400 * np.asarray(bins["share"])
        axes.scatter(bins["confidence"], bins["accuracy"], s=sizes, color=colour, alpha=0.5)
    last = lines[-1][0]
    for confidence, accuracy, count in zip(last["confidence"], last["accuracy"], last["count"], strict=True):
        axes.annotate(f"{count:,}", (confidence, accuracy), (0, 7), textcoords="offset points", ha="center", fontsize=7)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="accuracy", aspect="equal")
    axes.set_title("reliability (area = share of the answers, number = how many)")
    axes.legend(loc="upper left", fontsize=8)
    return figure
