"""The native pen: points drawn from a network's own mixtures and fed back in C++, until the text is finished."""

from __future__ import annotations

import ctypes
import time
import weakref
from collections.abc import Iterator, Sequence
from ctypes import byref, c_int32, c_int64, c_uint64, c_void_p
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from unspool.cells import state as trees
from unspool.cells.lstm import LSTM
from unspool.engine import structures
from unspool.engine.dispatch import enabled
from unspool.engine.generator import WEIGHTS, Chunks, kept, planned, pointer
from unspool.engine.library import absence, check, isa
from unspool.engine.plan import PlannedLayer
from unspool.engine.structures import pen_library
from unspool.errors import DataError, SpecError

POINT = 3  # dx, dy, end of stroke


@dataclass(frozen=True)
class WritingPlan:
    """Points and a window's view -> layers, all of which read both and reach the output -> a pen's mixture.

    Layer l reads [x; w; h of the layer below]. Without a window there is no w, and no symbols.
    """

    layers: tuple[PlannedLayer, ...]
    symbols: int
    window: nn.Linear | None  # [3K, H of the lowest layer]
    output: nn.Linear  # [6M + 1, all units]

    def parameters(self) -> Iterator[Tensor]:
        """Every tensor that the points depend on."""
        for layer in self.layers:
            yield from layer.cell.parameters()
        for module in (self.window, self.output):
            if module is not None:
                yield from module.parameters()

    def smallest(self) -> str:
        """The fewest bytes in which the matrices lose nothing: bf16 or f32."""
        cells = [weight for layer in self.layers for weight in (layer.cell.weight_ih, layer.cell.weight_hh)]
        exact = all(bool((weight.bfloat16() == weight).all()) for weight in (*cells, self.output.weight))
        return "bf16" if exact else "f32"

    def unsuitable(self) -> str | None:
        """Why the native pen cannot write with these tensors; None if it can."""
        for layer in self.layers:
            if layer.cell.training and layer.cell.recurrent_dropout:
                return "the native pen has no dropout; call eval()"
        for parameter in self.parameters():
            if parameter.device.type != "cpu":
                return f"the native pen writes on the cpu only, not on {parameter.device.type}"
            if parameter.dtype != torch.float32:
                return f"the native pen reads float32, not {str(parameter.dtype).removeprefix('torch.')}"
        return None


class WindowText(NamedTuple):
    """What the window reads: values [B, U, V] and their ends [B], as in a memory."""

    values: Tensor
    ends: Tensor


class Trace(NamedTuple):
    """One sample: points [T, 3], the window's weights phi [T, U + 1], and whether the stop rule ended it."""

    points: Tensor
    phi: Tensor
    finished: bool


class Writer:
    """A network's weights, converted to float32, bfloat16 or bytes with a scale for each row, ready to write.

    It keeps the weights as they were when it was made, and no state. A sample depends on nothing of the others, bit by
    bit. Its sums are those of the Python loop up to rounding, its random numbers the same.

    Args:
        plan: what `net.generation_plan()` gave.
        weights: "f32", "bf16" or "int8"; those of the window, biases and states stay float32.
    """

    def __init__(self, plan: WritingPlan, weights: str = "f32") -> None:
        if weights not in WEIGHTS:
            raise SpecError(f"--weights must be one of {', '.join(WEIGHTS)}, got {weights!r}; f32 changes nothing")
        native = pen_library()
        if native is None:
            raise SpecError(absence())
        isa()  # the one that UNSPOOL_KERNELS asks for
        self.weights, self.symbols = weights, plan.symbols
        self.components = 0 if plan.window is None else plan.window.out_features // 3
        self.state_size = sum(layer.cell.hidden_size * (1 + isinstance(layer.cell, LSTM)) for layer in plan.layers)
        count, held = len(plan.layers), []  # type: int, list[Tensor]
        with torch.no_grad():
            layers = (structures.PlannedLayer * count)(*(planned(layer, None, held) for layer in plan.layers))
            fed = [layer.cell.weight_ih[:, : POINT + plan.symbols] for layer in plan.layers]
            inputs = (c_void_p * count)(*(pointer(weight, held) for weight in fed))
            output = [pointer(tensor, held) for tensor in (plan.output.weight, plan.output.bias)]
            base = structures.Plan(plan.output.out_features, count, layers, 1, *output, WEIGHTS.index(weights))
            window = [] if plan.window is None else [pointer(t, held) for t in (plan.window.weight, plan.window.bias)]
            made = structures.PenPlan(base, plan.symbols, self.components, ctypes.addressof(inputs), *window)
            self._handle = native.unspool_pen_create(byref(made))
        if not self._handle:
            raise MemoryError("there is not enough memory for the weights of this network")
        weakref.finalize(self, native.unspool_generator_free, self._handle)

    @torch.no_grad()
    def write(
        self,
        state: Any,
        point: Tensor,
        text: WindowText | None,
        samples: Sequence[int],
        seed: int = 0,
        sharpness: float = 1.0,
        *,
        limit: int,
    ) -> list[Trace]:
        """Write a sample for each of `samples`, all from the same start: the network's state and last point [1, 3].

        The text has one row. A sample ends before the point at which the window has moved behind it (section 5.3 of
        Graves 2013), or after `limit` points.

        Raises:
            DataError: the mixture is no number.
        """
        native = pen_library()
        assert native is not None
        rows = len(samples)
        room = _Room(self, state, point, text, rows)
        numbers, counts, ended = (c_uint64 * rows)(*samples), (c_int64 * rows)(), (c_int32 * rows)()
        parts: list[list[tuple[Tensor, Tensor]]] = [[] for _ in range(rows)]
        done, chunks = 0, Chunks(torch.get_num_threads())
        while done < limit and not all(ended):
            steps, threads = chunks.next()
            steps = min(steps, limit - done)
            points, phi = torch.empty(steps, rows, POINT), torch.empty(steps, rows, room.places)
            shared = [ctypes.addressof(array) for array in (counts, ended)]
            call = structures.PenCall(
                *(rows, steps, room.width, *room.pointers()),
                *(sharpness, seed, ctypes.addressof(numbers), done, points.data_ptr(), phi.data_ptr(), *shared),
                threads,
            )
            began = time.perf_counter()
            check(native.unspool_pen_write(self._handle, byref(call)))
            chunks.took(steps, threads, time.perf_counter() - began)
            for row, count in enumerate(counts):
                parts[row].append((points[:count, row], phi[:count, row]))
            done += steps
        return [_trace(part, bool(finished)) for part, finished in zip(parts, ended, strict=True)]


