"""The choices that a person need not make for whole sequences: size, pooling, noise, encoder and budget.

The rules are plain fits to measured trainings; docs/benchmarks.md holds the tables that they are held against.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.tasks import speed
from unspool.training.options import Budget

LAYERS = 2  # for a large set
SMALL = 2000  # sequences of a small set
MEMBERS = 4  # networks for a small set, at most
A_MINUTE = 6e12  # operations, on two usual cores
LONG_SERIES = 64  # mean steps of a series of numbers from which on convolutions read it
ENCODED = 64  # channels that they make of it
SIZES = (64, 96, 128, 160, 192, 256)
FRAMES = 8  # that an aligned series is cut into
SENTENCE = 16  # mean characters of a text
LARGE_TEXT = 1_000_000  # characters of all texts
PASSES = 7  # over a large set of sequences
TEN_MINUTES = 10 * A_MINUTE


class WholeSizing(NamedTuple):
    """What `whole_sizing` proposes."""

    hidden_size: int
    layers: int
    dropout: float
    learning_rate: float
    batch_size: int
    pooling: str
    augment: str
    encoder: str
    frame: int
    epochs: int
    updates: int  # at least as many
    budget: Budget | None  # in place of both
    members: int = 1  # networks that answer together
    ngrams: int = 1  # runs of characters that have vectors of their own


def whole_sizing(
    lengths: NDArray[np.int64],
    width: int,
    *,
    text: bool,
    budget: Budget | None,
    apart: bool = False,
    framed: bool = True,
) -> WholeSizing:
    """Propose a bidirectional LSTM and a budget for training sequences of these lengths.

    Every character of a text is a step of the recurrent layers, and so is every number where steps are kept `apart`.
    Without `framed` no network may read several steps at once.
    """
    if len(lengths) <= SMALL:
        return _small_sizing(lengths, width, text, apart, framed)
    return _large_sizing(lengths, width, text, budget)


def _small_sizing(lengths: NDArray[np.int64], width: int, text: bool, apart: bool, framed: bool) -> WholeSizing:
    """Small sets, small nets, large steps, and several networks for series of numbers.

    How a network that learned from a few dozen examples answers others depends much on its first weights, and as few
    are held out to choose it by; the mean of several networks needs no choice and is better than they are in the mean
    (`Committee`). There are as many as learn within about a minute, at most four.

    Series of one channel that are all as long are mostly aligned, as outlines and daily curves are: there it counts
    where a value stands, and a network that reads eight wide frames learns that from few examples. In other recordings
    shapes may stand anywhere, and convolutions find them. What a set of one channel is cannot be seen from its few
    examples, so half of its networks read frames and half convolutions: they err in different places.
    """
    batch_size = max(8, min(64, len(lengths) // 8))
    if text or apart:
        return WholeSizing(64, 1, 0.3, 5e-3, batch_size, "mean", "none", "linear", 1, 4, 1200, None)
    short = lengths.mean() < LONG_SERIES
    updates = 1200 if short else 600
    steps = lengths.mean() * batch_size * max(updates, 4 * len(lengths) // batch_size)  # that one network reads
    inputs, steps = (width, steps) if short else (ENCODED, steps / 4)
    several = min(MEMBERS, max(1, int(A_MINUTE / (6 * steps * 8 * 64 * (inputs + 64)))))
    if framed and width == 1 and lengths.min() == lengths.max() >= 2 * FRAMES:
        frame, several = -(-int(lengths[0]) // FRAMES), min(MEMBERS, 2 * several)  # frames cost little
        return WholeSizing(64, 1, 0.5, 5e-3, batch_size, "last", "light", "both", frame, 4, updates, None, several)
    encoder = "linear" if short else "conv"
    return WholeSizing(64, 1, 0.3, 5e-3, batch_size, "mean", "none", encoder, 1, 4, updates, None, several)


def _large_sizing(lengths: NDArray[np.int64], width: int, text: bool, budget: Budget | None) -> WholeSizing:
    """The widest net that reads the data several times within the minutes that are given.

    There is enough to learn convolutions from, even of pixels one by one, which recurrent layers alone learn slowly.
    """
    encoder = "linear" if text or lengths.mean() < LONG_SERIES else "conv"
    steps = int(lengths.sum()) // (4 if encoder == "conv" else 1)

    def operations(hidden: int) -> int:
        inputs = min(128, hidden) if text else ENCODED if encoder == "conv" else width
        return 6 * steps * 8 * hidden * (inputs + hidden + (LAYERS - 1) * 3 * hidden)  # in one pass, both directions

    hidden = 128
    if budget is not None and budget.kind == "minutes":
        affordable = speed.machine_speed() * speed.EFFICIENCY * budget.amount * 60.0 / PASSES
        hidden = max((size for size in SIZES if operations(size) <= affordable), default=SIZES[0])
    epochs = max(4, -(-3000 * 64 // len(lengths)))
    longest = Budget("minutes", 10) if epochs * operations(hidden) > TEN_MINUTES else None
    pooling, noise, dropout = "mean", "none", 0.3
    if text and lengths.sum() > LARGE_TEXT:  # a few words decide; without noise the texts are learned by heart
        pooling, noise, dropout = "max", "strong", 0.5
    # names are short enough to be read; of sentences, pairs of characters tell sooner what they are about
    ngrams = 2 if text and lengths.mean() >= SENTENCE else 1
    return WholeSizing(hidden, LAYERS, dropout, 2e-3, 64, pooling, noise, encoder, 1, epochs, 3000, longest, 1, ngrams)
