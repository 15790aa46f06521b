"""The choices that a person need not make for a text: size, dropout, learning rate, lanes and window.

The rules are plain fits to measured trainings; docs/benchmarks.md holds the tables that they are held against.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from unspool.nets.softmax import LARGE
from unspool.tasks import speed
from unspool.training.options import Budget

SIZES = (64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024)
LAYERS = 2


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
    operations = speed.machine_speed() * speed.EFFICIENCY * budget.amount * 60.0
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
