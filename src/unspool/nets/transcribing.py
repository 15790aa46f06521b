"""A sequence in, scores for a symbol or none at every frame out: what connectionist temporal classification reads."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from unspool.cells.base import State
from unspool.cells.state import select, where
from unspool.engine.dropout import dropout
from unspool.engine.layers import Stack, build_stack
from unspool.engine.stepping import step_stack
from unspool.errors import SpecError
from unspool.nets.initialise import initialise
from unspool.nets.series import SHORTER, SeriesEncoder, framed


class Scores(NamedTuple):
    """What a transcribing network returns: raw [F, B, V + 1], and how many frames [B] each sequence has."""

    raw: Tensor
    lengths: Tensor


class Heard(NamedTuple):
    """The state of streams: the stack's, the steps [B, K, C] of a frame that is not full yet, and how many [B]."""

    stack: State
    steps: Tensor
    filled: Tensor


class TranscribingNet(nn.Module):
    r"""The network of every transcriber here.

    .. math:: z_{1 \ldots F} = \mathrm{front}(x_{1 \ldots T}), \quad h_f, s_f = \mathrm{stack}(z_f, s_{f-1}), \quad
        y_f = W h_f + b

    With `bidirectional=True` among the stack's options h_f knows the whole sequence, as in Graves et al. 2009 (A novel
    connectionist system for unconstrained handwriting recognition), otherwise what came until then.

    Args:
        channels: C of the input.
        outputs: V symbols and the blank.
        encoder: "conv" puts a `SeriesEncoder` before the stack, one frame for four steps; "linear" nothing.
        frame: K, how many steps the stack reads as one frame, where there is no encoder.
        dropout: on the encoder's vectors, between layers, and before the output layer.
        The rest are the arguments of `build_stack`.

    Shapes: x [T, B, C], lengths [B]; raw [F, B, outputs] with F = ceil(T / frame), or ceil(T / 4) behind an encoder.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        cell: str,
        hidden_size: int,
        layers: int,
        encoder: str = "linear",
        frame: int = 1,
        dropout: float = 0.0,
        **stack_options: Any,
    ) -> None:
        super().__init__()
        self.channels, self.dropout, self.frame = channels, dropout, frame
        self.encoder = SeriesEncoder(channels) if encoder == "conv" else None
        width = self.encoder.output_size if self.encoder else frame * channels
        self.stack: Stack = build_stack(cell, width, hidden_size, layers, dropout=dropout, **stack_options)
        self.output = nn.Linear(self.stack.output_size, outputs)
        initialise(self)

    @property
    def steps_per_frame(self) -> int:
        """Steps of the input that a row of scores stands for."""
        return SHORTER if self.encoder is not None else self.frame

    def forward(self, x: Tensor, lengths: Tensor, *, generator: torch.Generator | None = None) -> Scores:
        """Return scores for every frame of each sequence."""
        if self.encoder is not None:
            x, lengths = self.encoder(x, lengths)
            x = dropout(x, self.dropout, self.training, generator)
        elif self.frame > 1:
            x, lengths = framed(x, lengths, self.frame)
        outputs = self.stack(x, None, lengths, generator=generator).output  # [F, B, H]
        return Scores(self.output(dropout(outputs, self.dropout, self.training, generator)), lengths)

    def initial(self, streams: int) -> Heard:
        """Return the state of streams that have not begun."""
        weight = self.output.weight
        if self.encoder is not None:
            raise SpecError("a network that answers streams has no encoder that reads ahead; train it with --causal")
        waiting = weight.new_zeros(streams, self.frame, self.channels)
        return Heard(self.stack.init_state(streams), waiting, weight.new_zeros(streams))

    @torch.inference_mode()
    def step(self, x: Tensor, state: Heard) -> tuple[Tensor, Tensor, Heard]:
        """Take one more step x [B, C] of each stream.

        Returns raw [B, outputs], whether its frame is full, bool [B] (raw means nothing where it is not), and the
        state after it. No gradients, no dropout.
        """
        slots = state.filled.long()
        steps = state.steps.clone()
        steps[torch.arange(len(x), device=x.device), slots] = x
        full = slots + 1 == self.frame
        raw = x.new_zeros(len(x), self.output.out_features)
        rows = full.nonzero()[:, 0]
        stack = state.stack
        if len(rows):
            hidden, after = step_stack(self.stack, steps.flatten(1)[rows], select(stack, rows))
            raw[rows] = self.output(hidden)
            places = (full.cumsum(0) - 1).clamp(min=0)  # of each stream among those that are full
            stack = where(full, select(after, places), stack)
        return raw, full, Heard(stack, steps, torch.where(full, 0.0, state.filled + 1))

    @torch.inference_mode()
    def flush(self, state: Heard) -> tuple[Tensor, Tensor, Heard]:
        """End every stream: what its last frame lacks is 0, as in `forward`; returns what `step` does."""
        started = state.filled > 0
        kept = torch.arange(self.frame, device=state.steps.device) < state.filled[:, None]  # [B, K]
        steps = torch.where(kept[..., None], state.steps, 0.0)
        hidden, after = step_stack(self.stack, steps.flatten(1), state.stack)
        stack = where(started, after, state.stack)
        return self.output(hidden), started, Heard(stack, steps, torch.zeros_like(state.filled))