class _Room:
    """What a call reads and writes from chunk to chunk, a row for each sample."""

    def __init__(self, writer: Writer, state: Any, point: Tensor, text: WindowText | None, rows: int) -> None:
        cells, held = state, [point.new_empty(1, 0)] * 2
        if writer.components:
            assert text is not None
            lowest, *above = state
            cells, held = (lowest.cell, *above), [lowest.kappa, lowest.window]
        flat = torch.cat([leaf.detach() for leaf in trees.leaves(cells)], dim=1)
        if flat.shape != (1, writer.state_size):
            raise SpecError(f"the state must hold {writer.state_size} numbers, got {list(flat.shape)}; give one row")
        start = [tensor.detach().expand(rows, -1) for tensor in (flat, *held, point)]
        self.state, self.kappa, self.window, self.point = (tensor.float().clone().contiguous() for tensor in start)
        self.values = self.ends = None
        self.width, self.places = 0, 0
        if text is not None:
            self.values = text.values.float().expand(rows, -1, -1).contiguous()
            self.ends = text.ends.to(torch.int64).expand(rows).contiguous()
            self.width = text.values.shape[1]
            self.places = self.width + 1
            if self.values.shape[2] != writer.symbols:
                raise SpecError(f"a text must be [1, U, {writer.symbols}], got {list(text.values.shape)}")
            if not 1 <= int(self.ends.min()) <= int(self.ends.max()) <= self.width:
                raise SpecError(f"a text must end after 1 to {self.width} symbols, got {text.ends.tolist()}")

    def pointers(self) -> list[int | None]:
        """In the order of `unspool_pen_call`."""
        tensors = (self.values, self.ends, self.state, self.kappa, self.window, self.point)
        return [None if tensor is None else tensor.data_ptr() for tensor in tensors]


def _trace(parts: list[tuple[Tensor, Tensor]], finished: bool) -> Trace:
    points, phi = (torch.cat(column) for column in zip(*parts, strict=True))
    if bool(points.isnan().any()):
        first = int(points.isnan().any(1).nonzero()[0])
        raise DataError(
            f"every point must come from a mixture of numbers, that after {first} points does not; "
            "a diverged network gives nan (use an earlier model)"
        )
    return Trace(points, phi, finished)


def native_writer(net: Any, weights: str = "f32") -> Writer | str:
    """The writer of a network that has a `generation_plan()`, or why it must be stepped in Python.

    "f32" changes no weight; where bf16 holds all of them exactly, as those of a file that stores them so, it is read as
    bf16. The writer is kept with the network for as long as the weights stay as they are.
    """
    if not enabled():
        return "kernels are switched off"
    if pen_library() is None:
        return absence()
    plan = net.generation_plan()
    if isinstance(plan, str):
        return plan
    reason: str | None = plan.unsuitable()

    def make() -> Writer:
        return Writer(plan, plan.smallest() if weights == "f32" else weights)

    return reason or kept(net, weights, plan.parameters(), make)
