"""The choices that a person need not make: size, dropout, learning rate, lanes and window, from data and budget.

The rules are plain fits to measured trainings; docs/benchmarks.md holds the tables that they are held against.
"""

from __future__ import annotations

import math
import time
from typing import NamedTuple

import torch

from unspool.engine.native import BUILT
from unspool.nets.softmax import LARGE
from unspool.training.options import Budget

SIZES = (64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024)
LAYERS = 2
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
    learning_rate = round(3.6e-3 * plenty * max(1.0, 224 / hidden) ** 0.6 * min(1.0, 320 / hidden) ** 0.7, 4)
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


class ClassifierSizing(NamedTuple):
    """What `classifier_sizing` proposes."""

    hidden_size: int
    layers: int
    dropout: float
    learning_rate: float
    batch_size: int
    pooling: str
    epochs: int
    steps: int  # at least as many updates


def classifier_sizing(sequences: int) -> ClassifierSizing:
    """Propose a bidirectional LSTM and a budget for `sequences` training sequences: small sets, small fast nets."""
    batch_size = max(8, min(64, sequences // 8))
    if sequences <= 2000:
        return ClassifierSizing(64, 1, 0.3, 5e-3, batch_size, "mean", 4, 1200)
    return ClassifierSizing(128, 2, 0.3, 2e-3, batch_size, "mean", 4, 3000)
