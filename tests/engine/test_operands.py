"""The native operators refuse tensors that C would read beyond."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor

from unspool.engine import operators
from unspool.errors import ShapeError, SpecError

T, B, H = 6, 3, 5
INPUT = 8
LENGTHS = torch.tensor([6, 0, 2])


def _operands(cell: str = "lstm_peephole") -> dict[str, Any]:
    """Tensors that fit, by name, in the operators' order."""
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[cell.partition("_")[0]]
    lstm = cell.startswith("lstm")
    return {
        "x": torch.randn(T, B, INPUT),
        "h0": torch.randn(B, H),
        "c0": torch.randn(B, H) if lstm else None,
        "weight_ih": torch.randn(gates * H, INPUT),
        "weight_hh": torch.randn(gates * H, H),
        "bias_ih": torch.randn(gates * H),
        "bias_hh": torch.randn(gates * H),
        "peephole": torch.randn(3, H) if cell == "lstm_peephole" else None,
        "lengths": LENGTHS,
    }


def _forward(cell: str, given: dict[str, Any], save: bool = True) -> tuple[Tensor, ...]:
    result: tuple[Tensor, ...] = operators.sequence(cell, False, *given.values(), False, save)
    return result


def _backward(cell: str, given: dict[str, Any], read: dict[str, Any]) -> tuple[Tensor, ...]:
    result: tuple[Tensor, ...] = torch.ops.unspool.sequence_backward(
        cell, False, *given.values(), False, *read.values(), True
    )
    return result


def _read(cell: str, given: dict[str, Any]) -> dict[str, Any]:
    y, hn, cn, saved = _forward(cell, given)
    return {"y": y, "saved": saved, "dy": y, "dhn": hn, "dcn": cn if cell.startswith("lstm") else None}


WRONG = [
    ("x", torch.randn(T, INPUT), r"x must be \[T, B, I\] and h0 \[B, H\], in float32, got \[6, 8\] in float32"),
    ("x", torch.randn(T, B, INPUT).double(), r"x must be .* got \[6, 3, 8\] in float64 .* convert with \.float\(\)"),
    ("x", torch.randn(T, B + 1, INPUT), r"h0 must be \[4, 5\] in float32"),
    ("x", torch.randn(T, B, INPUT + 1), r"weight_ih must be \[20, 9\] in float32"),
    ("h0", torch.randn(H), r"x must be \[T, B, I\] and h0 \[B, H\]"),
    (
        "h0",
        torch.randn(1, H),
        r"h0 must be \[3, 5\] in float32 for lstm_peephole with T, B, I, H = \(6, 3, 8, 5\), got",
    ),
    ("h0", torch.randn(B, H).bfloat16(), r"h0 must be \[3, 5\] in float32 .* got \[3, 5\] in bfloat16; .*\.float\(\)"),
    ("c0", torch.randn(B, H - 1), r"c0 must be \[3, 5\]"),
    ("c0", None, "c0 must be given for an lstm and peephole for an lstm_peephole, and for no other cell, got"),
    ("weight_ih", torch.randn(4 * H, INPUT - 1), r"weight_ih must be \[20, 8\]"),
    ("weight_ih", torch.randn(3 * H, INPUT), r"weight_ih must be \[20, 8\]"),
    ("weight_ih", torch.randn(4 * H, INPUT).double(), r"weight_ih must be \[20, 8\] in float32 .* in float64"),
    ("weight_hh", torch.randn(3 * H, H), r"weight_hh must be \[20, 5\]"),
    ("weight_hh", torch.randn(4 * H, H).half(), r"weight_hh must be \[20, 5\] in float32 .* in float16"),
    ("bias_ih", torch.randn(H), r"bias_ih must be \[20\]"),
    ("bias_hh", torch.randn(4 * H, 1), r"bias_hh must be \[20\]"),
    ("peephole", torch.randn(2, H), r"peephole must be \[3, 5\]"),
    ("peephole", None, "c0 must be given for an lstm and peephole for an lstm_peephole"),
    ("lengths", LENGTHS[:2], r"lengths must be \[3\] in int64, one for each sequence of x, got \[2\] in int64"),
    ("lengths", LENGTHS.int(), r"lengths must be \[3\] in int64, .* got \[3\] in int32; .*lengths.long\(\)"),
    ("lengths", LENGTHS + 1, r"lengths must lie between 0 and T=6, got \[7, 1, 3\]; pad x"),
    ("lengths", LENGTHS - 1, r"lengths must lie between 0 and T=6, got \[5, -1, 1\]"),
]
WRONG_READ = [
    ("y", torch.randn(T - 1, B, H), r"y must be \[6, 3, 5\]"),
    (
        "saved",
        torch.randn(7),
        r"saved must be the \d+ numbers that sequence\(\) saved .* got \[7\] in float32; .*save=T",
    ),
    ("dy", torch.randn(T, B, H + 1), r"dy must be \[6, 3, 5\]"),
    ("dy", torch.randn(T, B, H).double(), r"dy must be \[6, 3, 5\] in float32 .* in float64"),
    ("dhn", torch.randn(H), r"dhn must be \[3, 5\]"),
    ("dcn", torch.randn(B, 1), r"dcn must be \[3, 5\]"),
]
by_name = pytest.mark.parametrize(("name", "value", "message"), WRONG, ids=[f"{row[0]}-{row[2]}" for row in WRONG])


