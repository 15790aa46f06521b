"""Self-checks of handwriting: the native layer with a window and the native pen against the loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from unspool.cells.state import leaves
from unspool.cli.comparison import BFLOAT16, Comparison, largest, one_thread, with_gradients
from unspool.draws import Draws
from unspool.engine import windowed
from unspool.engine.library import has_bfloat16
from unspool.engine.structures import pen_library
from unspool.engine.unroll import Unrolled, unroll
from unspool.engine.writing import WindowText, Writer
from unspool.heads.mixture import UNIFORMS
from unspool.nets.scribe import SynthesisNet
from unspool.nets.window import remembered

STEPS, BATCH, SYMBOLS, HIDDEN = 24, 3, 11, 40
LAYER, PEN = 2e-5, 1e-3  # a pen goes on from its own points, and so from their rounding


def comparisons() -> Iterator[Comparison]:
    """All of them; none where the native engine was not built."""
    if pen_library() is None:
        return
    yield Comparison("native kernel against the loop, lstm with a window", LAYER, layer_error)
    if has_bfloat16():
        yield Comparison("bf16 kernel against float32, lstm with a window", BFLOAT16, bfloat16_error)
    yield Comparison("native pen against the loop's points", PEN, pen_error)


def layer_error() -> float:
    """Outputs, final state and all gradients of the lowest layer."""
    net = _network()
    with one_thread():
        return largest(_everything(net, windowed.run), _everything(net, unroll))


def bfloat16_error() -> float:
    """The same, with factors rounded to bfloat16 against float32."""
    net = _network()
    with one_thread():
        exact = _everything(net, windowed.run)
        _lowest(net).cell.precision = "bf16"
        return largest(_everything(net, windowed.run), exact)


def _lowest(net: SynthesisNet) -> Any:
    """The cell with the window."""
    return net.stack.layers[0].cell


def _everything(net: SynthesisNet, way: Callable[..., Unrolled]) -> list[Tensor]:
    points = torch.randn(STEPS, BATCH, 3, generator=torch.Generator().manual_seed(1))
    memory = remembered(torch.arange(BATCH * 7).view(BATCH, 7) % SYMBOLS, SYMBOLS)
    cell, x = _lowest(net), points.requires_grad_()
    found = way(cell, x, None, [STEPS, 5, 0], memory)
    return with_gradients([found.output, *leaves(found.state)], [x, *cell.parameters()])


@torch.no_grad()
def pen_error() -> float:
    """The points of a line and its windows, one step after the other in float64."""
    net, number = _network(), 4
    memory, first = remembered(torch.arange(7)[None], SYMBOLS), torch.zeros(1, 3)
    plan = net.generation_plan()
    if isinstance(plan, str):
        raise RuntimeError(plan)
    with one_thread():
        (found,) = Writer(plan).write(
            net.init_state(1), first, WindowText(memory.values, memory.lengths), [number], limit=STEPS
        )
        draws, exact = Draws(0, [number]), net.double()
        places = range(UNIFORMS * len(found.points))
        uniforms = torch.stack([draws.at(place) for place in places]).view(-1, 1, UNIFORMS)
        long = memory._replace(values=memory.values.double(), inside=memory.inside.double())
        state, point, points, path = exact.init_state(1), first.double(), [], []
        for chosen in uniforms:
            raw, state, record = exact.step(point, state, long)
            point = exact.head.sample(raw, uniforms=chosen)
            points.append(point[0])
            path.append(record["0.phi"][0])
    return largest([found.points, found.phi], [torch.stack(points), torch.stack(path)])


def _network() -> SynthesisNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return SynthesisNet(SYMBOLS, HIDDEN, 2, pace=0.1).eval()
