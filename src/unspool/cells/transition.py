"""Extra layers between two time steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unspool.cells.base import Cell, State, StepOutput
from unspool.cells.classic import ClassicCell
from unspool.errors import SpecError


class DeepTransition(Cell):
    """A cell whose recurrent product reads the last state through `depth` more layers.

    u^0 = h_{t-1}
    u^k = tanh(V_k u^{k-1} + a_k)    k = 1 ... depth
    h'  = h_{t-1} + u^depth

    h' [B, H] stands for h_{t-1} in the recurrent product U h_{t-1} of the cell, a dropout mask included, and nowhere
    else: what the cell carries over as it is (c of an LSTM, h_{t-1} in the last line of a GRU) stays untouched. V_k
    is transition[k-1].weight [H, H], a_k its bias. The state is that of the cell.

    Pascanu, Gulcehre, Cho and Bengio (2014), How to Construct Deep Recurrent Neural Networks, fig. 2 (b) and (b*):
    the DT-RNN, with the shortcut of the DT(S)-RNN past the layers in between. There the shortcut has a matrix of its
    own; here it shares U, so that with u^depth = 0 this is the plain cell.
    """

    def __init__(self, cell: ClassicCell, depth: int = 1) -> None:
        super().__init__(cell.input_size, cell.hidden_size, recurrent_dropout=cell.recurrent_dropout)
        if depth < 1:
            raise SpecError(f"depth must be at least 1, got {depth}; without layers between the steps use the cell")
        self.cell = cell
        self.transition = nn.ModuleList(nn.Linear(cell.hidden_size, cell.hidden_size) for _ in range(depth))
        inner = tuple(f"cell.{name}" for name in cell.recurrent_weights)
        self.recurrent_weights = (*inner, *(f"transition.{k}.weight" for k in range(depth)))

    @property
    def weight_ih(self) -> Tensor:
        """The cell's, whose dtype is that of the input."""
        return self.cell.weight_ih

    @property
    def records(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.cell.records

    def init_state(self, batch_size: int, *, generator: torch.Generator | None = None) -> State:
        return self.cell.init_state(batch_size, generator=generator)

    def redraw(self, state: State, generator: torch.Generator | None = None) -> State:
        return self.cell.redraw(state, generator)

    def project(self, x: Tensor) -> Tensor:
        return self.cell.project(x)

    def step(self, projected: Tensor, state: State, context: Any = None) -> tuple[StepOutput, State]:
        """project(x_t) [B, G*H], the cell's state before t -> h_t [B, H], its state after t."""
        u = state.h
        for layer in self.transition:
            u = torch.tanh(layer(u))
        return self.cell.advance(projected, state.h + u, state)
