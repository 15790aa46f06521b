"""The choices that a person need not make: size, dropout, learning rate, lanes and window, from data and budget.

The rules are plain fits to measured trainings; docs/benchmarks.md holds the tables that they are held against.
"""

from __future__ import annotations

import math
import time
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from unspool.engine.native import BUILT
from unspool.nets.softmax import LARGE
from unspool.training.options import Budget

SIZES = (64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024)
LAYERS = 2
SMALL = 2000  # sequences of a small set
LONG_SERIES = 64  # mean steps of a series of numbers from which on convolutions read it
ENCODED = 64  # channels that they make of it
WHOLE_SIZES = (64, 96, 128, 160, 192, 256)
FRAMES = 8  # that an aligned series is cut into
LARGE_TEXT = 1_000_000  # characters of all texts
PASSES = 7  # over a large set of sequences
TEN_MINUTES = 6e13  # operations, on two usual cores
EFFICIENCY = 0.7 if BUILT else 0.5  # of a matrix product's speed, in training a small LSTM


class Sizing(NamedTuple):
    """What `language_sizing` proposes."""

    hidden_size: int
    layers: int
    dropout: float
    learning_rate: float
    batch_size: int
    window: int
    tied: bool
    softmax: str


def language_sizing(symbols: int, vocabulary: int, budget: Budget) -> Sizing:
    """Propose a two-layer LSTM for a text of `symbols` training symbols.

    The more symbols are read in all, the wider the network and the larger the batch; the more often a text is read,
    and the smaller it is, the more dropout; the wider the network and the smaller the text, the smaller the steps.
    """
    read = _symbols_read(symbols, vocabulary, budget)
    hidden = _hidden(read, vocabulary)
    reads = max(1.0, read / max(1, symbols))
    # small batches give more updates for the same work; very long trainings can afford smoother ones
    per_update = max(160, min(512, read // 4000), min(1024, read // 6000), min(4096, read // 20_000))
    window = 64 if per_update >= 512 else 32
    lanes = max(2, min(per_update // window, symbols // (2 * window)))
    small = (1e6 / max(symbols, 10_000)) ** 0.14
    doublings = 1.3 * math.log2(1 + reads) if vocabulary >= LARGE else math.log2(reads)
    dropout = round(min(0.5, doublings / 12 * small), 2)
    plenty = min(1.5, max(1.0, symbols / 4.5e5) ** 0.5)  # a small text is learned by heart sooner by large steps
    # rows of rare words, which are met seldom, learn by large steps; more reading does without
    patient = min(1.0, (4e5 / max(read, 1)) ** 0.25) if vocabulary >= LARGE else 1.0
    learning_rate = round(3.6e-3 * plenty * patient * max(1.0, 224 / hidden) ** 0.6 * min(1.0, 320 / hidden) ** 0.7, 4)
    softmax = "adaptive" if vocabulary >= LARGE else "full"
    return Sizing(hidden, LAYERS, dropout, learning_rate, lanes, window, vocabulary >= LARGE, softmax)


def _symbols_read(symbols: int, vocabulary: int, budget: Budget) -> int:
    """Return how many symbols the budget reads: given, or what this machine can read with the width it allows."""
    if budget.kind == "epochs":
        return int(budget.amount * symbols)
    if budget.kind == "steps":
        return int(budget.amount * 2048)
    operations = machine_speed() * EFFICIENCY * budget.amount * 60.0
    affordable = [(hidden, int(operations / _operations(hidden, vocabulary))) for hidden in SIZES]
    # the widest network that still reads as much as the rule wants for its width
    return next(
        (read for hidden, read in reversed(affordable) if hidden <= _hidden(read, vocabulary)), affordable[0][1]
    )


def _hidden(read: int, vocabulary: int) -> int:
    target = 384 * (max(read, 1) / 8e6) ** 0.3
    if vocabulary >= LARGE:  # most of what is learned lies in the words' vectors
        target *= 0.6
    return min(SIZES, key=lambda size: abs(math.log(size / target)))


def _operations(hidden: int, vocabulary: int) -> int:
    """Return the floating-point operations of one training symbol: six for each weight of a matrix."""
    if vocabulary < LARGE:
        embedding, scored = min(128, hidden), vocabulary
    else:  # clusters score a seventh, and to update all rows of so wide a table costs a tenth more
        embedding, scored = 2 * hidden, vocabulary // 4
    weights = 4 * hidden * (embedding + hidden) + (LAYERS - 1) * 8 * hidden * hidden + hidden * scored
    return 6 * weights


def machine_speed(seconds: float = 0.2) -> float:
    """Return floating-point operations a second of a float32 matrix product on this machine, measured now."""
    a, b = torch.randn(256, 512), torch.randn(512, 2048)
    torch.mm(a, b)
    best, end = math.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - start)
    return 2.0 * 256 * 512 * 2048 / best


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
        affordable = machine_speed() * EFFICIENCY * budget.amount * 60.0 / PASSES
        hidden = max((size for size in WHOLE_SIZES if operations(size) <= affordable), default=WHOLE_SIZES[0])
    epochs = max(4, -(-3000 * 64 // len(lengths)))
    longest = Budget("minutes", 10) if epochs * operations(hidden) > TEN_MINUTES else None
    pooling, noise, dropout = "mean", "none", 0.3
    if text and lengths.sum() > LARGE_TEXT:  # a few words decide; without noise the texts are learned by heart
        pooling, noise, dropout = "max", "strong", 0.5
    return WholeSizing(hidden, LAYERS, dropout, 2e-3, 64, pooling, noise, encoder, 1, epochs, 3000, longest)
