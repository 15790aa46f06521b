"""Dropout from a generator of its own, so that a training step depends on its seed and number alone."""

from __future__ import annotations

import math

import torch
from torch import Tensor

LEVELS = 1 << 16  # 16 random bits decide about an element: torch draws its numbers one by one, and 64 bits serve four


def dropout(x: Tensor, p: float, training: bool, generator: torch.Generator | None = None) -> Tensor:
    """Zero each element with probability `p`, scale the rest by 1 / (1 - p); None is torch's own generator.

    `p` is taken to the nearest 1 / 65536, and the scale with it, so that the mean is kept exactly.
    """
    if not training or p == 0.0:
        return x
    kept = max(1, round((1.0 - p) * LEVELS))
    words = torch.empty(math.ceil(x.numel() / 4), dtype=torch.int64, device=x.device)
    words.random_(-(2**63), None, generator=generator)
    noise = words.view(torch.int16)[: x.numel()].view(x.shape)  # uniform over -32768 ... 32767
    return x * (noise < kept - LEVELS // 2).to(x.dtype).mul_(LEVELS / kept)
