"""A whole sequence in, numbers for one answer out: embedding, recurrent stack, pooling over time, a linear layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unspool.cells.base import State
from unspool.engine.dropout import dropout, mask
from unspool.engine.layers import Bidirectional, Stack, build_stack
from unspool.engine.stepping import step_stack
from unspool.errors import SpecError
from unspool.nets.grams import HashedGrams
from unspool.nets.initialise import initialise, remember
from unspool.nets.series import SeriesEncoder, framed, valid_steps

POOLINGS = ("last", "mean", "max", "attention")


class Pooling(nn.Module):
    r"""From outputs at every step to one vector; steps beyond a length count for nothing, an empty sequence gives 0.

    - ``last``: :math:`[\overrightarrow{h}_n; \overleftarrow{h}_1]`, what each direction saw last
    - ``mean``: :math:`\frac1n \sum_t h_t`; ``max``: :math:`\max_t h_t` for each unit
    - ``attention``: :math:`\sum_t a_t h_t`, :math:`a = \mathrm{softmax}_t(v^\top \tanh(W h_t + b))` (Yang et al.
      2016, equations 5-7)

    Shapes: outputs [T, B, H], lengths [B], result [B, H].
    """

    def __init__(self, kind: str, stack: Stack) -> None:
        super().__init__()
        if kind not in POOLINGS:
            raise SpecError(f"pooling must be one of {', '.join(POOLINGS)}, got {kind!r}; choose one of them")
        top = stack[-1]
        self.kind = kind
        self.ahead_size = top.ahead.output_size if isinstance(top, Bidirectional) else stack.output_size
        size = stack.output_size
        if kind == "attention":
            self.hidden = nn.Linear(size, size)
            self.query = nn.Linear(size, 1, bias=False)

    def forward(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Return one vector a sequence."""
        if self.kind == "last":
            return self._last(outputs, lengths)
        if self.kind == "mean":
            return outputs.sum(0) / lengths.clamp(min=1)[:, None]  # outputs are 0 beyond the lengths
        valid = valid_steps(outputs, lengths)
        if self.kind == "max":
            peak = outputs.masked_fill(~valid, -torch.inf).amax(0)
            return torch.where(lengths[:, None] > 0, peak, 0.0)
        return (self.weights(outputs, valid) * outputs).sum(0)

    def weights(self, outputs: Tensor, valid: Tensor) -> Tensor:
        """Return the attention weights [T, B, 1]; they sum to one over each sequence that is not empty."""
        scores = self.query(torch.tanh(self.hidden(outputs)))  # [T, B, 1]
        floor = torch.finfo(scores.dtype).min
        return torch.where(valid, scores.masked_fill(~valid, floor).softmax(0), 0.0)

    def _last(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        ends = (lengths - 1).clamp(min=0)
        ahead = outputs[ends, torch.arange(len(ends), device=ends.device), : self.ahead_size]
        return torch.cat([ahead, outputs[0, :, self.ahead_size :]], dim=-1)


class PooledNet(nn.Module):
    """The network of every task here that gives one answer for a whole sequence.

    Args:
        input_size: number of symbols (with `embedding_size`), or of channels (without).
        outputs: how many numbers the answer has.
        embedding_size: E for symbols; 0 for numeric channels, which go in as they are.
        ngrams: from 2 on, `HashedGrams` of runs of up to so many symbols are added to the symbols' vectors.
        dropout: on the vectors of symbols or of the encoder, between layers, and before the output layer.
        embedding_dropout: share of the symbols whose input vectors are 0 for a whole batch, in training (Gal and
            Ghahramani 2016).
        encoder: "conv" puts a `SeriesEncoder` between channels and stack, "linear" nothing.
        frame: how many steps the stack reads as one, where there is no encoder.
        memory: steps that the gates' first biases are set to remember (`remember`); 0 leaves them at 1.
        The rest are the arguments of `build_stack`.

    Shapes: x [T, B] integers or [T, B, C] numbers, lengths [B], result [B, outputs].
    """

    def __init__(
        self,
        input_size: int,
        outputs: int,
        *,
        cell: str,
        hidden_size: int,
        layers: int,
        embedding_size: int = 0,
        ngrams: int = 1,
        pooling: str = "mean",
        dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        encoder: str = "linear",
        frame: int = 1,
        memory: int = 0,
        **stack_options: Any,
    ) -> None:
        super().__init__()
        self.dropout, self.embedding_dropout, self.frame = dropout, embedding_dropout, frame
        self.embedding = nn.Embedding(input_size, embedding_size) if embedding_size else None
        self.encoder = SeriesEncoder(input_size) if encoder == "conv" and self.embedding is None else None
        width = self.encoder.output_size if self.encoder else frame * (embedding_size or input_size)
        self.stack: Stack = build_stack(cell, width, hidden_size, layers, dropout=dropout, **stack_options)
        self.pooling = Pooling(pooling, self.stack)
        self.output = nn.Linear(self.stack.output_size, outputs)
        initialise(self)
        self.grams = HashedGrams(ngrams, embedding_size) if embedding_size and ngrams > 1 else None
        if memory:
            remember(self, memory)

    def forward(self, x: Tensor, lengths: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return the answer for each sequence."""
        return self.answer(self.embed(x, generator), lengths, generator)

    def embed(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the input vectors of symbols, [T, B, E]; channels [T, B, C] as they are."""
        if self.embedding is None:
            return x
        vectors: Tensor = self.embedding(x)
        if self.grams is not None:
            vectors = vectors + self.grams(x)
        if self.training and self.embedding_dropout:
            kept = mask((self.embedding.num_embeddings, 1), self.embedding_dropout, generator, vectors)
            vectors = vectors * kept[x]
        return dropout(vectors, self.dropout, self.training, generator)

    def answer(self, vectors: Tensor, lengths: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the answer [B, outputs] for input vectors [T, B, I]."""
        if self.encoder is not None:
            vectors, lengths = self.encoder(vectors, lengths)
            vectors = dropout(vectors, self.dropout, self.training, generator)
        elif self.frame > 1:
            vectors, lengths = framed(vectors, lengths, self.frame)
        outputs = self.stack(vectors, None, lengths, generator=generator).output  # [T, B, H]
        return self._scored(self.pooling(outputs, lengths), generator)

    def every_step(self, x: Tensor, lengths: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return the answer so far at every step, [T, B, outputs]; one direction, frame 1 and no n-grams."""
        outputs = self.stack(self.embed(x, generator), None, lengths, generator=generator).output
        return self._scored(outputs, generator)

    @torch.inference_mode()
    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the answer so far after one more step x [B] or [B, C], and the stack's state after it."""
        hidden, state = step_stack(self.stack, self.embed(x), state)
        return self._scored(hidden, None), state

    def _scored(self, hidden: Tensor, generator: torch.Generator | None) -> Tensor:
        return self.output(dropout(hidden, self.dropout, self.training, generator))  # type: ignore[no-any-return]
