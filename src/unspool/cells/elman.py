"""The plain recurrent network."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from unspool.cells.base import StepOutput
from unspool.cells.classic import ClassicCell, dropped
from unspool.errors import SpecError

NONLINEARITIES: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
}


class ElmanState(NamedTuple):
    """h [B, H]; mask [B, H] or None."""

    h: Tensor
    mask: Tensor | None = None


class Elman(ClassicCell):
    """Elman's simple recurrent network.

    a_t = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh
    h_t = f(a_t)

    x_t [B, I], a_t and h_t [B, H]; f is tanh, relu or sigmoid. With recurrent dropout the product reads m *
    h_{t-1}. Elman (1990), Finding Structure in Time, where f is the logistic sigmoid; torch.nn.RNN, which has
    no sigmoid. Records `a`, the sum before f.
    """

    records: ClassVar[tuple[str, ...]] = ("a",)
    gates: ClassVar[tuple[str, ...]] = ("a",)

    def __init__(
        self, input_size: int, hidden_size: int, nonlinearity: str = "tanh", *, recurrent_dropout: float = 0.0
    ) -> None:
        super().__init__(input_size, hidden_size, recurrent_dropout=recurrent_dropout)
        if nonlinearity not in NONLINEARITIES:
            raise SpecError(
                f"nonlinearity must be one of {', '.join(NONLINEARITIES)}, got {nonlinearity!r}; choose one of them"
            )
        self.nonlinearity = nonlinearity
        self.reset_parameters()

    def init_state(self, batch_size: int, *, generator: torch.Generator | None = None) -> ElmanState:
        return ElmanState(self.zeros(batch_size), self.draw_mask(batch_size, generator))

    def advance(self, projected: Tensor, h: Tensor, state: ElmanState) -> tuple[StepOutput, ElmanState]:
        a = torch.addmm(projected, dropped(h, state.mask), self.weight_hh.t())  # [B, H]
        h = NONLINEARITIES[self.nonlinearity](a)
        return StepOutput(h, {"a": a}), ElmanState(h, state.mask)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, nonlinearity={self.nonlinearity!r}"
