"""The native engine's layer that slides a window over a text, as a differentiable function of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ctypes import POINTER, Structure, byref, c_int64, c_void_p
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from unspool.engine.library import Gradients, Layer, check, library
from unspool.engine.operators import CELLS


class Windowed(Structure):
    """`unspool_windowed`."""

    _fields_ = (
        ("layer", Layer),
        *((name, c_int64) for name in ("symbols", "components", "texts")),
        *((name, c_void_p) for name in ("values", "ends", "kappa0", "window0", "weight", "bias")),
    )


class Results(Structure):
    """`unspool_windowed_results`."""

    _fields_ = tuple((name, c_void_p) for name in ("x", "y", "hn", "cn", "kappan", "windown", "saved", "trail"))


class WindowedGradients(Structure):
    """`unspool_windowed_gradients`."""

    _fields_ = (
        ("layer", Gradients),
        *((name, c_void_p) for name in ("trail", "dkappan", "dwindown", "dkappa0", "dwindow0", "dshape")),
    )


@cache
def reading_library() -> Any:
    """The library; None where it was not built, or from an earlier source."""
    native = library()
    if native is None or not hasattr(native, "unspool_windowed_forward"):
        return None
    native.unspool_windowed_forward.argtypes = [POINTER(Windowed), POINTER(Results)]
    native.unspool_windowed_backward.argtypes = [POINTER(Windowed), POINTER(WindowedGradients)]
    return native


@dataclass(frozen=True)
class WindowedCall:
    """What a call is beside its differentiable tensors.

    The tensors are x [T, B, I], h and c [B, H], kappa [B, K], window [B, V], weight_ih [4H, I + V], weight_hh [4H, H],
    both biases [4H], peephole [3, H] or None, and the window's weight [3K, H] and bias [3K]; the results y
    [T, B, V + H] and the state after the last step, h, c, kappa and window. All float32 on the CPU.
    """

    name: str  # lstm or lstm_peephole
    values: Tensor  # [B, U, V], the texts
    ends: Tensor  # [B], their lengths
    lengths: Tensor | None  # [B], of x
    reverse: bool
    bfloat16: bool  # the factors of the products rounded to it
    loop: Callable[..., tuple[Tensor, ...]]  # the same by the loop, for derivatives of derivatives

    def __call__(self, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        """The results; with a graph where one is wanted."""
        if torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in tensors):
            return _Function.apply(self, *tensors)  # type: ignore[no-any-return, no-untyped-call]
        return self.forward(tensors, save=False)[0]

    def forward(self, given: Sequence[Tensor | None], *, save: bool) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """The results, and what `backward` needs: the input with its windows, what the cell and the window saved."""
        x, h, c, kappa, window, *_ = tensors = _dense(given)
        (steps, batch, size), hidden, symbols = x.shape, h.shape[1], window.shape[1]
        fresh = x.new_empty if self.lengths is None else x.new_zeros  # 0 beyond the lengths
        joined = fresh(steps, batch, size + symbols)
        joined[..., :size] = x
        y = fresh(steps, batch, symbols + hidden)
        after = tuple(map(torch.empty_like, (h, c, kappa, window)))
        native = reading_library()
        call = self._structure(joined, tensors)
        saved = x.new_empty(native.unspool_saved_size(byref(call.layer)) if save else 0)
        trail = x.new_empty(steps, batch, 4 * kappa.shape[1]) if save else x.new_empty(0)
        kept = [tensor.data_ptr() if save else None for tensor in (saved, trail)]
        pointers = [tensor.data_ptr() for tensor in (joined, y, *after)]
        check(native.unspool_windowed_forward(byref(call), byref(Results(*pointers, *kept))))
        return (y, *after), (joined, saved, trail)

    def backward(
        self, given: Sequence[Tensor | None], saved: Sequence[Tensor], outputs: Sequence[Tensor | None], want_x: bool
    ) -> list[Tensor | None]:
        """The derivatives of the tensors; `saved` is y and what `forward` kept, `outputs` those of the results."""
        tensors = _dense(given)
        x, h, c, kappa, window, weight_ih, weight_hh, bias_ih, bias_hh, peephole, *_ = tensors
        y, joined, cell, trail = saved
        (steps, batch, size), symbols = x.shape, window.shape[1]
        fresh = torch.empty_like if self.lengths is None else torch.zeros_like
        dx = fresh(joined) if want_x else None
        starts = [torch.empty_like(tensor) for tensor in (h, c, kappa, window)]
        weights = [torch.empty_like(tensor) for tensor in (weight_ih, weight_hh, bias_ih, bias_hh)]
        dpeephole = None if peephole is None else torch.empty_like(peephole)
        room = x.new_empty if self.lengths is None else x.new_zeros
        dshape = room(steps, batch, 3 * kappa.shape[1])
        dy, dh, dc, dkappa, dwindow = _dense(outputs)
        dy = torch.zeros_like(y) if dy is None else dy
        call = self._structure(joined, tensors)
        layer = Gradients(*map(_pointer, (y, cell, dy, dh, dc, dx, *starts[:2], *weights, dpeephole)))
        rest = map(_pointer, (trail, dkappa, dwindow, *starts[2:], dshape))
        check(reading_library().unspool_windowed_backward(byref(call), byref(WindowedGradients(layer, *rest))))
        flat, states = dshape.view(steps * batch, -1), y.view(steps * batch, -1)[:, symbols:]
        shape = [flat.t() @ states, flat.sum(0)]
        return [None if dx is None else dx[..., :size], *starts, *weights, dpeephole, *shape]

    def _structure(self, joined: Tensor, tensors: Sequence[Any]) -> Windowed:
        """The C structure; the tensors must outlive it."""
        _, h, c, kappa, window, weight_ih, weight_hh, bias_ih, bias_hh, peephole, weight, bias = tensors
        sizes = (*joined.shape, h.shape[1])
        cell = map(_pointer, (self.lengths, joined, h, c, weight_ih, weight_hh, bias_ih, bias_hh, peephole))
        layer = Layer(CELLS.index(self.name), self.reverse, *sizes, *cell, torch.get_num_threads(), self.bfloat16)
        parts = (self.values, self.ends, kappa, window, weight, bias)
        return Windowed(layer, window.shape[1], kappa.shape[1], self.values.shape[1], *map(_pointer, parts))


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: WindowedCall, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        results, kept = call.forward(tensors, save=True)
        ctx.call = call
        ctx.save_for_backward(*tensors, results[0], *kept)
        ctx.set_materialize_grads(False)
        return results

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor | None) -> tuple[Any, ...]:
        kept = ctx.saved_tensors
        tensors, saved, needed = kept[:-4], kept[-4:], ctx.needs_input_grad[1:]
        if torch.is_grad_enabled():  # create_graph=True
            return None, *_again(ctx.call.loop, tensors, outputs)
        found = ctx.call.backward(tensors, saved, outputs, needed[0])
        return None, *(gradient if wanted else None for gradient, wanted in zip(found, needed, strict=True))


def _again(
    loop: Callable[..., tuple[Tensor, ...]], tensors: Sequence[Tensor | None], outputs: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """Derivatives that are themselves differentiable; on aliases, see second_order.py."""
    aliases = [None if tensor is None else tensor.view_as(tensor) for tensor in tensors]
    pairs = [(y, dy) for y, dy in zip(loop(*aliases), outputs, strict=True) if dy is not None]
    wanted = [alias for alias in aliases if alias is not None and alias.requires_grad]
    grads = torch.autograd.grad(
        [y for y, _ in pairs], wanted, [dy for _, dy in pairs], create_graph=True, allow_unused=True
    )
    by_alias = {id(alias): grad for alias, grad in zip(wanted, grads, strict=True)}
    return [by_alias.get(id(alias)) for alias in aliases]


def _dense(tensors: Sequence[Tensor | None]) -> list[Any]:
    return [None if tensor is None else tensor.contiguous() for tensor in tensors]


def _pointer(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
