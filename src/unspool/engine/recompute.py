"""Checkpointed backpropagation through time: full gradients over long sequences in little memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from unspool.cells.base import Cell, State
from unspool.engine.checks import Lengths, check_input, check_lengths, check_record
from unspool.engine.dispatch import run
from unspool.engine.substitute import substituted
from unspool.engine.unroll import Unrolled


def recomputed(
    cell: Cell,
    x: Tensor,
    state: State,
    lengths: Lengths = None,
    context: Any = None,
    *,
    record: Sequence[str] = (),
    reverse: bool = False,
) -> Unrolled:
    """run(), keeping only the states between segments of about sqrt(T) steps for the backward pass.

    The backward pass runs each segment again, from the last to the first, so about 2 sqrt(T) steps are held
    instead of T, for one more forward pass. A dropout mask is part of the state and therefore the same both
    times; so are weights that stand in for the cell's own in this call alone. Chen et al. (2016), Training Deep
    Nets with Sublinear Memory Cost, sec. 4.1, over time instead of layers.
    """
    check_input(cell, x)
    check_record(cell, record)
    steps, batch = x.shape[:2]
    spans = check_lengths(lengths, steps, batch)
    size = math.isqrt(steps - 1) + 1  # ceil(sqrt(T))
    starts = range(0, steps, size)
    weights = dict(cell.named_parameters())  # as they are now
    pieces: list[Unrolled] = []
    for start in reversed(starts) if reverse else starts:
        stop = min(start + size, steps)
        inside = None if spans is None else [min(max(span - start, 0), stop - start) for span in spans]
        piece: Unrolled = checkpoint(
            substituted,
            cell,
            weights,
            run,
            cell,
            x[start:stop],
            state,
            inside,
            context,
            record=record,
            reverse=reverse,
            use_reentrant=False,
        )
        state = piece.state
        pieces.append(piece)
    if reverse:
        pieces.reverse()
    output = torch.cat([piece.output for piece in pieces])  # [T, B, H]
    records = {name: torch.cat([piece.record[name] for piece in pieces]) for name in record}
    return Unrolled(output, state, records)
