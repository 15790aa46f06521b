"""Symbols in, scores for the next symbol out: the network of every language model here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from unspool.engine.dropout import dropout, mask
from unspool.engine.layers import Stack, build_stack
from unspool.engine.plan import GenerationPlan, generation_plan
from unspool.engine.unroll import Unrolled
from unspool.errors import SpecError
from unspool.nets.initialise import initialise
from unspool.nets.noise import noisy, weight_noise
from unspool.nets.softmax import Clusters, output_layer


class Scores(NamedTuple):
    """What a sequence network returns."""

    raw: Tensor  # [T, B, V]
    state: Any
    record: dict[str, Tensor]


class SequenceNet(nn.Module):
    r"""Embedding (or one-hot input), a stack of recurrent layers, a linear output layer.

    .. math:: e_t = E\,x_t, \quad h_t, s_t = \mathrm{stack}(e_t, s_{t-1}), \quad y_t = W_{hy} h_t + b_y

    Args:
        vocabulary_size: V, the number of symbols.
        embedding_size: E; 0 feeds one-hot vectors, as Graves (2013) and Karpathy (2015) do.
        tied: the output layer's weights are the embedding's (Press and Wolf 2017), behind a linear projection to E
            where the stack's output is not as wide. As output weights they start small, so as inputs they are
            multiplied by the root of E (Vaswani et al. 2017, section 3.4).
        softmax, clusters: "full", or "adaptive" for large vocabularies; see `unspool.nets.softmax`.
        init_range: see `initialise`.
        dropout: between layers and before the output layer; the input, one symbol at a time, is left whole.
        embedding_dropout: share of the symbols whose input vectors are 0 for a whole window, in training; the others
            are scaled by 1 / (1 - p) (Gal and Ghahramani 2016; Merity, Keskar and Socher 2018, section 4.3).
        noise, adaptive_noise: the standard deviation of Gaussian noise on all weights, and whether every weight learns
            its own; see `unspool.nets.noise`.
        The rest are the arguments of `build_stack`.

    Shapes: ids [T, B] of integers; raw [T, B, V].
    """

    def __init__(
        self,
        vocabulary_size: int,
        *,
        cell: str,
        hidden_size: int | Sequence[int],
        layers: int,
        embedding_size: int = 0,
        tied: bool = False,
        softmax: str = "full",
        clusters: Clusters | None = None,
        init_range: float = 0.0,
        dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        noise: float = 0.0,
        adaptive_noise: bool = False,
        **stack_options: Any,
    ) -> None:
        super().__init__()
        self.vocabulary_size, self.dropout, self.embedding_dropout = vocabulary_size, dropout, embedding_dropout
        self.embedding = nn.Embedding(vocabulary_size, embedding_size) if embedding_size else None
        self.stack: Stack = build_stack(
            cell, embedding_size or vocabulary_size, hidden_size, layers, dropout=dropout, **stack_options
        )
        width = self.stack.output_size
        self.projection: nn.Linear | None = None
        if tied and embedding_size not in (0, width):
            self.projection = nn.Linear(width, embedding_size, bias=False)
            width = embedding_size
        self.scale = math.sqrt(embedding_size) if tied else 1.0
        self.output = output_layer(softmax, width, vocabulary_size, clusters)
        initialise(self, init_range)
        if tied:
            if self.embedding is None:
                raise SpecError("a tied output needs an embedding, got --embedding-size 0; leave one of them out")
            if not init_range:
                nn.init.normal_(self.embedding.weight, std=embedding_size**-0.5)  # as output weights they must be small
            self.output.weight = self.embedding.weight
        self.noise = weight_noise(self, noise, adaptive_noise)

    def embed(self, ids: Tensor) -> Tensor:
        """Return the input vectors of ids [...] as [..., E], or one-hot [..., V]."""
        if self.embedding is not None:
            x: Tensor = self.embedding(ids)
            return x if self.scale == 1.0 else x * self.scale
        return functional.one_hot(ids, self.vocabulary_size).to(self.output.weight.dtype)

    def generation_plan(self) -> GenerationPlan | str:
        """What the native generator needs to know of this network, or why it cannot run it."""
        if self.training and (self.noise is not None or self.embedding_dropout):
            return "the native generator has neither noise nor dropout; call eval()"
        return generation_plan(self.embedding, self.stack, self.output, self.projection, self.scale)

    def init_state(self, batch_size: int) -> Any:
        """Return the zero state for a batch."""
        return self.stack.init_state(batch_size)

    @noisy
    def forward(
        self,
        ids: Tensor,
        state: Any = None,
        *,
        generator: torch.Generator | None = None,
        record: Sequence[str] = (),
    ) -> Scores:
        """Return scores for the symbol after each of ids [T, B], and the state after the last."""
        result = self._hidden(ids, state, generator, record)
        return Scores(self.output(result.output), result.state, result.record)

    @noisy
    def nats(
        self, ids: Tensor, targets: Tensor, state: Any = None, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Any]:
        """Return -log p of each of targets [T, B] after ids [T, B], and the state; cheaper than forward's scores."""
        result = self._hidden(ids, state, generator)
        return self.output.nats(result.output, targets), result.state

    def scores(self, hidden: Tensor) -> Tensor:
        """Return scores [..., V] for what the stack gives at a step, [..., H]; without dropout."""
        return self.output(hidden if self.projection is None else self.projection(hidden))  # type: ignore[no-any-return]

    def _hidden(
        self, ids: Tensor, state: Any, generator: torch.Generator | None, record: Sequence[str] = ()
    ) -> Unrolled:
        """The stack's output [T, B, H] as the output layer takes it."""
        if state is not None and self.training:
            state = self.stack.redraw(state, generator)
        x = self.embed(ids)
        if self.training and self.embedding_dropout:
            x = x * mask((self.vocabulary_size, 1), self.embedding_dropout, generator, x)[ids]
        result: Unrolled = self.stack(x, state, generator=generator, record=record)
        hidden = dropout(result.output, self.dropout, self.training, generator)
        return result._replace(output=hidden if self.projection is None else self.projection(hidden))
