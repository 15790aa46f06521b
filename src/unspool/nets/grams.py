"""Vectors of short runs of symbols, in a table that they share by their hash."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

BUCKETS = 1 << 16
SCALE = 0.3  # of the first vectors, beside symbols' vectors of deviation 1
PRIME, MODULUS = 1_000_003, 2**31 - 1


class HashedGrams(nn.Module):
    r"""The sum of the vectors of the runs of 2 to N symbols that end at each step.

    .. math:: g_t = \sum_{n=2}^{N} G_{\,h(c_{t-n+1}, \dots, c_t) \bmod K}

    with a fixed hash h of the symbols' numbers, of the run's length and of where the text begins. Runs that share a
    bucket share a vector; there are few enough of them that matter. After Bojanowski et al. 2017 (Enriching Word
    Vectors with Subword Information, section 3.2), where the runs are those of a word; here they cross all borders.

    A recurrent layer could learn what a pair of symbols means, and does, from far more examples: a table knows it after
    it has met the pair a few times.

    Args:
        longest: N, at least 2.
        size: E, of a vector.
        buckets: K.

    Shapes: ids [T, B], result [T, B, E].
    """

    def __init__(self, longest: int, size: int, buckets: int = BUCKETS) -> None:
        super().__init__()
        self.longest = longest
        self.table = nn.Embedding(buckets, size)
        nn.init.normal_(self.table.weight, std=SCALE)

    def forward(self, ids: Tensor) -> Tensor:
        """Return g [T, B, E]; a step reads no symbol behind it."""
        return sum((self.table(buckets) for buckets in self.buckets(ids)), ids.new_zeros((), dtype=torch.float32))

    def buckets(self, ids: Tensor) -> list[Tensor]:
        """Return the bucket of the run of 2, 3, ... N symbols at each step, [T, B]; before the text stands 0."""
        steps, symbols = len(ids), ids.long() + 1
        earlier = functional.pad(symbols, (0, 0, self.longest - 1, 0))  # [N - 1 + T, B]
        found, value = [], symbols
        for back in range(1, self.longest):
            start = self.longest - 1 - back
            value = (value * PRIME + earlier[start : start + steps]) % MODULUS
            found.append((value + back) % MODULUS % self.table.num_embeddings)
        return found
