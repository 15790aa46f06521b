"""What the native operators ask of their tensors: behind them C reads and writes by address and looks at nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from unspool.errors import ShapeError, SpecError

GATES: Final = {
    "rnn_tanh": 1,
    "rnn_relu": 1,
    "rnn_sigmoid": 1,
    "lstm": 4,
    "lstm_peephole": 4,
    "gru_after": 3,
    "gru_before": 3,
}
"""How many rows of H a cell's weights have, in the order of `unspool_cell`."""

_SINGLE: Final = torch.float32
_NAMES: Final = ("h0", "c0", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "peephole")
_GRADIENTS: Final = ("y", "dy", "dhn", "dcn")


def check_operands(cell: str, tensors: Sequence[Tensor | None]) -> tuple[int, int, int, int]:
    """x [T, B, I], h0 and c0 [B, H], weights [G*H, I] and [G*H, H], biases [G*H], peephole [3, H], lengths [B].

    c0 is there for an LSTM, peephole for one with peepholes, and for no other cell; biases and lengths may be None.
    Returns (T, B, I, H).

    Raises:
        SpecError: there is no such cell.
        ShapeError: what a tensor must be, what it is, and what to do.
    """
    x, h0, c0, weight_ih, _, _, _, peephole, lengths = tensors
    assert x is not None and h0 is not None and weight_ih is not None
    if cell not in GATES:
        raise SpecError(f"the native engine has the cells {', '.join(GATES)}, got {cell!r}; choose one of them")
    if x.dim() != 3 or h0.dim() != 2 or x.dtype is not _SINGLE:
        raise ShapeError(
            f"x must be [T, B, I] and h0 [B, H], in float32, got {_shown(x)} and {_shown(h0)}; "
            "put time first, give a single sequence a batch axis, and convert with .float()"
        )
    if (c0 is not None) is not cell.startswith("lstm") or (peephole is not None) is not (cell == "lstm_peephole"):
        raise ShapeError(
            "c0 must be given for an lstm and peephole for an lstm_peephole, and for no other cell, "
            f"got {cell} with c0 {_shown(c0)} and peephole {_shown(peephole)}; give those that the cell has"
        )
    steps, batch, size = x.shape
    hidden = h0.shape[1]
    rows = GATES[cell] * hidden
    state, bias = (batch, hidden), (rows,)
    shapes = (state, state, (rows, size), (rows, hidden), bias, bias, (3, hidden))
    _check_shapes(_NAMES, tensors[1:8], shapes, cell, (steps, batch, size, hidden))
    if lengths is not None:
        _check_lengths(lengths, steps, batch)
    return steps, batch, size, hidden


def check_gradients(cell: str, sizes: tuple[int, int, int, int], read: Sequence[Tensor | None], numbers: int) -> None:
    """y and dy [T, B, H], dhn and dcn [B, H], and `saved` of so many numbers: what backward reads.

    `sizes` are those of check_operands.

    Raises:
        ShapeError: what a tensor must be, what it is, and what to do.
    """
    y, saved, dy, dhn, dcn = read
    assert saved is not None
    steps, batch, _, hidden = sizes
    state, whole = (batch, hidden), (steps, batch, hidden)
    _check_shapes(_GRADIENTS, (y, dy, dhn, dcn), (whole, whole, state, state), cell, sizes)
    if saved.numel() != numbers or saved.dtype is not _SINGLE:
        raise ShapeError(
            f"saved must be the {numbers} numbers that sequence() saved for these tensors, got {_shown(saved)}; "
            "call sequence() with save=True and the same instructions"
        )


def _check_shapes(
    names: Sequence[str],
    tensors: Sequence[Tensor | None],
    shapes: Sequence[tuple[int, ...]],
    cell: str,
    sizes: tuple[int, int, int, int],
) -> None:
    for name, tensor, shape in zip(names, tensors, shapes, strict=True):
        if tensor is not None and (tensor.shape != shape or tensor.dtype is not _SINGLE):
            raise ShapeError(
                f"{name} must be {list(shape)} in float32 for {cell} with T, B, I, H = {sizes}, got {_shown(tensor)}; "
                "give tensors of one layer and one batch, converted by .float()"
            )


def _check_lengths(lengths: Tensor, steps: int, batch: int) -> None:
    if lengths.shape != (batch,) or lengths.dtype is not torch.int64:
        raise ShapeError(
            f"lengths must be [{batch}] in int64, one for each sequence of x, got {_shown(lengths)}; "
            "convert them: lengths.long()"
        )
    spans = lengths.tolist()
    if spans and not 0 <= min(spans) <= max(spans) <= steps:
        raise ShapeError(f"lengths must lie between 0 and T={steps}, got {spans}; pad x to the longest sequence")


def _shown(tensor: Tensor | None) -> str:
    return "None" if tensor is None else f"{list(tensor.shape)} in {str(tensor.dtype).removeprefix('torch.')}"
