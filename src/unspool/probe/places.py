"""Where the recurrent layers of a network are, and what a person calls them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from unspool.engine.layers import Bidirectional, Layer, Recurrent, Stack
from unspool.errors import SpecError


class Place(NamedTuple):
    """One cell over time: the number of its layer (1 next to the input) and, if there are two, its direction."""

    layer: int
    direction: str  # "", "forward" or "backward"
    recurrent: Recurrent

    @property
    def name(self) -> str:
        """What tables and pictures call it."""
        return f"layer {self.layer} {self.direction}".rstrip()


def stack_of(model: nn.Module) -> Stack:
    """Return the recurrent stack of a network.

    Raises:
        SpecError: it has none.
    """
    for module in model.modules():
        if isinstance(module, Stack):
            return module
    raise SpecError(f"a probe needs a network with a recurrent stack, {type(model).__name__} has none; give another")


def places(model: nn.Module) -> list[Place]:
    """Return every recurrent layer of a network's stack, from the input up."""
    return [place for number, layer in enumerate(stack_of(model), start=1) for place in of_layer(number, layer)]


def of_layer(number: int, layer: Layer) -> list[Place]:
    """Return the one or two directions of a layer, in the order in which its output holds them."""
    if isinstance(layer, Bidirectional):
        return [Place(number, "forward", layer.ahead), Place(number, "backward", layer.back)]
    return [Place(number, "", layer)] if isinstance(layer, Recurrent) else []


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Turn dropout off for the block."""
    was = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was)


def spans_of(arguments: tuple[Any, ...], keywords: dict[str, Any], output: Tensor) -> Tensor:
    """Return each sequence's number of steps, [B], from a call layer(x, state, lengths) and its output [T, B, H]."""
    lengths = arguments[2] if len(arguments) > 2 else keywords.get("lengths")
    if lengths is None:
        return torch.full((output.shape[1],), output.shape[0])
    return torch.as_tensor(lengths).cpu()
