"""Which steps decided: gradient times input, for every step and channel or character, and its picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.figure import new_figure
from unspool.nets.pooled import PooledNet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWN: Final = 8  # sequences in one picture
CHANNELS: Final = 6  # of a sequence that are drawn as curves
WIDTH: Final = 60  # characters in a line


class Saliency(NamedTuple):
    """What decided one answer: above 0 spoke for it, below 0 against it."""

    sequence: str | NDArray[np.float32]  # the characters that were read, or values [T, C] as they were given
    values: NDArray[np.float32]  # [T] for characters, [T, C] for channels
    told: str  # the answer


def gradient_times_input(
    net: PooledNet, x: Tensor, lengths: Tensor, score: Callable[[Tensor], Tensor]
) -> list[NDArray[np.float32]]:
    r"""Return the first-order share of every input in a score, one array a sequence.

    .. math:: r_{tc} = x_{tc} \, \partial s / \partial x_{tc}

    For symbols x_t is the embedding vector, and r_t the sum over it. `score` maps the answers [B, outputs] to one
    number a sequence, [B]. Shrikumar et al. 2017, Not just a black box (arXiv:1605.01713); for channels the reference
    is the mean of the training data, which standardised input has at 0.
    """
    net.eval()
    with torch.enable_grad():
        vectors = net.embed(x).detach().requires_grad_()  # [T, B, I]
        (gradient,) = torch.autograd.grad(score(net.answer(vectors, lengths)).sum(), vectors)
    shares = gradient * vectors.detach()
    found = (shares if net.embedding is None else shares.sum(-1)).cpu().numpy()
    return [found[:length, row] for row, length in enumerate(lengths.tolist())]


def draw_saliency(found: Sequence[Saliency]) -> Figure:
    """Draw the first sequences: characters, or curves, on red where they spoke for the answer and blue where against.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    shown = list(found[:DRAWN])
    heights = [_height(item) for item in shown]
    figure = new_figure(11.0, 0.4 + sum(heights))
    rows = figure.subplots(len(shown), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, item in zip(rows, shown, strict=True):
        limit = float(np.abs(item.values).max(initial=0.0)) or 1.0
        (_draw_text if isinstance(item.sequence, str) else _draw_channels)(axes, item, limit)
        axes.set_title(item.told.replace("\t", "  "), loc="left", fontsize=9)
    figure.suptitle("gradient × input: red spoke for the answer, blue against it", fontsize=10)
    return figure


def _height(item: Saliency) -> float:
    if isinstance(item.sequence, str):
        return 0.45 + 0.3 * -(-max(1, len(item.sequence)) // WIDTH)
    return 0.6 + 0.7 * min(CHANNELS, int(item.values.shape[1]))


def _draw_text(axes: Any, item: Saliency, limit: float) -> None:
    lines = -(-max(1, len(item.sequence)) // WIDTH)
    grid = np.zeros(lines * WIDTH, np.float32)
    grid[: len(item.values)] = item.values
    axes.imshow(grid.reshape(lines, WIDTH), cmap="bwr", vmin=-limit, vmax=limit, alpha=0.6, aspect="auto")
    for place, character in enumerate(item.sequence):
        row, column = divmod(place, WIDTH)
        axes.text(column, row, character if character.isprintable() else "·", ha="center", va="center", fontsize=8)
    axes.axis("off")


def _draw_channels(axes: Any, item: Saliency, limit: float) -> None:
    values, shares = np.asarray(item.sequence)[:, :CHANNELS], item.values[:, :CHANNELS]
    steps, channels = shares.shape
    extent = (-0.5, steps - 0.5, channels, 0)
    axes.imshow(shares.T, cmap="bwr", vmin=-limit, vmax=limit, alpha=0.6, aspect="auto", extent=extent)
    for channel in range(channels):  # each curve in a row of its own
        curve = values[:, channel]
        low, spread = curve.min(initial=0.0), np.ptp(curve) if steps else 0.0
        axes.plot(channel + 0.9 - 0.8 * (curve - low) / (spread or 1.0), color="black", linewidth=0.8)
    axes.set_yticks([channel + 0.5 for channel in range(channels)], [str(channel + 1) for channel in range(channels)])
    axes.set(xlabel="step", ylabel="channel")
