"""A soft window that a cell slides over a text while it runs: where in the text the pen is."""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from unspool.cells.base import Cell, State, StepOutput
from unspool.engine import windowed
from unspool.engine.checks import Lengths, check_lengths
from unspool.engine.dispatch import Kernel
from unspool.errors import DataError, ShapeError, SpecError

POINTS_PER_LETTER = 25.0  # of Graves's data; without such a start the window has left the text after a few points


class Memory(NamedTuple):
    """The texts that a window reads, one a sequence, padded to U symbols; `remembered` makes it."""

    values: Tensor  # [B, U, V], 0 beyond a text's length
    inside: Tensor  # [B, U + 1], 1 up to the position behind the text's last symbol, then 0
    lengths: Tensor  # [B], from 1 to U


class WindowState(NamedTuple):
    """The state of the cell, the window's places kappa [B, K], and what it showed last, [B, V]."""

    cell: State
    kappa: Tensor
    window: Tensor


class Windowed(Cell):
    r"""A cell that reads, beside its input, a window on a text, and moves the window on.

    .. math:: h_t &= \mathrm{cell}([x_t; w_{t-1}], h_{t-1}) \\
        (\hat\alpha_t, \hat\beta_t, \hat\kappa_t) &= W h_t + b \qquad\text{(48)} \\
        \alpha_t &= \exp \hat\alpha_t, \quad \beta_t = \exp \hat\beta_t, \quad
        \kappa_t = \kappa_{t-1} + \exp \hat\kappa_t \qquad\text{(49)-(51)} \\
        \phi(t, u) &= \sum_k \alpha_t^k \exp(-\beta_t^k (\kappa_t^k - u)^2) \qquad\text{(46)} \\
        w_t &= \sum_{u=1}^U \phi(t, u) c_u \qquad\text{(47)}

    with :math:`\kappa_0 = 0` and :math:`w_0 = 0`. The weights phi are not normalised, beta is not squared. The output
    is [w_t; h_t], as the layers above read both at the same step. Graves (2013), Generating Sequences With Recurrent
    Neural Networks, section 5.1; the start of the biases is ours: each kappa moves by `pace` symbols a step, and the K
    bells add up to about 1 on a symbol.

    Records phi [B, U + 1], with the position behind the text, at which the text is finished (`finished`), and 0 beyond
    it; kappa [B, K]; window [B, V]; and what the cell records.

    Args:
        cell: any cell whose input is [x; w], so I = its input_size - V.
        symbols: V, the size of a symbol's vector.
        components: K.
        pace: symbols a step that the untrained window moves by.

    Shapes: x [B, I], output [B, V + H]; the context is a `Memory`.

    Raises:
        SpecError: there is no memory. ShapeError: its symbols are not of size V, or it has another batch than x.
    """

    kernels: ClassVar[tuple[Kernel, ...]] = (Kernel("native", windowed.refuses, windowed.merit, windowed.run),)

    def __init__(self, cell: Cell, symbols: int, components: int = 10, *, pace: float = 1 / POINTS_PER_LETTER) -> None:
        super().__init__(cell.input_size - symbols, cell.hidden_size, output_size=symbols + cell.output_size)
        if min(symbols, components) < 1 or not 0 < pace < math.inf:
            raise SpecError(
                "a window must have at least 1 symbol and 1 component and a pace above 0, "
                f"got symbols={symbols}, components={components}, pace={pace}; 10 components and 0.04 are usual"
            )
        self.cell, self.symbols, self.components = cell, symbols, components
        self.shape = nn.Linear(cell.output_size, 3 * components)
        with torch.no_grad():
            self.shape.bias[:components].fill_(-math.log(components))  # alpha^
            self.shape.bias[2 * components :].fill_(math.log(pace))  # kappa^
        self.recurrent_weights = tuple(f"cell.{name}" for name in cell.recurrent_weights)

    @property
    def weight_ih(self) -> Tensor:
        """A weight whose dtype is that of the input."""
        return self.shape.weight

    @property
    def records(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("phi", "kappa", "window", *self.cell.records)

    def init_state(self, batch_size: int, *, generator: torch.Generator | None = None) -> WindowState:
        places = self.shape.weight.new_zeros(batch_size, self.components)
        window = self.shape.weight.new_zeros(batch_size, self.symbols)
        return WindowState(self.cell.init_state(batch_size, generator=generator), places, window)

    def redraw(self, state: State, generator: torch.Generator | None = None) -> State:
        return state._replace(cell=self.cell.redraw(state.cell, generator))

    def project(self, x: Tensor) -> Tensor:
        """x itself: it is a few numbers wide, and goes into the cell's product together with the window."""
        return x

    def step(self, projected: Tensor, state: State, context: Any = None) -> tuple[StepOutput, State]:
        """x_t [B, I], the state before t, the memory -> [w_t; h_t], the state after t."""
        memory = self.checked(context, len(projected))
        joined = torch.cat([projected, state.window], 1)
        shown, after = self.cell.step(self.cell.project(joined), state.cell)
        alpha, beta, advance = self.shape(shown.h).exp().chunk(3, dim=1)  # [B, K]
        kappa = state.kappa + advance
        places = torch.arange(1, memory.inside.shape[1] + 1, device=kappa.device, dtype=kappa.dtype)
        distances = kappa.unsqueeze(2) - places  # [B, K, U + 1]
        bells = torch.exp(-beta.unsqueeze(2) * distances.square())
        phi = torch.bmm(alpha.unsqueeze(1), bells).squeeze(1) * memory.inside  # [B, U + 1]
        window = torch.bmm(phi[:, None, :-1], memory.values).squeeze(1)  # [B, V]
        extras = {"phi": phi, "kappa": kappa, "window": window, **shown.extras}
        return StepOutput(torch.cat([window, shown.h], 1), extras), WindowState(after, kappa, window)

    def checked(self, context: Any, batch: int) -> Memory:
        """Return the memory, of so many texts."""
        if not isinstance(context, Memory):
            raise SpecError(
                f"a window must be given a text to read, got {type(context).__name__}; "
                "give context=remembered(ids, symbols)"
            )
        if context.values.shape[0] != batch or context.values.shape[2] != self.symbols:
            raise ShapeError(
                f"the memory must be [B, U, V] with B={batch} and V={self.symbols}, got "
                f"{list(context.values.shape)}; give one text a sequence, of symbols that the window knows"
            )
        return context

    def extra_repr(self) -> str:
        return f"symbols={self.symbols}, components={self.components}"


def remembered(text: Tensor, symbols: int, lengths: Lengths = None, *, dtype: torch.dtype = torch.float32) -> Memory:
    """Return the memory of texts: ids [B, U] of `symbols` symbols as one-hot vectors, or vectors [B, U, V].

    What stands beyond the lengths, ids that do not exist and NaN included, reaches nothing.

    Raises:
        DataError: an id is not in [0, symbols). ShapeError: a text is empty, or the shape is another one.
    """
    if text.dim() not in (2, 3) or (text.dim() == 3 and text.shape[2] != symbols):
        raise ShapeError(f"a text must be ids [B, U] or vectors [B, U, {symbols}], got {list(text.shape)}; put B first")
    batch, width = text.shape[:2]
    spans = check_lengths(lengths, width, batch) or batch * [width]
    if not min(spans, default=0):
        raise ShapeError(f"a text must have at least 1 symbol, got lengths {spans}; leave out what has no text")
    ends = torch.tensor(spans, device=text.device)
    places = torch.arange(width + 1, device=text.device)
    beyond = places[:-1] >= ends.unsqueeze(1)  # [B, U]
    if text.dim() == 2:
        ids = text.masked_fill(beyond, 0)
        if int(ids.min()) < 0 or int(ids.max()) >= symbols:
            raise DataError(
                f"ids of symbols must be at least 0 and below {symbols}, got {int(ids.min())} to {int(ids.max())}; "
                "encode the text by the alphabet of the model"
            )
        text = functional.one_hot(ids, symbols).to(dtype)
    values = text.masked_fill(beyond.unsqueeze(2), 0)
    return Memory(values, (places <= ends.unsqueeze(1)).to(values.dtype), ends)


def finished(phi: Tensor, memory: Memory) -> Tensor:
    """Return which texts are written to their end, bool [B], by phi [B, U + 1] at a step.

    The rule of section 5.3: phi(t, U + 1) > phi(t, u) for all u from 1 to U.
    """
    behind = phi.gather(1, memory.lengths.unsqueeze(1))  # [B, 1]
    within = torch.arange(phi.shape[1], device=phi.device) < memory.lengths.unsqueeze(1)
    return ((behind > phi) | ~within).all(1)
