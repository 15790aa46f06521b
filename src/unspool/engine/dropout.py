"""Dropout from a generator of its own, so that a training step depends on its seed and number alone."""

from __future__ import annotations

import torch
from torch import Tensor


def dropout(x: Tensor, p: float, training: bool, generator: torch.Generator | None = None) -> Tensor:
    """Zero each element with probability `p`, scale the rest by 1 / (1 - p); None is torch's own generator."""
    if not training or p == 0.0:
        return x
    keep = 1.0 - p
    return x * torch.empty_like(x).bernoulli_(keep, generator=generator).div_(keep)
