"""A whole sequence in, scores for one answer out: embedding, recurrent stack, pooling over time, a linear layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unspool.engine.dropout import dropout
from unspool.engine.layers import Bidirectional, Stack, build_stack
from unspool.errors import SpecError
from unspool.nets.initialise import initialise

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
        valid = torch.arange(len(outputs), device=lengths.device)[:, None, None] < lengths[None, :, None]  # [T, B, 1]
        if self.kind == "last":
            return self._last(outputs, lengths)
        if self.kind == "mean":
            return outputs.sum(0) / lengths.clamp(min=1)[:, None]  # outputs are 0 beyond the lengths
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
    """The network of every classifier here.

    Args:
        input_size: number of symbols (with `embedding_size`), or of channels (without).
        classes: size of the answer.
        embedding_size: E for symbols; 0 for numeric channels, which go in as they are.
        dropout: on the input vectors of symbols, between layers, and before the output layer.
        The rest are the arguments of `build_stack`.

    Shapes: x [T, B] integers or [T, B, C] numbers, lengths [B], result [B, classes].
    """

    def __init__(
        self,
        input_size: int,
        classes: int,
        *,
        cell: str,
        hidden_size: int,
        layers: int,
        embedding_size: int = 0,
        pooling: str = "mean",
        dropout: float = 0.0,
        **stack_options: Any,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.embedding = nn.Embedding(input_size, embedding_size) if embedding_size else None
        self.stack: Stack = build_stack(
            cell, embedding_size or input_size, hidden_size, layers, dropout=dropout, **stack_options
        )
        self.pooling = Pooling(pooling, self.stack)
        self.output = nn.Linear(self.stack.output_size, classes)
        initialise(self)

    def forward(self, x: Tensor, lengths: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return one score a class for each sequence."""
        if self.embedding is not None:
            x = dropout(self.embedding(x), self.dropout, self.training, generator)  # [T, B, E]
        outputs = self.stack(x, None, lengths, generator=generator).output  # [T, B, H]
        pooled = self.pooling(outputs, lengths)
        return self.output(dropout(pooled, self.dropout, self.training, generator))  # type: ignore[no-any-return]
