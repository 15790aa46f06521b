"""What the engine asks of the tensors that come in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from unspool.cells.state import leaves
from unspool.errors import DataError, ShapeError, SpecError

Lengths = Tensor | Sequence[int] | None
"""How many steps each of the B sequences has; None means all T."""


class Described(Protocol):
    """A cell or a layer, as far as its input is concerned."""

    input_size: int

    @property
    def records(self) -> tuple[str, ...]: ...


def check_input(cell: Described, x: Tensor) -> None:
    """x is [T, B, I] with the cell's I, at least one step, and the dtype of the weights."""
    size = cell.input_size
    if x.dim() != 3 or x.shape[2] != size or x.shape[0] == 0:
        if x.dim() == 2 and x.shape[1] == size:
            remedy = "add the batch axis with x.unsqueeze(1)"
        elif x.dim() == 3 and x.shape[2] == size:
            remedy = "give at least one step"
        else:
            remedy = f"put the {size} features last and time first"
        raise ShapeError(f"x must be [T, B, {size}] (input_size={size}), got {list(x.shape)}; {remedy}")
    weight = getattr(cell, "weight_ih", None)
    if weight is not None and x.dtype != weight.dtype and not torch.is_autocast_enabled(x.device.type):
        raise DataError(f"x must be {weight.dtype} as the weights are, got {x.dtype}; convert it: x.to({weight.dtype})")


def check_state(state: Any, batch: int) -> None:
    """Every leaf of the state holds one row a sequence."""
    for leaf in leaves(state):
        if leaf.dim() == 0 or leaf.shape[0] != batch:
            raise ShapeError(
                f"every tensor of the state must hold one row for each of the {batch} sequences of x, "
                f"got {list(leaf.shape)}; make one with init_state({batch})"
            )


def check_lengths(lengths: Lengths, steps: int, batch: int) -> list[int] | None:
    """The lengths as a list, or None where every sequence fills all T steps."""
    if lengths is None:
        return None
    if isinstance(lengths, Tensor):
        if lengths.is_floating_point() or lengths.dtype == torch.bool:
            raise ShapeError(f"lengths must be integers, got {lengths.dtype}; convert them: lengths.long()")
        shape, spans = list(lengths.shape), lengths.tolist()
    else:
        shape, spans = [len(lengths)], [int(length) for length in lengths]
    if shape != [batch]:
        raise ShapeError(f"lengths must be [B] with B={batch} as in x, got {shape}; give one length for each sequence")
    for row, length in enumerate(spans):
        if not 0 <= length <= steps:
            raise ShapeError(
                f"lengths must lie between 0 and T={steps}, got {length} for sequence {row}; "
                "pad x to the longest sequence or shorten the length"
            )
    return None if all(length == steps for length in spans) else spans


def check_record(cell: Described, record: Sequence[str]) -> None:
    """Every name to record is one that the cell has."""
    for name in record:
        if name not in cell.records:
            available = ", ".join(cell.records) or "nothing"
            raise SpecError(
                f"record must name what {type(cell).__name__} can show ({available}), got {name!r}; choose from those"
            )
