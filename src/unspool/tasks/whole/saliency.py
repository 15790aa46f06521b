"""Which steps decided: gradient times input, for every step and channel or character, and its picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.data.labelled import Labelled
from unspool.data.vocabulary import Vocabulary
from unspool.figure import new_figure
from unspool.nets.pooled import PooledNet
from unspool.tasks.whole.reading import READ, with_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from unspool.tasks.whole.committee import Committee
    from unspool.tasks.whole.whole import Whole

DRAWN: Final = 8  # sequences in one picture
CURVES: Final = 12  # channels of a sequence that are drawn as curves; more of them are a map without
WIDTH: Final = 60  # characters in a line, at most
LONGEST: Final = 2000  # characters of a text that are drawn


class Saliency(NamedTuple):
    """What decided one answer: above 0 spoke for it, below 0 against it."""

    sequence: str | NDArray[np.float32]  # the characters that were read, or values [T, C] as they were given
    values: NDArray[np.float32]  # [T] for characters, [T, C] for channels
    told: str  # the answer in a line
    answer: Mapping[str, Any]
    channels: tuple[str, ...] | None = None  # [C], the columns that the values came from
    unknown: float = 0.0  # share of a text's characters that the training lacked

    def plain(self) -> dict[str, Any]:
        """Return the answer with its shares, and of a text the characters that were read, ready for JSON."""
        read = {"read": self.sequence} if isinstance(self.sequence, str) else {}
        unknown = {"unknown": self.unknown} if self.unknown else {}
        return {**self.answer, **read, **unknown, "saliency": self.values.tolist()}


def saliencies(task: Whole, given: Labelled, most: int | None = None) -> list[Saliency]:
    """Return which steps decided each answer of a task, of all sequences or the first of them."""
    places, found = np.arange(len(given))[:most], []
    for first in range(0, len(places), READ):
        index = places[first : first + READ]
        batch = task.gather(given, index)
        shares = gradient_times_input(task.model, batch.values, batch.lengths, task.decided)
        with torch.no_grad():
            answers = task.worded(task.model(batch.values, batch.lengths).double())
        answers = with_names(answers, None if given.names is None else [given.names[place] for place in index])
        found += [
            Saliency(_seen(task, one), share, task.told(answer), answer, task.channels, _unknown(task, one))
            for one, share, answer in zip([given.sequences[i] for i in index], shares, answers, strict=True)
        ]
    return found


def _seen(task: Whole, sequence: Any) -> str | NDArray[np.float32]:
    """Return a sequence as the network took it: without unknown characters where they are skipped."""
    encoding = task.encoding
    return encoding.decode(task.encode(sequence)) if isinstance(encoding, Vocabulary) else sequence


def _unknown(task: Whole, sequence: Any) -> float:
    if not isinstance(task.encoding, Vocabulary) or not sequence:
        return 0.0
    return 1.0 - len(task.encoding.encode(sequence, "skip")) / len(sequence)


def gradient_times_input(
    net: PooledNet | Committee, x: Tensor, lengths: Tensor, score: Callable[[Tensor], Tensor]
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

    The colours have a scale for each sequence. More than twelve channels are drawn as colours alone, [C, T].

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    shown = list(found[:DRAWN])
    line = max([10, *(min(WIDTH, len(item.sequence)) for item in shown)])  # characters
    heights = [_height(item, line) for item in shown]
    text = all(isinstance(item.sequence, str) for item in shown)
    figure = new_figure(max(5.0, 11.0 * line / WIDTH) if text else 11.0, 0.4 + sum(heights))
    rows = figure.subplots(len(shown), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, item in zip(rows, shown, strict=True):
        limit = float(np.abs(item.values).max(initial=0.0)) or 1.0
        told = item.told.replace("\t", "  ")
        if isinstance(item.sequence, str):
            image = _draw_text(axes, item.sequence[:LONGEST], item.values[:LONGEST], line, limit)
            if len(item.sequence) > LONGEST:
                told += f"  (the first {LONGEST:,} of {len(item.sequence):,} characters)"
            if item.unknown >= 0.01:
                told += f"  ({item.unknown:.0%} of the characters are unknown)"
        else:
            image = _draw_channels(axes, item, limit)
        figure.colorbar(image, ax=axes, pad=0.01, aspect=10)
        axes.set_title(told, loc="left", fontsize=9)
    figure.suptitle("gradient × input: red spoke for the answer, blue against it", fontsize=10)
    return figure


def _height(item: Saliency, line: int) -> float:
    if isinstance(item.sequence, str):
        return 0.45 + 0.3 * max(2, -(-min(LONGEST, len(item.sequence)) // line))
    channels = int(item.values.shape[1])
    return 0.6 + (0.7 * channels if channels <= 3 else min(6.0, 2.1 + 0.25 * (channels - 3)))


def _draw_text(axes: Any, text: str, shares: NDArray[np.float32], line: int, limit: float) -> Any:
    lines = -(-max(1, len(text)) // line)
    grid = np.zeros(lines * line, np.float32)
    grid[: len(shares)] = shares
    image = axes.imshow(grid.reshape(lines, line), cmap="bwr", vmin=-limit, vmax=limit, alpha=0.6, aspect="auto")
    for place, character in enumerate(text):
        row, column = divmod(place, line)
        axes.text(column, row, character if character.isprintable() else "·", ha="center", va="center", fontsize=8)
    axes.axis("off")
    return image


def _draw_channels(axes: Any, item: Saliency, limit: float) -> Any:
    from matplotlib.ticker import MaxNLocator

    values, shares = np.asarray(item.sequence), item.values
    steps, channels = shares.shape
    extent = (-0.5, max(steps, 1) - 0.5, channels, 0)
    colours = shares.T if steps else np.zeros((channels, 1))
    image = axes.imshow(colours, cmap="bwr", vmin=-limit, vmax=limit, alpha=0.6, aspect="auto", extent=extent)
    for channel in range(channels if channels <= CURVES else 0):  # each curve in a row of its own
        curve = values[:, channel]
        low, spread = curve.min(initial=np.inf), np.ptp(curve) if steps else 0.0
        axes.plot(channel + 0.9 - 0.8 * (curve - low) / (spread or 1.0), color="black", linewidth=0.8)
    names = item.channels or [str(channel + 1) for channel in range(channels)]
    every = -(-channels // 40)  # ticks for as many as can be read
    axes.set_yticks([channel + 0.5 for channel in range(0, channels, every)], names[::every])
    axes.set(xlabel="step", ylabel="channel")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return image
