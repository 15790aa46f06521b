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
LONG_SERIES = 64  # mean steps of a series of numbers from which on convolutions read it
ENCODED = 64  # channels that they make of it
SIZES = (64, 96, 128, 160, 192, 256)
FRAMES = 8  # that an aligned series is cut into
LARGE_TEXT = 1_000_000  # characters of all texts
PASSES = 7  # over a large set of sequences
TEN_MINUTES = 6e13  # operations, on two usual cores


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


def whole_sizing(
    lengths: NDArray[np.int64], width: int, *, text: bool, budget: Budget | None, apart: bool = False
) -> WholeSizing:
    """Propose a bidirectional LSTM and a budget for training sequences of these lengths.

    Every character of a text is a step of the recurrent layers, and so is every number where steps are kept `apart`.
    """
    if len(lengths) <= SMALL:
        return _small_sizing(lengths, width, text or apart)
    return _large_sizing(lengths, width, text, apart, budget)


def _small_sizing(lengths: NDArray[np.int64], width: int, apart: bool) -> WholeSizing:
    """Small sets, small nets, large steps; long series are read in parts.

    Series of one channel that are all as long are taken to be aligned, as outlines and daily curves are: there it
    counts where a value stands, and a network that reads eight wide frames learns that from few examples. In other
    recordings shapes may stand anywhere, and convolutions find them.
    """
    batch_size = max(8, min(64, len(lengths) // 8))
    if apart or lengths.mean() < LONG_SERIES:
        return WholeSizing(64, 1, 0.3, 5e-3, batch_size, "mean", "none", "linear", 1, 4, 1200, None)
    if width == 1 and lengths.min() == lengths.max():
        frame = -(-int(lengths[0]) // FRAMES)
        return WholeSizing(64, 1, 0.5, 5e-3, batch_size, "last", "light", "linear", frame, 4, 600, None)
    return WholeSizing(64, 1, 0.3, 5e-3, batch_size, "mean", "none", "conv", 1, 4, 600, None)


def _large_sizing(
    lengths: NDArray[np.int64], width: int, text: bool, apart: bool, budget: Budget | None
) -> WholeSizing:
    """The widest net that reads the data several times within the minutes that are given."""
    encoder = "linear" if text or apart or lengths.mean() < LONG_SERIES else "conv"
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
    return WholeSizing(hidden, LAYERS, dropout, 2e-3, 64, pooling, noise, encoder, 1, epochs, 3000, longest)
