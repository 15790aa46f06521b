"""Dropout from a generator of its own, so that a training step depends on its seed and number alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from unspool.draws import whole_batch

LEVELS = 1 << 16  # 16 random bits decide about an element: torch draws its numbers one by one, and 64 bits serve four


def dropout(x: Tensor, p: float, training: bool, generator: torch.Generator | None = None) -> Tensor:
    """Zero each element of x [..., B, H] with probability `p`, scale the rest by 1 / (1 - p).

    None is torch's own generator. `p` is taken to the nearest 1 / 65536, and the scale with it, so that the mean is
    kept exactly.
    """
    if not training or p == 0.0:
        return x
    shape, own = whole_batch(x.shape, generator)
    return x * mask(shape, p, generator, x, own)


def mask(
    shape: Sequence[int],
    p: float,
    generator: torch.Generator | None,
    like: Tensor,
    own: slice | None = None,
) -> Tensor:
    """Return 0 with probability `p`, else 1 / (1 - p), in dtype and device of `like`; of dimension -2 only `own`.

    What has no rows of a batch, as weights have none, is the same for all who share a batch.
    """
    kept = max(1, round((1.0 - p) * LEVELS))
    count = math.prod(shape)
    words = torch.empty(math.ceil(count / 4), dtype=torch.int64, device=like.device)
    words.random_(-(2**63), None, generator=generator)
    noise = words.view(torch.int16)[:count].view(*shape)  # uniform over -32768 ... 32767
    noise = noise if own is None else noise[..., own, :]
    return (noise < kept - LEVELS // 2).to(like.dtype).mul_(LEVELS / kept)
