"""How fast this machine multiplies, for tasks that fit a network into minutes."""

from __future__ import annotations

import math
import time

import torch

from unspool.engine.native import BUILT

EFFICIENCY = 0.7 if BUILT else 0.5  # of a matrix product's speed, in training a small LSTM


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
