"""Layers on top of each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from unspool.cells.base import Cell, State, StepOutput
from unspool.engine.checks import Lengths, check_input, check_lengths, check_record
from unspool.engine.dropout import dropout
from unspool.engine.recurrent import Layer, Recurrent, under, within
from unspool.engine.unroll import Unrolled
from unspool.errors import SpecError


class Stack(Layer):
    """Layers on top of each other, each over the whole sequence before the next one.

    x^1 = x, x^l = y^{l-1}, output = y^L;    with skip=True: x^l = [x; y^{l-1}], output = [y^1; ...; y^L]
    y^l = h^l;    with residual=True: y^l = h^l + y^{l-1} where both are as wide, y^0 = x, else y^l = h^l

    h^l is what layer l gives. With skip, the input reaches every layer and every layer reaches the output: Graves
    (2013), Generating Sequences With Recurrent Neural Networks, (1)-(5) and fig. 1. With residual, a layer adds to
    what it reads: Wu et al. (2016), Google's Neural Machine Translation System, (6); Prakash et al. (2016), Neural
    Paraphrase Generation with Stacked Residual LSTM Networks. Where the widths differ, nothing is added: a matrix that
    made them equal would be one more layer. Both may be on together.

    Dropout acts on what a layer takes from the one below it, in training, anew at every step, as in torch.nn; what is
    added stays whole. The state is the tuple of the layers' states; records are named 0.i, 1.i and so on.

    A stack of Recurrent layers is a cell itself: project() and step() run all its layers through one step,
    and unroll() over it equals forward(). A step in training draws its dropout from torch's own generator.
    """

    def __init__(
        self, layers: Iterable[Layer], dropout: float = 0.0, skip: bool = False, residual: bool = False
    ) -> None:
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
        self.residual = residual
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
        if self.residual:
            x = _within_lengths(x, lengths)
        outputs: list[Tensor] = []
        states: list[State] = []
        records: dict[str, Tensor] = {}
        for index, layer in enumerate(self):
            share = x if index == 0 else self._between(x, outputs[-1], generator)
            names = within(str(index), record)
            output, after, shown = layer(
                share, state[index], lengths, context=context, generator=generator, record=names
            )
            outputs.append(self._added(output, outputs[-1] if outputs else x))
            states.append(after)
            records |= under(str(index), shown)
        return Unrolled(self._output(outputs), tuple(states), records)

    def _between(self, x: Tensor, below: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """What a layer above the first reads."""
        below = dropout(below, self.dropout, self.training, generator)
        return torch.cat([x, below], dim=-1) if self.skip else below

    def _added(self, h: Tensor, below: Tensor) -> Tensor:
        """y^l from h^l and y^{l-1}."""
        return h + below if self.residual and h.shape[-1] == below.shape[-1] else h

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

    @property
    def _hands_on_x(self) -> bool:
        """Whether a step needs x itself beside the first layer's share of it."""
        return self.skip or (self.residual and self[0].output_size == self.input_size)

    def project(self, x: Tensor) -> Tensor:
        """The first layer's share [..., G*H], followed by x where skip or residual needs it."""
        share = self._cells()[0].project(x)
        return torch.cat([share, x], dim=-1) if self._hands_on_x else share

    def step(self, projected: Tensor, state: State, context: Any = None) -> tuple[StepOutput, State]:
        """All layers through one step: project(x_t), the layers' states -> h_t, the layers' states."""
        share, x = projected, projected[:, :0]
        if self._hands_on_x:
            share, x = projected[:, : -self.input_size], projected[:, -self.input_size :]
        outputs: list[Tensor] = []
        states: list[State] = []
        extras: dict[str, Tensor] = {}
        for index, cell in enumerate(self._cells()):
            if index > 0:
                share = cell.project(self._between(x, outputs[-1]))
            shown, after = cell.step(share, state[index], context)
            outputs.append(self._added(shown.h, outputs[-1] if outputs else x))
            states.append(after)
            extras |= under(str(index), shown.extras)
        return StepOutput(self._output(outputs), extras), tuple(states)


def _within_lengths(x: Tensor, lengths: Lengths) -> Tensor:
    """x [T, B, I] with 0 beyond each length, where anything may stand."""
    spans = check_lengths(lengths, *x.shape[:2])
    if spans is None:
        return x
    beyond = torch.arange(len(x)).unsqueeze(1) >= torch.tensor(spans)  # [T, B]
    return x.masked_fill(beyond.unsqueeze(2).to(x.device), 0)
