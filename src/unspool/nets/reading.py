"""Recurrent layers of which the lowest slides a window over a text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from unspool.cells.base import Cell, State, StepOutput
from unspool.engine.checks import Lengths, check_input, check_record
from unspool.engine.recurrent import Layer, Recurrent, under, within
from unspool.engine.unroll import Unrolled
from unspool.errors import SpecError
from unspool.nets.window import Windowed


class ReadingStack(Layer):
    r"""Layers on top of each other, the lowest `Windowed`; the input and the window reach all of them.

    .. math:: [w_t; h^1_t] &= \mathrm{windowed}(x_t) \\
        h^l_t &= \mathrm{layer}^l([x_t; w_t; h^{l-1}_t]), \quad l = 2 \dots L \\
        y_t &= [h^1_t; \dots; h^L_t]

    Graves (2013), Generating Sequences With Recurrent Neural Networks, figure 12, (52) and (53): the lowest layer reads
    the window of the step before, the others that of the same step. So only the lowest one needs the loop; the others
    run over the whole sequence, each by the fastest kernel that can.

    x [T, B, I], output [T, B, sum of H]; the context is a `Memory`. The state is the tuple of the layers' states, and
    records are named 0.phi, 0.kappa, 0.window, 1.i and so on. Like a `Stack` of recurrent layers it is a cell itself:
    unroll() over it equals forward().
    """

    def __init__(self, windowed: Windowed, above: Iterable[Cell] = ()) -> None:
        super().__init__()
        self.layers = nn.ModuleList(map(Recurrent, [windowed, *above]))
        self.symbols = windowed.symbols
        self.input_size = windowed.input_size
        for index in range(1, len(self.layers)):
            expected = self.input_size + self.symbols + self._width(index - 1)
            if self[index].input_size != expected:
                raise SpecError(
                    f"layer {index} must have input_size={expected}, the input, the window and the layer below, "
                    f"got {self[index].input_size}; build it with that size"
                )
        self.output_size = sum(map(self._width, range(len(self.layers))))

    def __getitem__(self, index: int) -> Recurrent:
        return cast(Recurrent, self.layers[index])

    def _width(self, index: int) -> int:
        """The units of a layer, without the window."""
        return self[index].output_size - (0 if index else self.symbols)

    @property
    def records(self) -> tuple[str, ...]:
        return tuple(f"{index}.{name}" for index in range(len(self.layers)) for name in self[index].records)

    def init_state(self, batch_size: int, *, generator: torch.Generator | None = None) -> State:
        return tuple(self[index].init_state(batch_size, generator=generator) for index in range(len(self.layers)))

    def redraw(self, state: State, generator: torch.Generator | None = None) -> State:
        return tuple(self[index].redraw(part, generator) for index, part in enumerate(state))

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

        def go(index: int, x: Tensor) -> Unrolled:
            names = within(str(index), record)
            found: Unrolled = self[index](x, state[index], lengths, context=context, generator=generator, record=names)
            return found

        return Unrolled(*self._through(x, go))

    def project(self, x: Tensor) -> Tensor:
        """x itself, which all layers read."""
        return x

    def step(self, projected: Tensor, state: State, context: Any = None) -> tuple[StepOutput, State]:
        """All layers through one step: x_t [B, I], the layers' states, the memory -> y_t, the layers' states."""

        def go(index: int, x: Tensor) -> Unrolled:
            cell = self[index].cell
            shown, after = cell.step(cell.project(x), state[index], context)
            return Unrolled(shown.h, after, shown.extras)

        output, states, extras = self._through(projected, go)
        return StepOutput(output, extras), states

    def _through(
        self, x: Tensor, go: Callable[[int, Tensor], Unrolled]
    ) -> tuple[Tensor, tuple[State, ...], dict[str, Tensor]]:
        """The layers one after the other, each by `go(index, what it reads)`: y, the states, the records."""
        outputs: list[Tensor] = []
        states: list[State] = []
        records: dict[str, Tensor] = {}
        reads = x
        for index in range(len(self.layers)):
            output, after, shown = go(index, reads)
            if index == 0:
                x = torch.cat([x, output[..., : self.symbols]], -1)  # the window, from here on
                output = output[..., self.symbols :]
            reads = torch.cat([x, output], -1)
            outputs.append(output)
            states.append(after)
            records |= under(str(index), shown)
        return torch.cat(outputs, -1), tuple(states), records
