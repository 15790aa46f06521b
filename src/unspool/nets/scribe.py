"""The pen's points in, a distribution over the next point out: networks that write, without a text and from one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from unspool.cells.base import Cell, State
from unspool.cells.elman import Elman
from unspool.cells.gru import GRU
from unspool.cells.lstm import LSTM
from unspool.engine.checks import Lengths, check_lengths
from unspool.engine.layers import Recurrent, Stack, build_cell
from unspool.engine.plan import PlannedLayer
from unspool.engine.unroll import Unrolled
from unspool.engine.writing import WritingPlan
from unspool.errors import ShapeError, SpecError
from unspool.heads.mixture import POINT, PenMixture
from unspool.nets.clipping import ClippedLSTM, Clipping
from unspool.nets.initialise import initialise
from unspool.nets.noise import noisy, weight_noise
from unspool.nets.reading import ReadingStack
from unspool.nets.window import Memory, Windowed


class Written(NamedTuple):
    """What a network that writes returns."""

    raw: Tensor  # [T, B, S], of a step [B, S], for the head
    state: State
    record: dict[str, Tensor]


class Scribe(nn.Module):
    r"""Recurrent layers, every one of which reaches the output, and the raw numbers of a `PenMixture`.

    .. math:: h_t, s_t = \mathrm{stack}(x_t, s_{t-1}), \quad \hat y_t = W h_t + b, \quad
        x_{t+1} \sim \mathrm{head}(\hat y_t)

    Args:
        stack: what runs over the points; `PredictionNet` and `SynthesisNet` build theirs.
        head: of the next point.
        clipping: bounds on derivatives inside back-propagation; None for none.
        noise, adaptive_noise: as of `SequenceNet`.

    Shapes: x and target [T, B, 3], dx, dy and end of stroke; raw [T, B, 6 M + 1].
    """

    def __init__(
        self,
        stack: Stack | ReadingStack,
        head: PenMixture,
        *,
        clipping: Clipping | None,
        noise: float,
        adaptive_noise: bool,
    ) -> None:
        super().__init__()
        self.stack, self.head, self.clipping = stack, head, clipping
        self.output = nn.Linear(stack.output_size, head.size)
        initialise(self)
        self.noise = weight_noise(self, noise, adaptive_noise)

    def init_state(self, batch_size: int) -> State:
        """Return the state of a pen that has written nothing."""
        return self.stack.init_state(batch_size)

    @noisy
    def forward(
        self,
        x: Tensor,
        state: State = None,
        lengths: Lengths = None,
        *,
        memory: Memory | None = None,
        generator: torch.Generator | None = None,
        record: Sequence[str] = (),
    ) -> Written:
        """Return the distribution of the point after each of x [T, B, 3], and the state after the last."""
        found = self._hidden(x, state, lengths, memory, generator, record)
        return Written(self.output(found.output), found.state, found.record)

    @noisy
    def nats(
        self,
        x: Tensor,
        target: Tensor,
        state: State = None,
        lengths: Lengths = None,
        *,
        memory: Memory | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, State]:
        """Return -log p of each of target [T, B, 3] after x [T, B, 3], 0 beyond the lengths, [T, B], and the state."""
        found = self._hidden(x, state, lengths, memory, generator)
        beyond = _beyond(lengths, x)
        raw = self.output(found.output)
        if self.clipping is not None:
            raw = self.clipping.limited(raw, self.clipping.outputs)
        nats = -self.head.log_prob(raw, target if beyond is None else target.masked_fill(beyond.unsqueeze(2), 0))
        if self.clipping is not None:
            nats = self.clipping.measured(nats)
        return nats if beyond is None else nats.masked_fill(beyond, 0), found.state

    def step(self, point: Tensor, state: State, memory: Memory | None = None) -> Written:
        """Return the distribution of the point after this one, [B, 3], and the state after it; records everything.

        It equals forward() on a sequence of one step, without noise.
        """
        shown, after = self.stack.step(self.stack.project(point), state, memory)
        return Written(self.output(shown.h), after, shown.extras)

    def generation_plan(self) -> WritingPlan | str:
        """Return what the native pen is told of this network, or why it must be stepped in Python."""
        if isinstance(self.stack, Stack) and (not self.stack.skip or self.stack.residual):
            return "the native pen knows layers that all read the point and reach the output only"
        layers: list[PlannedLayer] = []
        symbols, window = 0, None
        for index, layer in enumerate(self.stack.layers):
            cell = layer.cell if type(layer) is Recurrent else layer
            if index == 0 and type(cell) is Windowed:
                symbols, window, cell = cell.symbols, cell.shape, cell.cell
            if type(cell) not in (Elman, LSTM, GRU, ClippedLSTM):  # a subclass may have changed the step
                return f"the native pen has no {type(cell).__name__}"
            layers.append(PlannedLayer(cast(Any, cell), False, layers[-1].cell.hidden_size if layers else 0))
        return WritingPlan(tuple(layers), symbols, window, self.output)

    def _hidden(
        self,
        x: Tensor,
        state: State,
        lengths: Lengths,
        memory: Memory | None,
        generator: torch.Generator | None,
        record: Sequence[str] = (),
    ) -> Unrolled:
        if self.clipping is not None:
            self.clipping.unmeasured()
        if state is not None and self.training:
            state = self.stack.redraw(state, generator)
        found: Unrolled = self.stack(x, state, lengths, context=memory, generator=generator, record=record)
        return found


class PredictionNet(Scribe):
    """A deep network that writes what it likes, or goes on with what was written: Graves (2013), section 4.

    Args:
        hidden_size, layers: 400 and 3 in the paper.
        components: M of the mixture.
        cell, options: of `build_cell`; an LSTM has peepholes unless `peephole=False`.
        The rest are the arguments of `Scribe`.
    """

    def __init__(
        self,
        hidden_size: int = 400,
        layers: int = 3,
        *,
        components: int = 20,
        cell: str = "lstm",
        clipping: Clipping | None = None,
        noise: float = 0.0,
        adaptive_noise: bool = False,
        **options: Any,
    ) -> None:
        cells = _cells(cell, POINT, hidden_size, layers, clipping, options)
        stack = Stack(map(Recurrent, cells), skip=True)
        super().__init__(stack, PenMixture(components), clipping=clipping, noise=noise, adaptive_noise=adaptive_noise)


class SynthesisNet(Scribe):
    """A deep network that writes a text, which it reads through a soft window: Graves (2013), section 5.

    Its calls need `memory`, the texts (`unspool.nets.window.remembered`).

    Args:
        symbols: V, the size of the alphabet.
        window: K, the components of the window; pace: the symbols a point that it moves by untrained.
        The rest are the arguments of `PredictionNet`.
    """

    def __init__(
        self,
        symbols: int,
        hidden_size: int = 400,
        layers: int = 3,
        *,
        components: int = 20,
        window: int = 10,
        pace: float = 0.04,
        cell: str = "lstm",
        clipping: Clipping | None = None,
        noise: float = 0.0,
        adaptive_noise: bool = False,
        **options: Any,
    ) -> None:
        lowest, *above = _cells(cell, POINT + symbols, hidden_size, layers, clipping, options)
        stack = ReadingStack(Windowed(lowest, symbols, window, pace=pace), above)
        super().__init__(stack, PenMixture(components), clipping=clipping, noise=noise, adaptive_noise=adaptive_noise)


def shifted(points: Tensor, before: Tensor | None = None) -> Tensor:
    """Return what the network reads while it predicts points [T, B, 3]: a null vector first, then all but the last.

    Where a window of a longer sequence begins, `before` [B, 3] is the last point of the window before it.
    """
    if points.dim() != 3 or points.shape[2] != POINT:
        raise ShapeError(f"points must be [T, B, 3], got {list(points.shape)}; put dx, dy and end of stroke last")
    first = torch.zeros_like(points[:1]) if before is None else before.unsqueeze(0)
    return torch.cat([first, points[:-1]])


def _cells(
    name: str, shared: int, hidden_size: int, layers: int, clipping: Clipping | None, options: dict[str, Any]
) -> list[Cell]:
    """The cells of the layers, all of which read `shared` numbers, and all but the first the layer below."""
    if layers < 1:
        raise SpecError(f"layers must be at least 1, got {layers}; give the number of layers")
    sizes = [shared] + (layers - 1) * [shared + hidden_size]
    if name == "lstm":
        options = {"peephole": not options.get("layer_norm", False)} | options
    if clipping is None or clipping.inputs == math.inf:
        return [build_cell(name, size, hidden_size, **options) for size in sizes]
    if name != "lstm" or not options.keys() <= {"peephole", "recurrent_dropout"}:
        raise SpecError(
            f"derivatives of inputs are bounded in a plain LSTM only, got cell={name!r} with {sorted(options)}; "
            "leave them out, or give Clipping(inputs=inf)"
        )
    return [ClippedLSTM(size, hidden_size, clipping, **options) for size in sizes]


def _beyond(lengths: Lengths, x: Tensor) -> Tensor | None:
    """Where the sequences have ended, bool [T, B]; None where all fill every step."""
    spans = check_lengths(lengths, *x.shape[:2])
    if spans is None:
        return None
    return (torch.arange(len(x)).unsqueeze(1) >= torch.tensor(spans)).to(x.device)
