"""The native engine as torch operators: one layer in one direction, forward and backward, with autograd.

They compute in float32 on the CPU. Forward-mode derivatives and torch.func are the dispatcher's to send elsewhere;
derivatives of derivatives go through the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import byref
from typing import Any

import torch
from torch import Tensor
from torch.library import Library, register_autograd, register_fake

from unspool.engine.library import Gradients, Layer, check, library
from unspool.engine.operands import GATES, check_gradients, check_operands
from unspool.engine.second_order import gradients_by_loop

CELLS = tuple(GATES)
"""In the order of `unspool_cell`."""

_LIBRARY = Library("unspool", "DEF")  # type: ignore[no-untyped-call]
_LAYER = (
    "str cell, bool reverse, Tensor x, Tensor h0, Tensor? c0, Tensor weight_ih, Tensor weight_hh, "
    "Tensor? bias_ih, Tensor? bias_hh, Tensor? peephole, Tensor? lengths, bool bfloat16"
)
_LIBRARY.define(f"sequence({_LAYER}, bool save) -> (Tensor y, Tensor hn, Tensor cn, Tensor saved)")  # type: ignore[no-untyped-call]
_LIBRARY.define(  # type: ignore[no-untyped-call]
    f"sequence_backward({_LAYER}, Tensor y, Tensor saved, Tensor dy, Tensor? dhn, Tensor? dcn, bool want_x) -> "
    "(Tensor dx, Tensor dh0, Tensor dc0, Tensor dweight_ih, Tensor dweight_hh, Tensor dbias_ih, Tensor dbias_hh, "
    "Tensor dpeephole)"
)


def _layer(
    cell: str, reverse: bool, sizes: tuple[int, int, int, int], tensors: Sequence[Tensor | None], bfloat16: bool
) -> Layer:
    """The C structure; the tensors must outlive it."""
    x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, peephole, lengths = (
        None if tensor is None else tensor.data_ptr() for tensor in tensors
    )
    return Layer(
        *(CELLS.index(cell), reverse, *sizes, lengths, x, h0, c0),
        *(weight_ih, weight_hh, bias_ih, bias_hh, peephole, torch.get_num_threads(), bfloat16),
    )


def _dense(*tensors: Tensor | None) -> list[Tensor | None]:
    return [None if tensor is None else tensor.contiguous() for tensor in tensors]


def _sequence(cell: str, reverse: bool, *given: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    *given_tensors, bfloat16, save = given
    sizes = check_operands(cell, given_tensors)
    tensors = _dense(*given_tensors)
    x, h0, lengths = tensors[0], tensors[1], tensors[8]
    assert x is not None and h0 is not None
    native = library()
    assert native is not None
    layer = _layer(cell, reverse, sizes, tensors, bfloat16)
    shape = (*sizes[:2], sizes[3])
    y = x.new_empty(shape) if lengths is None else x.new_zeros(shape)  # 0 beyond the lengths
    hn, cn = torch.empty_like(h0), torch.empty_like(h0) if cell.startswith("lstm") else h0.new_empty(0)
    saved = x.new_empty(native.unspool_saved_size(byref(layer)) if save else 0)
    pointers = (y.data_ptr(), hn.data_ptr(), cn.data_ptr(), saved.data_ptr() if save else None)
    check(native.unspool_forward(byref(layer), *pointers))
    return y, hn, cn, saved


def _sequence_backward(cell: str, reverse: bool, *given: Any) -> tuple[Tensor, ...]:
    sizes = check_operands(cell, given[:9])
    tensors, bfloat16 = _dense(*given[:9]), given[9]
    read, want_x = _dense(*given[10:-1]), given[-1]
    x, h0, _, weight_ih, weight_hh, _, _, peephole, lengths = tensors
    assert x is not None and h0 is not None and weight_ih is not None and weight_hh is not None
    native = library()
    assert native is not None
    layer = _layer(cell, reverse, sizes, tensors, bfloat16)
    check_gradients(cell, sizes, read, native.unspool_saved_size(byref(layer)))
    dx = x.new_empty(0) if not want_x else torch.empty_like(x) if lengths is None else torch.zeros_like(x)
    rows = weight_ih.shape[0]
    results = (
        dx,
        torch.empty_like(h0),
        torch.empty_like(h0) if cell.startswith("lstm") else h0.new_empty(0),
        torch.empty_like(weight_ih),
        torch.empty_like(weight_hh),
        weight_ih.new_empty(rows),
        weight_ih.new_empty(rows),
        weight_ih.new_empty(0) if peephole is None else torch.empty_like(peephole),
    )
    pointers = [None if tensor is None else tensor.data_ptr() for tensor in read]
    write = [tensor.data_ptr() for tensor in results]
    if not want_x:
        write[0] = None  # type: ignore[call-overload]
    check(native.unspool_backward(byref(layer), byref(Gradients(*pointers, *write))))
    return results


_LIBRARY.impl("sequence", _sequence, "CPU")  # type: ignore[no-untyped-call]
_LIBRARY.impl("sequence_backward", _sequence_backward, "CPU")  # type: ignore[no-untyped-call]


@register_fake("unspool::sequence")  # type: ignore[untyped-decorator]
def _(cell: str, reverse: bool, x: Tensor, h0: Tensor, *rest: Any) -> tuple[Tensor, ...]:
    save = rest[-1]
    saved = x.new_empty(_saved_size(cell, x, h0) if save else 0)
    memory = torch.empty_like(h0) if cell.startswith("lstm") else h0.new_empty(0)
    return x.new_empty(*x.shape[:2], h0.shape[1]), torch.empty_like(h0), memory, saved


@register_fake("unspool::sequence_backward")  # type: ignore[untyped-decorator]
def _(cell: str, reverse: bool, x: Tensor, h0: Tensor, c0: Tensor | None, *rest: Any) -> tuple[Tensor, ...]:
    weight_ih, weight_hh, _, _, peephole, *_, want_x = rest
    return (
        torch.empty_like(x) if want_x else x.new_empty(0),
        torch.empty_like(h0),
        torch.empty_like(h0) if cell.startswith("lstm") else h0.new_empty(0),
        torch.empty_like(weight_ih),
        torch.empty_like(weight_hh),
        weight_ih.new_empty(weight_ih.shape[0]),
        weight_ih.new_empty(weight_ih.shape[0]),
        weight_ih.new_empty(0) if peephole is None else torch.empty_like(peephole),
    )


def _saved_size(cell: str, x: Tensor, h0: Tensor) -> Any:
    """unspool_saved_size without numbers, for tracing: sizes may be symbols."""
    vectors = {"rnn": 1, "lst": 5}.get(cell[:3], 4 if cell == "gru_after" else 3)
    native = library()
    assert native is not None
    lanes = {"amx": 16, "avx512": 16, "avx2": 8}.get(native.unspool_isa().decode(), 4)
    return x.shape[0] * x.shape[1] * ((h0.shape[1] + lanes - 1) // lanes) * vectors * lanes


def _setup(ctx: Any, inputs: Any, output: Any) -> None:
    cell, reverse, *tensors, bfloat16, _ = inputs
    y, _, _, saved = output
    ctx.cell, ctx.reverse, ctx.bfloat16 = cell, reverse, bfloat16
    ctx.save_for_backward(*tensors, y, saved)
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(saved)


def _backward(ctx: Any, dy: Tensor | None, dhn: Tensor | None, dcn: Tensor | None, _: Any) -> tuple[Any, ...]:
    *tensors, y, saved = ctx.saved_tensors
    if torch.is_grad_enabled() and not torch.compiler.is_compiling():  # create_graph=True
        again = gradients_by_loop(ctx.cell, ctx.reverse, tensors, (dy, dhn, dcn))
        return (None, None, *again, None, None)
    if dy is None:
        dy = torch.zeros_like(y)
    if tensors[2] is None:  # no memory: its output is empty
        dcn = None
    found = torch.ops.unspool.sequence_backward(
        ctx.cell, ctx.reverse, *tensors, ctx.bfloat16, y, saved, dy, dhn, dcn, ctx.needs_input_grad[2]
    )
    grads = [
        grad if given is not None and needed else None
        for grad, given, needed in zip(found, tensors, ctx.needs_input_grad[2:], strict=False)
    ]
    return (None, None, *grads, None, None, None)


register_autograd("unspool::sequence", _backward, setup_context=_setup)

sequence = torch.ops.unspool.sequence.default
"""sequence(cell, reverse, x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, peephole, lengths, bfloat16, save)."""
