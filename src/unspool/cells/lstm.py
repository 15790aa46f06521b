"""The long short-term memory, with or without peepholes."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from unspool.cells.base import StepOutput
from unspool.cells.classic import ClassicCell, dropped


class LSTMState(NamedTuple):
    """h [B, H] the output, c [B, H] the memory; mask [B, H] or None."""

    h: Tensor
    c: Tensor
    mask: Tensor | None = None


class LSTM(ClassicCell):
    """Long short-term memory.

    i_t = sigmoid(W_i x_t + U_i h_{t-1} + p_i * c_{t-1} + b_i)
    f_t = sigmoid(W_f x_t + U_f h_{t-1} + p_f * c_{t-1} + b_f)
    g_t = tanh(W_g x_t + U_g h_{t-1} + b_g)
    c_t = f_t * c_{t-1} + i_t * g_t
    o_t = sigmoid(W_o x_t + U_o h_{t-1} + p_o * c_t + b_o)
    h_t = o_t * tanh(c_t)

    x_t [B, I], all else [B, H]. W is weight_ih, U weight_hh, their rows in the order i f g o; b is bias_ih +
    bias_hh; the diagonal peepholes p are weight_peephole_i, _f and _o [H], there only with peephole=True; the
    output gate reads the new c_t. With recurrent dropout U multiplies m * h_{t-1}. Graves (2013), Generating
    Sequences With Recurrent Neural Networks, (7)-(11), with one bias for our two; without peepholes it is
    torch.nn.LSTM. Records the gates i f g o and the memory c.
    """

    records: ClassVar[tuple[str, ...]] = ("i", "f", "g", "o", "c")
    gates: ClassVar[tuple[str, ...]] = ("i", "f", "g", "o")

    def __init__(
        self, input_size: int, hidden_size: int, *, peephole: bool = False, recurrent_dropout: float = 0.0
    ) -> None:
        super().__init__(input_size, hidden_size, recurrent_dropout=recurrent_dropout)
        self.peephole = peephole
        if peephole:
            self.weight_peephole_i = nn.Parameter(torch.empty(hidden_size))
            self.weight_peephole_f = nn.Parameter(torch.empty(hidden_size))
            self.weight_peephole_o = nn.Parameter(torch.empty(hidden_size))
        self.reset_parameters()

    def init_state(self, batch_size: int, *, generator: torch.Generator | None = None) -> LSTMState:
        return LSTMState(self.zeros(batch_size), self.zeros(batch_size), self.draw_mask(batch_size, generator))

    def advance(self, projected: Tensor, h: Tensor, state: LSTMState) -> tuple[StepOutput, LSTMState]:
        sums = torch.addmm(projected, dropped(h, state.mask), self.weight_hh.t())  # [B, 4H]
        a_i, a_f, a_g, a_o = sums.chunk(4, dim=1)
        if self.peephole:
            a_i = torch.addcmul(a_i, self.weight_peephole_i, state.c)
            a_f = torch.addcmul(a_f, self.weight_peephole_f, state.c)
        a_i, a_f, a_g = (self.preactivation(a) for a in (a_i, a_f, a_g))
        i, f, g = torch.sigmoid(a_i), torch.sigmoid(a_f), torch.tanh(a_g)
        c = f * state.c + i * g
        if self.peephole:
            a_o = torch.addcmul(a_o, self.weight_peephole_o, c)
        o = torch.sigmoid(self.preactivation(a_o))
        h = o * torch.tanh(c)
        return StepOutput(h, {"i": i, "f": f, "g": g, "o": o, "c": c}), LSTMState(h, c, state.mask)

    def preactivation(self, a: Tensor) -> Tensor:
        """Return a [B, H] as a gate's sigmoid or tanh reads it: where a subclass may act on its derivative."""
        return a

    def extra_repr(self) -> str:
        return super().extra_repr() + (", peephole=True" if self.peephole else "")
