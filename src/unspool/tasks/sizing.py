"""The choices that a person need not make: size, dropout, learning rate, lanes and window, from data and budget."""

from __future__ import annotations

import time
from typing import NamedTuple

import torch

from unspool.train.options import Budget

SIZES = (64, 96, 128, 192, 256, 320, 384, 448, 512, 640, 768, 1024)


class Sizing(NamedTuple):
    """What `language_sizing` proposes."""

    hidden_size: int
    layers: int
    dropout: float
    learning_rate: float
    batch_size: int
    window: int


def language_sizing(symbols: int, budget: Budget) -> Sizing:
    """Propose a two-layer LSTM for a text of `symbols` training symbols; the rules are fitted in docs/benchmarks.md.

    The more often a text is read, the more dropout; the more symbols are read in all, the wider the network.
    """
    batch_size = max(4, min(32, symbols // 1000))
    window = 64
    reads = _reads(symbols, budget, batch_size * window)
    hidden = _nearest(130 * (max(reads * symbols, 1) / 1e5) ** 0.25)
    dropout = round(min(0.5, 0.05 * (reads - 1) ** 0.7 * (hidden / 384) * (1e6 / max(symbols, 1e4)) ** 0.4), 2)
    return Sizing(hidden, 2, max(0.0, dropout), 4e-3, batch_size, window)


def _reads(symbols: int, budget: Budget, per_step: int) -> float:
    if budget.kind == "epochs":
        return budget.amount
    if budget.kind == "steps":
        return budget.amount * per_step / max(1, symbols)
    return budget.amount * 60.0 * 30_000 / max(1, symbols)


def _nearest(size: float) -> int:
    return min(SIZES, key=lambda candidate: abs(candidate - size))


def machine_speed(seconds: float = 0.1) -> float:
    """Return floating-point operations a second of a float32 matrix product on this machine, measured now."""
    a, b = torch.randn(256, 512), torch.randn(512, 2048)
    a @ b
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        a @ b
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


def classifier_sizing(sequences: int, length: float, text: bool) -> ClassifierSizing:
    """Propose a bidirectional LSTM and a budget for `sequences` training sequences of mean `length`."""
    batch_size = max(8, min(64, sequences // 8))
    hidden = 128 if sequences > 2000 else 64
    return ClassifierSizing(hidden, 2 if sequences > 2000 else 1, 0.3, 2e-3, batch_size, "mean", 4, 1200)
