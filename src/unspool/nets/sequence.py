"""Symbols in, scores for the next symbol out: the network of every language model here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from unspool.engine.dropout import dropout
from unspool.engine.layers import Stack, build_stack
from unspool.engine.plan import GenerationPlan, generation_plan
from unspool.errors import SpecError
from unspool.nets.initialise import initialise


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
        tied: the output layer's weights are the embedding's (Press and Wolf 2017); needs E = output size.
        dropout: between layers and before the output layer; the input, one symbol at a time, is left whole.
        The rest are the arguments of `build_stack`.

    Shapes: ids [T, B] of integers; raw [T, B, V].
    """

    def __init__(
        self,
        vocabulary_size: int,
        *,
        cell: str,
        hidden_size: int,
        layers: int,
        embedding_size: int = 0,
        tied: bool = False,
        dropout: float = 0.0,
        **stack_options: Any,
    ) -> None:
        super().__init__()
        self.vocabulary_size, self.dropout = vocabulary_size, dropout
        self.embedding = nn.Embedding(vocabulary_size, embedding_size) if embedding_size else None
        self.stack: Stack = build_stack(
            cell, embedding_size or vocabulary_size, hidden_size, layers, dropout=dropout, **stack_options
        )
        self.output = nn.Linear(self.stack.output_size, vocabulary_size)
        initialise(self)
        if tied:
            if self.embedding is None or embedding_size != self.stack.output_size:
                raise SpecError(
                    f"a tied output needs an embedding as wide as the output layer's input "
                    f"({self.stack.output_size}), got {embedding_size}; set --embedding-size {self.stack.output_size}"
                )
            nn.init.normal_(self.embedding.weight, std=embedding_size**-0.5)  # as output weights they must be small
            self.output.weight = self.embedding.weight

    def embed(self, ids: Tensor) -> Tensor:
        """Return the input vectors of ids [...] as [..., E], or one-hot [..., V]."""
        if self.embedding is not None:
            return self.embedding(ids)  # type: ignore[no-any-return]
        return functional.one_hot(ids, self.vocabulary_size).to(self.output.weight.dtype)

    def generation_plan(self) -> GenerationPlan | str:
        """What the native generator needs to know of this network, or why it cannot run it."""
        return generation_plan(self.embedding, self.stack, self.output)

    def init_state(self, batch_size: int) -> Any:
        """Return the zero state for a batch."""
        return self.stack.init_state(batch_size)

    def forward(
        self,
        ids: Tensor,
        state: Any = None,
        *,
        generator: torch.Generator | None = None,
        record: Sequence[str] = (),
    ) -> Scores:
        """Return scores for the symbol after each of ids [T, B], and the state after the last."""
        if state is not None and self.training:
            state = self.stack.redraw(state, generator)
        result = self.stack(self.embed(ids), state, generator=generator, record=record)
        hidden = dropout(result.output, self.dropout, self.training, generator)  # [T, B, H]
        return Scores(self.output(hidden), result.state, result.record)