@by_name
def test_forward_refuses_what_does_not_fit(name: str, value: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        _forward("lstm_peephole", _operands() | {name: value})


@by_name
def test_backward_refuses_what_does_not_fit(name: str, value: Any, message: str) -> None:
    given = _operands()
    read = _read("lstm_peephole", given)
    with pytest.raises(ShapeError, match=message):
        _backward("lstm_peephole", given | {name: value}, read)


@pytest.mark.parametrize(("name", "value", "message"), WRONG_READ)
def test_backward_refuses_what_forward_did_not_make(name: str, value: Any, message: str) -> None:
    given = _operands()
    with pytest.raises(ShapeError, match=message):
        _backward("lstm_peephole", given, _read("lstm_peephole", given) | {name: value})


def test_backward_needs_what_forward_saves() -> None:
    given = _operands("gru_after")
    given["x"].requires_grad_()
    y = _forward("gru_after", given, save=False)[0]
    with pytest.raises(ShapeError, match=r"^saved must be the \d+ numbers .* got \[0\] in float32; .* save=True"):
        y.sum().backward()  # type: ignore[no-untyped-call]


def test_a_cell_has_its_own_tensors_only() -> None:
    memory = {"c0": torch.randn(B, H)}
    with pytest.raises(ShapeError, match=re.escape("got gru_after with c0 [3, 5] in float32 and peephole None")):
        _forward("gru_after", _operands("gru_after") | memory)
    with pytest.raises(ShapeError, match="got lstm with c0"):
        _forward("lstm", _operands("lstm") | {"peephole": torch.randn(3, H)})
    with pytest.raises(
        SpecError, match=r"^the native engine has the cells rnn_tanh, .* got 'lsmt'; choose one of them$"
    ):
        _forward("lsmt", _operands())


@pytest.mark.parametrize("cell", operators.CELLS)
def test_strides_are_no_matter(cell: str) -> None:
    given = _operands(cell)
    strided = {
        name: None if value is None else torch.stack([value, value], -1)[..., 0] for name, value in given.items()
    }
    assert not strided["x"].is_contiguous()  # type: ignore[union-attr]
    read = _read(cell, given)
    for name, value in _read(cell, strided).items():
        if name != "saved":  # beyond the lengths it is whatever was there
            torch.testing.assert_close(value, read[name])
    apart = {name: None if value is None else torch.stack([value, value], -1)[..., 0] for name, value in read.items()}
    for ours, theirs in zip(_backward(cell, strided, apart), _backward(cell, given, read), strict=True):
        torch.testing.assert_close(ours, theirs)
