"""The textbook cells with layer normalisation.

LN(z; a, b) = a * (z - mean(z)) / sqrt(var(z) + 1e-5) + b, mean and variance (without Bessel's correction) over the D
numbers of z: Ba, Kiros and Hinton (2016), Layer Normalization, (15) and (16) of the supplementary material, where
nothing is added to the variance; torch adds as much. Gains a start at 1, biases b at 0.

A time step is normalised by itself, so project() stays pointwise in time. No kernel knows these cells: the loop runs
them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from unspool.cells.base import StepOutput
from unspool.cells.classic import ClassicCell, dropped
from unspool.cells.elman import NONLINEARITIES, Elman, ElmanState
from unspool.cells.gru import GRU, GRUState
from unspool.cells.lstm import LSTM, LSTMState

EPSILON = 1e-5


def normalised(z: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    """LN(z; gain, bias) over the last dimension."""
    return functional.layer_norm(z, z.shape[-1:], gain, bias, EPSILON)


class LayerNormCell(ClassicCell):
    """What the three share: how gains and biases start."""

    def reset_parameters(self) -> None:
        """Draw the matrices as torch.nn does; gains are 1, biases 0."""
        super().reset_parameters()
        for name, parameter in self.named_parameters():
            if name.startswith("gain"):
                nn.init.ones_(parameter)
            elif name.startswith("bias"):
                nn.init.zeros_(parameter)


class LayerNormElman(LayerNormCell, Elman):
    """Elman's network, its sums normalised.

    a_t = W_ih x_t + W_hh h_{t-1}
    h_t = f(LN(a_t; gain, bias_ih + bias_hh))

    gain [H]. Ba, Kiros and Hinton (2016), (4): of a plain network the sum of both products is normalised. Records `a`,
    what f is applied to.
    """

    def __init__(
        self, input_size: int, hidden_size: int, nonlinearity: str = "tanh", *, recurrent_dropout: float = 0.0
    ) -> None:
        super().__init__(input_size, hidden_size, nonlinearity, recurrent_dropout=recurrent_dropout)
        self.gain = nn.Parameter(torch.ones(hidden_size))

    def project(self, x: Tensor) -> Tensor:
        """W_ih x: [..., I] -> [..., H]; the biases come after the normalisation."""
        return functional.linear(x, self.weight_ih)

    def advance(self, projected: Tensor, h: Tensor, state: ElmanState) -> tuple[StepOutput, ElmanState]:
        sums = torch.addmm(projected, dropped(h, state.mask), self.weight_hh.t())  # [B, H]
        a = normalised(sums, self.gain, self.bias_ih + self.bias_hh)
        new = NONLINEARITIES[self.nonlinearity](a)
        return StepOutput(new, {"a": a}), ElmanState(new, state.mask)


class LayerNormLSTM(LayerNormCell, LSTM):
    """The LSTM without peepholes, normalised in three places.

    (i, f, g, o) = LN(W_hh h_{t-1}; gain_hh, bias_hh) + LN(W_ih x_t; gain_ih, bias_ih)
    c_t = sigmoid(f) * c_{t-1} + sigmoid(i) * tanh(g)
    h_t = sigmoid(o) * tanh(LN(c_t; gain_c, bias_c))

    gain_ih and gain_hh [4H], gain_c and bias_c [H]; the four gates are normalised together, over D = 4H. Ba, Kiros and
    Hinton (2016), (20)-(22) of the supplementary material, whose third bias b in (20) only adds to the other two and
    is left out. Records the gates i f g o and the memory c.
    """

    def __init__(self, input_size: int, hidden_size: int, *, recurrent_dropout: float = 0.0) -> None:
        super().__init__(input_size, hidden_size, recurrent_dropout=recurrent_dropout)
        self.gain_ih = nn.Parameter(torch.ones(4 * hidden_size))
        self.gain_hh = nn.Parameter(torch.ones(4 * hidden_size))
        self.gain_c = nn.Parameter(torch.ones(hidden_size))
        self.bias_c = nn.Parameter(torch.zeros(hidden_size))

    def project(self, x: Tensor) -> Tensor:
        """LN(W_ih x; gain_ih, bias_ih): [..., I] -> [..., 4H]."""
        return normalised(functional.linear(x, self.weight_ih), self.gain_ih, self.bias_ih)

    def advance(self, projected: Tensor, h: Tensor, state: LSTMState) -> tuple[StepOutput, LSTMState]:
        product = functional.linear(dropped(h, state.mask), self.weight_hh)  # [B, 4H]
        a_i, a_f, a_g, a_o = (projected + normalised(product, self.gain_hh, self.bias_hh)).chunk(4, dim=1)
        i, f, g, o = torch.sigmoid(a_i), torch.sigmoid(a_f), torch.tanh(a_g), torch.sigmoid(a_o)
        c = f * state.c + i * g
        new = o * torch.tanh(normalised(c, self.gain_c, self.bias_c))
        return StepOutput(new, {"i": i, "f": f, "g": g, "o": o, "c": c}), LSTMState(new, c, state.mask)


class LayerNormGRU(LayerNormCell, GRU):
    """The GRU that resets after the product, normalised in four places.

    (r, z) = LN(W_rz x_t; ...) + LN(U_rz h_{t-1}; ...)
    n_t = tanh(LN(W_n x_t; ...) + sigmoid(r) * LN(U_n h_{t-1}; ...))
    h_t = (1 - sigmoid(z)) * n_t + sigmoid(z) * h_{t-1}

    W is weight_ih with gain_ih and bias_ih [3H], U weight_hh with gain_hh and bias_hh [3H], rows in the order r z n;
    r and z are normalised together, over D = 2H, n by itself, over D = H. Ba, Kiros and Hinton (2016), (26)-(28) of
    the supplementary material, whose z weighs the new state. Records the gates r z n.
    """

    def __init__(self, input_size: int, hidden_size: int, *, recurrent_dropout: float = 0.0) -> None:
        super().__init__(input_size, hidden_size, recurrent_dropout=recurrent_dropout)
        self.gain_ih = nn.Parameter(torch.ones(3 * hidden_size))
        self.gain_hh = nn.Parameter(torch.ones(3 * hidden_size))

    def project(self, x: Tensor) -> Tensor:
        """LN of the rows r and z of W_ih x, and of its rows n: [..., I] -> [..., 3H]."""
        return self._in_parts(functional.linear(x, self.weight_ih), self.gain_ih, self.bias_ih)

    def advance(self, projected: Tensor, h: Tensor, state: GRUState) -> tuple[StepOutput, GRUState]:
        product = functional.linear(dropped(h, state.mask), self.weight_hh)  # [B, 3H]
        h_r, h_z, h_n = self._in_parts(product, self.gain_hh, self.bias_hh).chunk(3, dim=1)
        x_r, x_z, x_n = projected.chunk(3, dim=1)
        r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
        n = torch.tanh(x_n + r * h_n)
        new = (1 - z) * n + z * state.h
        return StepOutput(new, {"r": r, "z": z, "n": n}), GRUState(new, state.mask)

    def _in_parts(self, sums: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        rows = [2 * self.hidden_size, self.hidden_size]
        parts = (torch.split(tensor, rows, dim=-1) for tensor in (sums, gain, bias))
        return torch.cat([normalised(*part) for part in zip(*parts, strict=True)], dim=-1)
