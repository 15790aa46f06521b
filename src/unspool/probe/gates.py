r"""What gates and states do while a network reads: their means, their ranges, and how often they are saturated.

A sigmoid gate is saturated below 0.1 and above 0.9, a tanh value below -0.9 and above 0.9: there its derivative is
small, :math:`\sigma' = \sigma(1 - \sigma) < 0.09`, :math:`\tanh' = 1 - \tanh^2 < 0.19`. Karpathy, Johnson and Fei-Fei
(2015), Visualizing and Understanding Recurrent Networks, section 4.2, count gates with the same bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from unspool.cells.base import Cell
from unspool.engine.unroll import Unrolled
from unspool.probe.places import Place, evaluating, places, spans_of

Batch = TypeVar("Batch")


class Bounds(NamedTuple):
    """Where a quantity counts as saturated: at or below `low`, above `high`."""

    low: float
    high: float


GATE, VALUE = Bounds(0.1, 0.9), Bounds(-0.9, 0.9)
MEMORY = Bounds(-1.0, 1.0)  # outside of what a tanh can show: nothing bounds the memory of an LSTM
RECTIFIED = Bounds(0.0, float("inf"))  # a relu that is off
KINDS = {"i": GATE, "f": GATE, "o": GATE, "r": GATE, "z": GATE, "g": VALUE, "n": VALUE, "c": MEMORY}
STATES = {"relu": RECTIFIED, "sigmoid": GATE}
SUMS = ("a",)  # before the nonlinearity: h itself is shown


@dataclass(frozen=True)
class Activity:
    """One recorded quantity of one layer over all units and steps: `below` is the share at or below `low`, `above` the
    share above `high`.
    """

    layer: int
    direction: str
    name: str
    mean: float
    smallest: float
    largest: float
    low: float
    high: float
    below: float
    above: float


def activities(model: nn.Module, run: Callable[[Batch], Any], batches: Iterable[Batch]) -> list[Activity]:
    """Return what gates, memory and output h of every layer did while the model read the batches.

    The layers record what their cells can show, through the loop; steps beyond a sequence's length do not count.

    Args:
        model: a network with one `Stack`; its weights are left alone.
        run: runs the model on a batch.
        batches: what to run it on.
    """
    found = places(model)
    seen: list[dict[str, list[Tensor]]] = [{} for _ in found]
    handles = [handle for place, columns in zip(found, seen, strict=True) for handle in _watch(place, columns)]
    try:
        with evaluating(model), torch.no_grad():
            for batch in batches:
                run(batch)
    finally:
        for handle in handles:
            handle.remove()
    return [
        _measure(place, name, torch.cat(column))
        for place, columns in zip(found, seen, strict=True)
        for name, column in columns.items()
    ]


def _watch(place: Place, columns: dict[str, list[Tensor]]) -> list[Any]:
    """Let a layer record all it can, and gather what it recorded where there are steps, [N, H] for each call."""
    names = [name for name in place.recurrent.cell.records if name not in SUMS]

    def ask(_: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return arguments, {**keywords, "record": names}

    def gather(_: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any], result: Unrolled) -> None:
        spans = spans_of(arguments, keywords, result.output)
        alive = (torch.arange(len(result.output))[:, None] < spans).to(result.output.device)  # [T, B]
        for name, tensor in {**result.record, "h": result.output}.items():
            columns.setdefault(name, []).append(tensor[alive].cpu())

    return [
        place.recurrent.register_forward_pre_hook(ask, with_kwargs=True),
        place.recurrent.register_forward_hook(gather, with_kwargs=True),
    ]


def bounds_of(cell: Cell, name: str) -> Bounds:
    """Return where a quantity of a cell is saturated."""
    if name == "h":
        return STATES.get(str(getattr(cell, "nonlinearity", "")), VALUE)
    return KINDS.get(name, VALUE)


def _measure(place: Place, name: str, values: Tensor) -> Activity:
    bounds = bounds_of(place.recurrent.cell, name)
    return Activity(
        place.layer,
        place.direction,
        name,
        mean=float(values.double().mean()),
        smallest=float(values.min()),
        largest=float(values.max()),
        low=bounds.low,
        high=bounds.high,
        below=float((values <= bounds.low).double().mean()),
        above=float((values > bounds.high).double().mean()),
    )
