"""Stacks of layers over time; the layers they are made of can be had from here too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from unspool.cells import CELLS
from unspool.cells.base import Cell, State, StepOutput
from unspool.engine.checks import Lengths, check_input, check_record
from unspool.engine.dropout import dropout
from unspool.engine.recurrent import Bidirectional, BidirectionalState, Layer, Recurrent, under, within
from unspool.engine.unroll import Unrolled
from unspool.errors import SpecError

__all__ = ["Bidirectional", "BidirectionalState", "Layer", "Recurrent", "Stack", "build_stack"]


class Stack(Layer):
    """Layers on top of each other, each over the whole sequence before the next one.

    x^1 = x, x^l = h^{l-1}, output = h^L;    with skip=True: x^l = [x; h^{l-1}], output = [h^1; ...; h^L]

    With skip, the input reaches every layer and every layer reaches the output: Graves (2013), Generating
    Sequences With Recurrent Neural Networks, (1)-(5) and fig. 1. Dropout acts on what a layer takes from the
    one below it, in training, anew at every step, as in torch.nn. The state is the tuple of the layers'
    states; records are named 0.i, 1.i and so on.

    A stack of Recurrent layers is a cell itself: project() and step() run all its layers through one step,
    and unroll() over it equals forward(). A step in training draws its dropout from torch's own generator.
    """

    def __init__(self, layers: Iterable[Layer], dropout: float = 0.0, skip: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        if not self.layers:
            raise SpecError("a stack must hold at least one layer, got none; give it a list of layers")
        if not 0.0 <= dropout < 1.0:
            raise SpecError(
                f"dropout must be at least 0 and less than 1, got {dropout}; it is the share that is dropped"
            )
        self.dropout = dropout
        self.skip = skip
        self.input_size = self[0].input_size
        self.output_size = sum(layer.output_size for layer in self) if skip else self[-1].output_size
        for index in range(1, len(self)):
            expected = self[index - 1].output_size + (self.input_size if skip else 0)
            if self[index].input_size != expected:
                raise SpecError(
                    f"layer {index} must have input_size={expected}, which is what reaches it, "
                    f"got {self[index].input_size}; build_stack() works the sizes out"
                )

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Layer:
        return cast(Layer, self.layers[index])

    def __iter__(self) -> Iterator[Layer]:
        return (cast(Layer, layer) for layer in self.layers)

    @property
    def records(self) -> tuple[str, ...]:
        return tuple(f"{index}.{name}" for index, layer in enumerate(self) for name in layer.records)

    def init_state(self, batch_size: int, *, generator: torch.Generator | None = None) -> State:
        return tuple(layer.init_state(batch_size, generator=generator) for layer in self)

    def redraw(self, state: State, generator: torch.Generator | None = None) -> State:
        return tuple(layer.redraw(part, generator) for layer, part in zip(self, state, strict=True))

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
        outputs: list[Tensor] = []
        states: list[State] = []
        records: dict[str, Tensor] = {}
        for index, layer in enumerate(self):
            share = x if index == 0 else self._between(x, outputs[-1], generator)
            names = within(str(index), record)
            output, after, shown = layer(share, state[index], lengths, context=context, record=names)
            outputs.append(output)
            states.append(after)
            records |= under(str(index), shown)
        return Unrolled(self._output(outputs), tuple(states), records)

    def _between(self, x: Tensor, below: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """What a layer above the first reads."""
        below = dropout(below, self.dropout, self.training, generator)
        return torch.cat([x, below], dim=-1) if self.skip else below

    def _output(self, outputs: list[Tensor]) -> Tensor:
        return torch.cat(outputs, dim=-1) if self.skip else outputs[-1]

    def _cells(self) -> list[Cell]:
        for layer in self:
            if not isinstance(layer, Recurrent):
                raise SpecError(
                    f"only a stack of Recurrent layers can be stepped, got a {type(layer).__name__}; "
                    "call forward() on the whole sequence"
                )
        return [cast(Recurrent, layer).cell for layer in self]

    def project(self, x: Tensor) -> Tensor:
        """The first layer's share [..., G*H]; with skip followed by x, which the layers above read too."""
        share = self._cells()[0].project(x)
        return torch.cat([share, x], dim=-1) if self.skip else share

    def step(self, projected: Tensor, state: State, context: Any = None) -> tuple[StepOutput, State]:
        """All layers through one step: project(x_t), the layers' states -> h_t, the layers' states."""
        share, x = projected, projected
        if self.skip:
            share, x = projected[:, : -self.input_size], projected[:, -self.input_size :]
        outputs: list[Tensor] = []
        states: list[State] = []
        extras: dict[str, Tensor] = {}
        for index, cell in enumerate(self._cells()):
            if index > 0:
                share = cell.project(self._between(x, outputs[-1]))
            shown, after = cell.step(share, state[index], context)
            outputs.append(shown.h)
            states.append(after)
            extras |= under(str(index), shown.extras)
        return StepOutput(self._output(outputs), extras), tuple(states)


def build_stack(
    cell: str,
    input_size: int,
    hidden_size: int,
    layers: int,
    *,
    bidirectional: bool = False,
    dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
    skip: bool = False,
    peephole: bool = False,
    nonlinearity: str = "tanh",
    reset: str = "after",
    recompute: bool = False,
    precision: str = "float32",
) -> Stack:
    """A stack of `layers` equal layers of "rnn", "lstm" or "gru", with the options of cell and stack."""
    if precision not in ("float32", "bf16"):
        raise SpecError(f"precision must be float32 or bf16, got {precision!r}; choose one of them")
    if cell not in CELLS:
        raise SpecError(f"cell must be one of {', '.join(CELLS)}, got {cell!r}; choose one of them")
    if layers < 1:
        raise SpecError(f"layers must be at least 1, got {layers}; give the number of layers")
    options: dict[str, Any] = {"recurrent_dropout": recurrent_dropout}
    for name, value, default, owner in (
        ("peephole", peephole, False, "lstm"),
        ("nonlinearity", nonlinearity, "tanh", "rnn"),
        ("reset", reset, "after", "gru"),
    ):
        if cell == owner:
            options[name] = value
        elif value != default:
            raise SpecError(f"{name} is an option of the cell {owner!r}, got it for {cell!r}; leave it out")

    def recurrent(size: int) -> Recurrent:
        made: Any = CELLS[cell](size, hidden_size, **options)
        made.precision = precision
        return Recurrent(made, recompute=recompute)

    stack: list[Layer] = []
    size = input_size
    for _ in range(layers):
        layer = Bidirectional(recurrent(size), recurrent(size)) if bidirectional else recurrent(size)
        stack.append(layer)
        size = layer.output_size + (input_size if skip else 0)
    return Stack(stack, dropout=dropout, skip=skip)
