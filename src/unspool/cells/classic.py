"""What the textbook cells share: torch's four parameters, torch's initialisation, and recurrent dropout."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from unspool.cells.base import Cell, State, StepOutput
from unspool.draws import whole_batch


class ClassicCell(Cell):
    """A cell whose gates are sums of a product with x_t and a product with h_{t-1}.

    weight_ih [G*H, I], weight_hh [G*H, H], bias_ih and bias_hh [G*H], the G gates under each other in the
    order of `gates`: names, shapes and order of torch.nn, so weights go both ways as they are. Initialised as
    there, uniformly in (-1/sqrt(H), 1/sqrt(H)).

    Recurrent dropout multiplies h_{t-1} by one mask [B, H] for the whole sequence, inside the recurrent
    product only (Gal & Ghahramani 2016, A Theoretically Grounded Application of Dropout in Recurrent Neural
    Networks). The mask is already divided by the probability to keep.
    """

    gates: ClassVar[tuple[str, ...]]
    recurrent_weights = ("weight_hh",)
    precision = "float32"
    """What a kernel may round the factors of its products to: float32 (nothing), or bf16, summed in float32."""

    def __init__(self, input_size: int, hidden_size: int, *, recurrent_dropout: float = 0.0) -> None:
        super().__init__(input_size, hidden_size, recurrent_dropout=recurrent_dropout)
        rows = len(self.gates) * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size))
        self.bias_ih = nn.Parameter(torch.empty(rows))
        self.bias_hh = nn.Parameter(torch.empty(rows))

    def reset_parameters(self) -> None:
        """Draw every parameter from U(-1/sqrt(H), 1/sqrt(H)), as torch.nn does."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def zeros(self, batch_size: int) -> Tensor:
        """[B, H], with dtype and device of the weights."""
        return self.weight_hh.new_zeros(batch_size, self.hidden_size)

    def draw_mask(self, batch_size: int, generator: torch.Generator | None = None) -> Tensor | None:
        """A mask [B, H] of 0 and 1/keep; None outside training and without recurrent dropout."""
        if not self.training or self.recurrent_dropout == 0:
            return None
        keep = 1 - self.recurrent_dropout
        # a generator belongs to one device; the numbers are drawn there
        home = self.weight_hh.device if generator is None else generator.device
        shape, own = whole_batch((batch_size, self.hidden_size), generator)
        kept = torch.empty(shape, dtype=torch.float32, device=home).bernoulli_(keep, generator=generator)
        return (kept[own] / keep).to(self.weight_hh)

    def redraw(self, state: State, generator: torch.Generator | None = None) -> State:
        """The state with a new dropout mask (none outside training); the state itself without dropout."""
        if self.recurrent_dropout == 0:
            return state
        return state._replace(mask=self.draw_mask(state.h.shape[0], generator))

    def project(self, x: Tensor) -> Tensor:
        """W_ih x + b_ih + b_hh: [..., I] -> [..., G*H]."""
        return functional.linear(x, self.weight_ih, self.bias_ih + self.bias_hh)

    def step(self, projected: Tensor, state: State, context: Any = None) -> tuple[StepOutput, State]:
        """From project(x_t) [B, G*H] and the state before t to h_t [B, H] and the state after it."""
        return self.advance(projected, state.h, state)

    def advance(self, projected: Tensor, h: Tensor, state: State) -> tuple[StepOutput, State]:
        """step(), with h [B, H] in the place of h_{t-1} in the recurrent product, and there alone."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        dropout = f", recurrent_dropout={self.recurrent_dropout}" if self.recurrent_dropout else ""
        return f"{self.input_size}, {self.hidden_size}{dropout}"


def dropped(h: Tensor, mask: Tensor | None) -> Tensor:
    """h as the recurrent product sees it."""
    return h if mask is None else h * mask
