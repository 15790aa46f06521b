"""A stack by the names of its options; the layers it is made of can be had from here too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unspool.cells import CELLS, NORMALISED, DeepTransition
from unspool.cells.base import Cell
from unspool.engine.recurrent import Bidirectional, BidirectionalState, Layer, Recurrent
from unspool.engine.stack import Stack
from unspool.errors import SpecError

__all__ = ["Bidirectional", "BidirectionalState", "Layer", "Recurrent", "Stack", "build_stack"]


def build_stack(
    cell: str,
    input_size: int,
    hidden_size: int | Sequence[int],
    layers: int,
    *,
    bidirectional: bool = False,
    dropout: float = 0.0,
    weight_dropout: float = 0.0,
    skip: bool = False,
    residual: bool = False,
    recompute: bool = False,
    **options: Any,
) -> Stack:
    """A stack of `layers` layers of "rnn", "lstm" or "gru"; `hidden_size` may name one size for each of them.

    `bidirectional` puts two directions into every layer; `weight_dropout` and `recompute` are options of `Recurrent`,
    `dropout`, `skip` and `residual` of `Stack`, the rest of `build_cell`.
    """
    if layers < 1:
        raise SpecError(f"layers must be at least 1, got {layers}; give the number of layers")
    sizes = [hidden_size] * layers if isinstance(hidden_size, int) else list(hidden_size)
    if len(sizes) != layers:
        raise SpecError(
            f"hidden_size must be one number or one for each of the {layers} layers, got {len(sizes)} numbers; "
            "make them as many"
        )

    def recurrent(size: int, hidden: int) -> Recurrent:
        made = build_cell(cell, size, hidden, **options)
        return Recurrent(made, recompute=recompute, weight_dropout=weight_dropout)

    stack: list[Layer] = []
    size = input_size
    for hidden in sizes:
        ahead = recurrent(size, hidden)
        layer = Bidirectional(ahead, recurrent(size, hidden)) if bidirectional else ahead
        stack.append(layer)
        size = layer.output_size + (input_size if skip else 0)
    return Stack(stack, dropout=dropout, skip=skip, residual=residual)


def build_cell(
    cell: str,
    input_size: int,
    hidden_size: int,
    *,
    recurrent_dropout: float = 0.0,
    peephole: bool = False,
    nonlinearity: str = "tanh",
    reset: str = "after",
    layer_norm: bool = False,
    transition_layers: int = 0,
    precision: str = "float32",
) -> Cell:
    """A cell by its name and options; layer normalisation and transition layers make another cell of it."""
    if precision not in ("float32", "bf16"):
        raise SpecError(f"precision must be float32 or bf16, got {precision!r}; choose one of them")
    if cell not in CELLS:
        raise SpecError(f"cell must be one of {', '.join(CELLS)}, got {cell!r}; choose one of them")
    options: dict[str, Any] = {"recurrent_dropout": recurrent_dropout}
    for name, value, default, owner in (
        ("peephole", peephole, False, "lstm"),
        ("nonlinearity", nonlinearity, "tanh", "rnn"),
        ("reset", reset, "after", "gru"),
    ):
        if cell != owner and value != default:
            raise SpecError(f"{name} is an option of the cell {owner!r}, got it for {cell!r}; leave it out")
        if layer_norm and name != "nonlinearity" and value != default:
            raise SpecError(f"layer_norm has no {name}={value!r}; leave one of them out")
        if value != default:
            options[name] = value
    if transition_layers < 0:
        raise SpecError(f"transition_layers must be at least 0, got {transition_layers}; 0 is the plain cell")
    made = (NORMALISED if layer_norm else CELLS)[cell](input_size, hidden_size, **options)
    made.precision = precision
    return DeepTransition(made, transition_layers) if transition_layers else made
