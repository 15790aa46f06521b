"""The output layer over a vocabulary: one linear layer, or, for tens of thousands of words, clusters of rare ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from unspool.errors import SpecError
from unspool.heads.categorical import Categorical

LARGE = 8_000  # symbols from which clusters pay


class Clusters(NamedTuple):
    """Which symbols are frequent, and which are rare together; a model is stored with it."""

    cutoffs: tuple[int, ...]  # c_0 < c_1 < ... < V: the short list, and where each cluster but the last ends
    order: tuple[int, ...] = ()  # all V symbols by falling frequency; empty where they are numbered so


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

    for v in cluster j, the symbols from c_{j-1} up to c_j, where v counts symbols by falling frequency. Only the
    clusters that the targets lie in are worked out, each for those targets alone: at 33,000 words a seventh of the full
    layer's products.

    Source: Grave, Joulin, Cissé, Grangier and Jégou 2017, Efficient softmax approximation for GPUs, section 4. There
    rare clusters also get narrower vectors; here all have H, so that W can be the embedding (Press and Wolf 2017).

    Args:
        in_features: H.
        out_features: V.
        clusters: the places that the groups end at, one fewer than there are groups, and the symbols in their order.

    Shapes: weight [V, H] and bias [V] by the symbols' own numbers, hidden [..., H], targets int64 [...].
    """

    def __init__(self, in_features: int, out_features: int, clusters: Clusters) -> None:
        super().__init__()
        cutoffs, order = clusters
        ends = [*cutoffs, out_features]
        if not cutoffs or any(low >= high for low, high in zip([0, *ends], ends, strict=False)):
            raise SpecError(
                f"cutoffs must rise strictly between 0 and the {out_features} symbols, got {list(cutoffs)}; "
                "leave out those that do not"
            )
        if order and sorted(order) != list(range(out_features)):
            raise SpecError(
                f"the order of an adaptive softmax must hold each of its {out_features} symbols once, got {len(order)} "
                "numbers; count the symbols anew"
            )
        self.in_features, self.out_features, self.cutoffs = in_features, out_features, tuple(cutoffs)
        # no buffers: a model is stored with its clusters, not with tensors made of them
        self.order = torch.tensor(order) if order else None  # [V], by falling frequency
        self.rank = None if self.order is None else self.order.argsort()
        self.sizes = [high - low for low, high in zip([0, *ends], ends, strict=False)]
        bound = 1 / math.sqrt(in_features)  # as nn.Linear starts
        self.weight = nn.Parameter(torch.empty(out_features, in_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(out_features))
        self.clusters = nn.Linear(in_features, len(cutoffs))

    def nats(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Return -log p(target), [...], in nats."""
        flat, wanted = hidden.reshape(-1, self.in_features), targets.reshape(-1)
        wanted = wanted if self.rank is None else self.rank.to(wanted.device)[wanted]
        weights, biases = self._groups()
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
        weights, biases = self._groups()
        short = self._short(hidden, weights[0], biases[0]).log_softmax(-1)
        parts = [short[..., : self.cutoffs[0]]]
        for number in range(1, len(weights)):
            inside = functional.linear(hidden, weights[number], biases[number]).log_softmax(-1)
            parts.append(inside + short[..., self.cutoffs[0] - 1 + number, None])
        found = torch.cat(parts, dim=-1)
        return found if self.rank is None else found.index_select(-1, self.rank.to(found.device))

    def _groups(self) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Rows of the weight and of the bias, group by group."""
        rows: list[Tensor] = [self.weight, self.bias]
        if self.order is not None:
            rows = [row.index_select(0, self.order.to(row.device)) for row in rows]
        weight, bias = (torch.split(row, self.sizes) for row in rows)
        return weight, bias

    def _short(self, hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.cat([functional.linear(hidden, weight, bias), self.clusters(hidden)], dim=-1)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, cutoffs={self.cutoffs}"


def clusters_of(symbols: int, counts: Sequence[int] | None = None) -> Clusters:
    """Return the clusters of V symbols that come `counts` [V] times; None: they are numbered by falling frequency.

    Half of a text's tokens are a few hundred words, and nine tenths a quarter of its vocabulary (Zipf), so that the
    short list is a sixteenth and the first cluster ends at a third.

    Raises:
        SpecError: the vocabulary is too small for clusters.
    """
    if symbols < 64:
        raise SpecError(f"--softmax adaptive needs at least 64 symbols, got {symbols}; full is as fast")
    order = () if counts is None else tuple(sorted(range(symbols), key=lambda symbol: -counts[symbol]))
    return Clusters((symbols // 16, symbols // 3), order)


def output_layer(
    softmax: str, in_features: int, out_features: int, clusters: Clusters | None = None
) -> FullSoftmax | AdaptiveSoftmax:
    """Return the layer "full" or "adaptive", with `clusters_of` its symbols unless others are given."""
    if softmax == "full":
        return FullSoftmax(in_features, out_features)
    return AdaptiveSoftmax(in_features, out_features, clusters or clusters_of(out_features))
