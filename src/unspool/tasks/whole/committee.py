"""Several networks that answer together: little data leaves much to chance, and the mean of networks leaves less."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from unspool.errors import SpecError
from unspool.nets.pooled import PooledNet
from unspool.tasks.whole.options import WholeOptions


class Committee(nn.Module):
    r"""Networks that begin with different weights, each learns for itself, and the mean of their scores is the answer.

    .. math:: \bar z = \frac1M \sum_m z_m, \qquad \mathrm{softmax}(\bar z) \propto \prod_m \mathrm{softmax}(z_m)^{1/M}

    For classes that is the geometric mean of the members' probabilities, which is never further from the truth than the
    members are in the mean: the cross-entropy is convex in the scores. Hansen and Salamon 1990, Neural network
    ensembles; Lakshminarayanan, Pritzel and Blundell 2017, Simple and scalable predictive uncertainty estimation using
    deep ensembles; Fawaz et al. 2019, Deep neural network ensembles for time series classification.

    Shapes: as of one member; the vectors of symbols [T, B, M * E] are those of all members side by side.
    """

    def __init__(self, members: Sequence[PooledNet]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.nets = tuple(members)

    @property
    def embedding(self) -> nn.Embedding | None:
        """The first member's embedding of symbols, None where numbers are read."""
        return self.nets[0].embedding

    def forward(self, x: Tensor, lengths: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return the mean answer for each sequence, [B, outputs]."""
        return self.each(x, lengths, generator=generator).mean(0)

    def each(self, x: Tensor, lengths: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return the answers of every member, [M, B, outputs]."""
        return torch.stack([member(x, lengths, generator=generator) for member in self.nets])

    def embed(self, x: Tensor) -> Tensor:
        """Return the input vectors of symbols of all members, [T, B, M * E]; channels [T, B, C] as they are."""
        return x if self.embedding is None else torch.cat([member.embed(x) for member in self.nets], dim=-1)

    def answer(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Return the mean answer [B, outputs] for input vectors as `embed` gives them."""
        count = len(self.nets)
        own = [vectors] * count if self.embedding is None else vectors.chunk(count, dim=-1)
        answers = [member.answer(part, lengths) for member, part in zip(self.nets, own, strict=True)]
        return torch.stack(answers).mean(0)


def built(options: WholeOptions, width: int, outputs: int, longest: int) -> PooledNet | Committee:
    """Return a new network, or several, with weights drawn from the seed.

    Args:
        options: of which all that shape a network are set.
        width: number of symbols, or of channels.
        outputs: numbers of an answer.
        longest: steps of the longest training sequence.

    Raises:
        SpecError: an option is not set.
    """
    o = options
    if None in (o.cell, o.hidden_size, o.layers, o.dropout, o.pooling):
        raise SpecError("a network is built from options that are all set; prepare the task with data first")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(o.seed)
        members = [_member(number, o, width, outputs, longest) for number in range(o.members or 1)]
    return Committee(members) if len(members) > 1 else members[0]


def _member(number: int, o: WholeOptions, width: int, outputs: int, longest: int) -> PooledNet:
    encoder, pooling = str(o.encoder or "linear"), str(o.pooling)
    if encoder == "both":
        encoder = ("linear", "conv")[number % 2]
        if encoder == "conv" and pooling == "last":  # of a quarter of all steps, where frames leave a few
            pooling = "mean"
    return PooledNet(
        width,
        outputs,
        cell=str(o.cell),
        hidden_size=int(o.hidden_size or 0),
        layers=int(o.layers or 0),
        embedding_size=int(o.embedding_size or 0),
        pooling=pooling,
        dropout=float(o.dropout or 0.0),
        ngrams=o.ngrams or 1,
        embedding_dropout=o.embedding_dropout,
        encoder=encoder,
        frame=1 if encoder == "conv" else o.frame or 1,
        memory=longest if o.init == "chrono" else 0,
        bidirectional=bool(o.bidirectional),
        recurrent_dropout=o.recurrent_dropout,
        weight_dropout=o.weight_dropout,
        layer_norm=o.layer_norm,
        skip=o.skip,
        peephole=o.peephole,
        reset=o.reset,
        nonlinearity=o.nonlinearity,
        precision=o.precision,
    )
