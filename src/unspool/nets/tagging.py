"""A sequence in, scores for a label at every step out: a front, a recurrent stack, a linear layer."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from unspool.cells.base import State
from unspool.engine.dropout import dropout
from unspool.engine.layers import Stack, build_stack
from unspool.engine.stepping import step_stack
from unspool.nets.initialise import initialise


class Tagged(NamedTuple):
    """What a tagging network returns."""

    raw: Tensor  # [T, B, classes]
    state: State


class TaggingNet(nn.Module):
    r"""The network of every tagger here.

    .. math:: h_t, s_t = \mathrm{stack}(\mathrm{front}(x_t), s_{t-1}), \quad y_t = W h_t + b

    With `bidirectional=True` among the stack's options h_t knows the whole sequence (Graves and Schmidhuber 2005),
    otherwise the steps up to t, and the returned state goes on with the next one.

    Args:
        front: makes vectors of the steps: an `Embedding` of symbols, a `FrameEncoder` of pictures; None for channels.
        input_size: width of those vectors, or number of channels.
        classes: size of the answer.
        dropout: on what the front gives, between layers, and before the output layer.
        The rest are the arguments of `build_stack`.

    Shapes: x [T, B] integers or [T, B, ...] numbers, as the front takes them; lengths [B]; raw [T, B, classes].
    """

    def __init__(
        self,
        front: nn.Module | None,
        input_size: int,
        classes: int,
        *,
        cell: str,
        hidden_size: int,
        layers: int,
        dropout: float = 0.0,
        **stack_options: Any,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.front = front
        self.stack: Stack = build_stack(cell, input_size, hidden_size, layers, dropout=dropout, **stack_options)
        self.output = nn.Linear(self.stack.output_size, classes)
        initialise(self)

    def forward(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        state: State = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tagged:
        """Return one score a class for each step, and the state after the last."""
        result = self.stack(self._vectors(x, generator), state, lengths, generator=generator)
        return Tagged(self.output(dropout(result.output, self.dropout, self.training, generator)), result.state)

    @torch.inference_mode()
    def step(self, x: Tensor, state: State) -> Tagged:
        """Return scores [B, classes] for one more step x [B, ...] of each sequence; without gradients or dropout."""
        hidden, state = step_stack(self.stack, self._vectors(x[None])[0], state)
        return Tagged(self.output(hidden), state)

    def _vectors(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """What the stack reads, [T, B, I]."""
        return x if self.front is None else dropout(self.front(x), self.dropout, self.training, generator)
