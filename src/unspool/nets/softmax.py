"""The output layer over a vocabulary: one linear layer, or, for tens of thousands of words, clusters of rare ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from unspool.errors import SpecError
from unspool.heads.categorical import Categorical

LARGE = 8_000  # symbols from which clusters pay


class FullSoftmax(nn.Linear):
    """One score for every symbol: y = W h + b, [..., H] -> [..., V]."""

    def nats(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Return -log p(target), [...], in nats."""
        return -Categorical(self.out_features).log_prob(self(hidden), targets)


class AdaptiveSoftmax(nn.Module):
    r"""Clusters of rare symbols behind one entry each in a short list of frequent ones.

    .. math::
        p(v) = \mathrm{softmax}([W_0 h + b_0; K h + k])_v, \quad v < c_0; \qquad
        p(v) = \mathrm{softmax}([W_0 h + b_0; K h + k])_{c_0 + j}\; \mathrm{softmax}(W_j h + b_j)_{v - c_{j-1}}

    for v in cluster j, the symbols from c_{j-1} up to c_j. Only the clusters that the targets lie in are worked out,
    each for those targets alone: at 33,000 words a seventh of the full layer's products.

    Source: Grave, Joulin, Cissé, Grangier and Jégou 2017, Efficient softmax approximation for GPUs, section 4. There
    rare clusters also get narrower vectors; here all have H, so that W can be the embedding (Press and Wolf 2017).

    Args:
        in_features: H.
        out_features: V; the symbols must be numbered by falling frequency.
        cutoffs: c_0 < c_1 < ... < V; one fewer than there are groups.

    Shapes: weight [V, H], bias [V], hidden [..., H], targets int64 [...].
    """

    def __init__(self, in_features: int, out_features: int, cutoffs: Sequence[int]) -> None:
        super().__init__()
        ends = [*cutoffs, out_features]
        if not cutoffs or any(low >= high for low, high in zip([0, *ends], ends, strict=False)):
            raise SpecError(
                f"cutoffs must rise strictly between 0 and the {out_features} symbols, got {list(cutoffs)}; "
                "leave out those that do not"
            )
        self.in_features, self.out_features, self.cutoffs = in_features, out_features, tuple(cutoffs)
        self.sizes = [high - low for low, high in zip([0, *ends], ends, strict=False)]
        bound = 1 / math.sqrt(in_features)  # as nn.Linear starts
        self.weight = nn.Parameter(torch.empty(out_features, in_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(out_features))
        self.clusters = nn.Linear(in_features, len(cutoffs))

    def nats(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Return -log p(target), [...], in nats."""
        flat, wanted = hidden.reshape(-1, self.in_features), targets.reshape(-1)
        weights, biases = torch.split(self.weight, self.sizes), torch.split(self.bias, self.sizes)
        group = torch.bucketize(wanted, torch.tensor(self.cutoffs, device=wanted.device), right=True)
        entry = torch.where(group == 0, wanted, self.cutoffs[0] - 1 + group)
        found = functional.cross_entropy(self._short(flat, weights[0], biases[0]), entry, reduction="none")
        for number, low in enumerate(self.cutoffs, start=1):
            rows = (group == number).nonzero()[:, 0]
            if len(rows):
                scores = functional.linear(flat[rows], weights[number], biases[number])
                inside = functional.cross_entropy(scores, wanted[rows] - low, reduction="none")
                found = found.index_add(0, rows, inside)
        return found.view(targets.shape)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the log-probability of every symbol, [..., V]: scores as good as any, and normalised."""
        weights, biases = torch.split(self.weight, self.sizes), torch.split(self.bias, self.sizes)
        short = self._short(hidden, weights[0], biases[0]).log_softmax(-1)
        parts = [short[..., : self.cutoffs[0]]]
        for number in range(1, len(weights)):
            inside = functional.linear(hidden, weights[number], biases[number]).log_softmax(-1)
            parts.append(inside + short[..., self.cutoffs[0] - 1 + number, None])
        return torch.cat(parts, dim=-1)

    def _short(self, hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.cat([functional.linear(hidden, weight, bias), self.clusters(hidden)], dim=-1)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, cutoffs={self.cutoffs}"


def output_layer(softmax: str, in_features: int, out_features: int) -> FullSoftmax | AdaptiveSoftmax:
    """Return the layer "full" or "adaptive".

    Half of a text's tokens are a few hundred words, and nine tenths a quarter of its vocabulary (Zipf), so that the
    short list is a sixteenth and the first cluster ends at a third.

    Raises:
        SpecError: the vocabulary is too small for clusters.
    """
    if softmax == "full":
        return FullSoftmax(in_features, out_features)
    if out_features < 64:
        raise SpecError(f"--softmax adaptive needs at least 64 symbols, got {out_features}; full is as fast")
    return AdaptiveSoftmax(in_features, out_features, (out_features // 16, out_features // 3))
