"""What a cell is: parameters and one step in time, and nothing of sequences, lengths or training."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from unspool.errors import SpecError

State: TypeAlias = Any
"""A nested (named) tuple of tensors with the batch in dimension 0; see cells/state.py."""


class StepOutput(NamedTuple):
    """What one step shows: h [B, H], and under their names the quantities that someone may want to record."""

    h: Tensor
    extras: dict[str, Tensor]


class Steppable(Protocol):
    """What the time loop needs. Every Cell has it, and so has a Stack of recurrent layers."""

    input_size: int
    output_size: int

    @property
    def records(self) -> tuple[str, ...]: ...

    def init_state(self, batch_size: int, *, generator: torch.Generator | None = None) -> State: ...

    def project(self, x: Tensor) -> Tensor: ...

    def step(self, projected: Tensor, state: State, context: Any = None) -> tuple[StepOutput, State]: ...


class Cell(nn.Module):
    """One time step of a recurrent network.

    h_t, s_t = step(project(x_t), s_{t-1})

    x [..., I], project(x) [..., G*H], h [B, output_size]. The state s is passed in and always returned; batch
    is dimension 0 of every leaf. A mask of recurrent dropout that lasts a sequence is a leaf of the state.
    """

    records: ClassVar[tuple[str, ...]] = ()
    """The names that step() can put into extras."""
    recurrent_weights: tuple[str, ...] = ()
    """The names of the matrices that lead from state to state: what weight dropout acts on."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        output_size: int | None = None,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            if size < 1:
                raise SpecError(f"{name} must be at least 1, got {size}; give the number of features")
        if not 0.0 <= recurrent_dropout < 1.0:
            raise SpecError(
                f"recurrent_dropout must be at least 0 and less than 1, got {recurrent_dropout}; "
                "it is the share of units that is dropped"
            )
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = hidden_size if output_size is None else output_size
        self.recurrent_dropout = recurrent_dropout

    def init_state(self, batch_size: int, *, generator: torch.Generator | None = None) -> State:
        """Zeros [B, H] in dtype and device of the weights, and in training the mask of recurrent dropout."""
        raise NotImplementedError

    def redraw(self, state: State, generator: torch.Generator | None = None) -> State:
        """The same state with new dropout masks, for a new window; the state itself without dropout."""
        return state

    def project(self, x: Tensor) -> Tensor:
        """The input's additive share of the gates, pointwise in time: project(x)[t] = project(x[t])."""
        raise NotImplementedError

    def step(self, projected: Tensor, state: State, context: Any = None) -> tuple[StepOutput, State]:
        """From project(x_t) [B, G*H] and the state before t to what is seen at t and the state after it."""
        raise NotImplementedError
