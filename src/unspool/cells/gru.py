"""The gated recurrent unit, with both places of the reset gate."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from unspool.cells.base import StepOutput
from unspool.cells.classic import ClassicCell, dropped
from unspool.errors import SpecError


class GRUState(NamedTuple):
    """h [B, H]; mask [B, H] or None."""

    h: Tensor
    mask: Tensor | None = None


class GRU(ClassicCell):
    """Gated recurrent unit.

    r_t = sigmoid(W_r x_t + U_r h_{t-1} + b_r)
    z_t = sigmoid(W_z x_t + U_z h_{t-1} + b_z)
    n_t = tanh(W_n x_t + b_in + r_t * (U_n h_{t-1} + b_hn))        reset="after" the product
    n_t = tanh(W_n x_t + b_in + U_n (r_t * h_{t-1}) + b_hn)        reset="before" it
    h_t = (1 - z_t) * n_t + z_t * h_{t-1}

    x_t [B, I], all else [B, H]. W is weight_ih, U weight_hh, their rows in the order r z n; b_r and b_z are
    bias_ih + bias_hh. With recurrent dropout U multiplies m * h_{t-1}; the last line reads h_{t-1} itself.
    Cho et al. (2014), Learning Phrase Representations using RNN Encoder-Decoder, (5)-(8): reset before the
    product, no biases. Reset after it is torch.nn.GRU. In both, z weighs the old state; in Chung et al.
    (2014) it weighs the new. Records the gates r z n.
    """

    records: ClassVar[tuple[str, ...]] = ("r", "z", "n")
    gates: ClassVar[tuple[str, ...]] = ("r", "z", "n")

    def __init__(
        self, input_size: int, hidden_size: int, *, reset: str = "after", recurrent_dropout: float = 0.0
    ) -> None:
        super().__init__(input_size, hidden_size, recurrent_dropout=recurrent_dropout)
        if reset not in ("after", "before"):
            raise SpecError(
                f"reset must be 'after' or 'before' (the recurrent product), got {reset!r}; "
                "choose 'after' for torch's GRU"
            )
        self.reset = reset
        self.reset_parameters()

    def init_state(self, batch_size: int, *, generator: torch.Generator | None = None) -> GRUState:
        return GRUState(self.zeros(batch_size), self.draw_mask(batch_size, generator))

    def project(self, x: Tensor) -> Tensor:
        """W_ih x + b_ih: [..., I] -> [..., 3H]; bias_hh belongs to the product that r_t may multiply."""
        return functional.linear(x, self.weight_ih, self.bias_ih)

    def advance(self, projected: Tensor, h: Tensor, state: GRUState) -> tuple[StepOutput, GRUState]:
        h = dropped(h, state.mask)
        rows = [2 * self.hidden_size, self.hidden_size]  # r and z are added up together, n apart
        x_rz, x_n = torch.split(projected, rows, dim=1)
        if self.reset == "after":
            h_rz, h_n = torch.split(functional.linear(h, self.weight_hh, self.bias_hh), rows, dim=1)
            r, z = torch.sigmoid(x_rz + h_rz).chunk(2, dim=1)
            n = torch.tanh(x_n + r * h_n)
        else:
            (u_rz, u_n), (b_rz, b_n) = torch.split(self.weight_hh, rows), torch.split(self.bias_hh, rows)
            r, z = torch.sigmoid(x_rz + functional.linear(h, u_rz, b_rz)).chunk(2, dim=1)
            n = torch.tanh(x_n + functional.linear(r * h, u_n, b_n))
        new = (1 - z) * n + z * state.h
        return StepOutput(new, {"r": r, "z": z, "n": n}), GRUState(new, state.mask)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, reset={self.reset!r}"
