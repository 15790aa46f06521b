"""Layers over time: a cell, and two of them in opposite directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from unspool.cells.base import Cell, State
from unspool.engine.checks import Lengths, check_input, check_record
from unspool.engine.dispatch import run
from unspool.engine.dropout import mask
from unspool.engine.recompute import recomputed
from unspool.engine.substitute import substituted
from unspool.engine.unroll import Unrolled
from unspool.errors import SpecError


class Layer(nn.Module):
    """What runs over a whole sequence.

    layer(x [T, B, I], state, lengths [B]) -> Unrolled(output [T, B, output_size], state, record)

    Without a state it starts from init_state(B). Dropout masks, of states and of weights, are drawn from `generator`
    (torch's default generator if None, and only in training). The state of one window, detached and redrawn, starts
    the next. What `record` may name is in `records`. Lengths and context: see unroll().
    """

    input_size: int
    output_size: int

    @property
    def records(self) -> tuple[str, ...]:
        raise NotImplementedError

    def init_state(self, batch_size: int, *, generator: torch.Generator | None = None) -> State:
        raise NotImplementedError

    def redraw(self, state: State, generator: torch.Generator | None = None) -> State:
        """The same state with new dropout masks; the state itself where there are none."""
        raise NotImplementedError

    def forward(
        self,
        x: Tensor,
        state: State = None,
        lengths: Lengths = None,
        *,
        context: Any = None,
        generator: torch.Generator | None = None,
        record: Sequence[str] = (),
    ) -> Unrolled:
        raise NotImplementedError


class Recurrent(Layer):
    """A cell over time, by the fastest kernel that can: x [T, B, I] -> output [T, B, H].

    With recompute=True the backward pass computes the states anew, segment by segment, and holds about 2
    sqrt(T) steps instead of T; the gradients are the same. `reverse` runs from the end of each sequence to
    its beginning.

    With weight_dropout=p every call in training zeroes each number of the matrices from state to state with
    probability p, once for all steps and sequences of the call, and scales the rest by 1 / (1 - p): the
    weight-dropped network of Merity, Keskar and Socher (2018), Regularizing and Optimizing LSTM Language Models,
    section 2. The kernels run as ever. A step of the cell by itself belongs to no call and drops nothing.
    """

    def __init__(self, cell: Cell, *, recompute: bool = False, weight_dropout: float = 0.0) -> None:
        super().__init__()
        if not 0.0 <= weight_dropout < 1.0:
            raise SpecError(
                f"weight_dropout must be at least 0 and less than 1, got {weight_dropout}; "
                "it is the share of recurrent weights that is dropped"
            )
        self.cell = cell
        self.recompute = recompute
        self.weight_dropout = weight_dropout
        self.input_size = cell.input_size
        self.output_size = cell.output_size

    @property
    def records(self) -> tuple[str, ...]:
        return self.cell.records

    def init_state(self, batch_size: int, *, generator: torch.Generator | None = None) -> State:
        return self.cell.init_state(batch_size, generator=generator)

    def redraw(self, state: State, generator: torch.Generator | None = None) -> State:
        return self.cell.redraw(state, generator)

    def forward(
        self,
        x: Tensor,
        state: State = None,
        lengths: Lengths = None,
        *,
        context: Any = None,
        generator: torch.Generator | None = None,
        record: Sequence[str] = (),
        reverse: bool = False,
    ) -> Unrolled:
        check_input(self.cell, x)
        if state is None:
            state = self.init_state(x.shape[1], generator=generator)
        go = recomputed if self.recompute and torch.is_grad_enabled() else run
        arguments = (self.cell, x, state, lengths, context)
        if self.training and self.weight_dropout:
            weights = self._dropped(generator)
            return substituted(self.cell, weights, go, *arguments, record=record, reverse=reverse)
        return go(*arguments, record=record, reverse=reverse)

    def _dropped(self, generator: torch.Generator | None) -> dict[str, Tensor]:
        """The matrices from state to state with a new mask."""
        held = dict(self.cell.named_parameters())
        return {
            name: held[name] * mask(held[name].shape, self.weight_dropout, generator, held[name])
            for name in self.cell.recurrent_weights
        }


class BidirectionalState(NamedTuple):
    """The states of the two directions; `backward` is the one at the first step of each sequence."""

    forward: State
    backward: State


class Bidirectional(Layer):
    """Two layers over the same x, one from the front, one from the end: h_t = [forward_t; backward_t].

    x [T, B, I], output [T, B, 2H]. Schuster & Paliwal (1997), Bidirectional Recurrent Neural Networks. A
    carried state means little to the backward half: it starts at the end. Records are named forward.i,
    backward.i and so on.
    """

    def __init__(self, forward: Recurrent, backward: Recurrent) -> None:
        super().__init__()
        if forward.input_size != backward.input_size:
            raise SpecError(
                "both directions must read the same input, got "
                f"input_size={forward.input_size} and {backward.input_size}; build them with one size"
            )
        self.ahead = forward  # nn.Module.forward is taken
        self.back = backward
        self.input_size = forward.input_size
        self.output_size = forward.output_size + backward.output_size

    @property
    def records(self) -> tuple[str, ...]:
        ahead = [f"forward.{name}" for name in self.ahead.records]
        return (*ahead, *(f"backward.{name}" for name in self.back.records))

    def init_state(self, batch_size: int, *, generator: torch.Generator | None = None) -> BidirectionalState:
        return BidirectionalState(
            self.ahead.init_state(batch_size, generator=generator),
            self.back.init_state(batch_size, generator=generator),
        )

    def redraw(self, state: State, generator: torch.Generator | None = None) -> BidirectionalState:
        ahead = self.ahead.redraw(state.forward, generator)
        return BidirectionalState(ahead, self.back.redraw(state.backward, generator))

    def forward(
        self,
        x: Tensor,
        state: State = None,
        lengths: Lengths = None,
        *,
        context: Any = None,
        generator: torch.Generator | None = None,
        record: Sequence[str] = (),
    ) -> Unrolled:
        check_input(self, x)
        check_record(self, record)
        if state is None:
            state = self.init_state(x.shape[1], generator=generator)
        shared: dict[str, Any] = {"context": context, "generator": generator}
        ahead = self.ahead(x, state.forward, lengths, record=within("forward", record), **shared)
        back = self.back(x, state.backward, lengths, record=within("backward", record), reverse=True, **shared)
        records = under("forward", ahead.record) | under("backward", back.record)
        output = torch.cat([ahead.output, back.output], dim=2)  # [T, B, 2H]
        return Unrolled(output, BidirectionalState(ahead.state, back.state), records)


def within(prefix: str, names: Sequence[str]) -> list[str]:
    """The names that begin with "prefix.", without it."""
    return [name.removeprefix(f"{prefix}.") for name in names if name.startswith(f"{prefix}.")]


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors, under names that begin with "prefix."."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}
