"""The "native" kernel: unspool's own C++ time loop for RNN, LSTM and GRU in float32 on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from unspool.cells.base import State, Steppable
from unspool.cells.elman import Elman, ElmanState
from unspool.cells.gru import GRU, GRUState
from unspool.cells.lstm import LSTM, LSTMState
from unspool.engine import operators
from unspool.engine.checks import Lengths, check_input, check_lengths, check_state
from unspool.engine.library import ISAS, absence, asked, has_bfloat16, isa, library, vectors
from unspool.engine.unroll import Unrolled

BUILT = library() is not None
EXPORTED = "a network that is exported keeps to standard operators"


def refuses(
    cell: Steppable, x: Tensor, state: State, lengths: Lengths, record: Sequence[str], context: Any = None
) -> str | None:
    """Why this call must go another way; None if it need not."""
    if type(cell) not in (Elman, LSTM, GRU):  # a subclass may have changed the step
        return f"there is no native kernel for {type(cell).__name__}"
    assert isinstance(cell, (Elman, LSTM, GRU))
    if record:
        return "the native kernel records nothing on its way"
    if state is not None and state.mask is not None:
        return "the native kernel has no recurrent dropout"
    return unsuitable(_name(cell), x, [*(() if state is None else state[:-1]), *cell.parameters()])


def unsuitable(name: str, x: Tensor, others: Sequence[Tensor | None]) -> str | None:
    """Why a native kernel cannot, or need not, compute with these tensors here and now; None if it does.

    `others` are states and weights, an input's and a recurrent matrix among them.
    """
    if not BUILT:
        return absence()
    if torch.compiler.is_exporting():
        return EXPORTED
    for tensor in (x, *others):
        if tensor is None:
            continue
        if tensor.device.type != "cpu":
            return f"the native kernel is used on the cpu only, not on {tensor.device.type}"
        if tensor.dtype != torch.float32:
            return f"the native kernel computes in float32, not in {str(tensor.dtype).removeprefix('torch.')}"
    if torch.is_autocast_enabled("cpu"):
        return "the native kernel does not take part in autocast"
    if torch.compiler.is_compiling():
        return None  # what follows cannot be asked while torch.compile traces, nor can it happen
    if torch._C._get_tracing_state() is not None:
        return EXPORTED
    if torch._C._are_functorch_transforms_active():
        return "the native kernel does not work under torch.func"
    if forward_ad._current_level >= 0:
        return "the native kernel has no forward-mode derivative"
    return _small(name, x, others)


# Below these, starting a kernel costs more than running one, and torch's start is cheaper (benchmarks/small.py).
FEWEST_STEPS = {"lstm": 1, "gru": 2, "rnn": 6}
SMALL = 1_000_000  # multiplications


def _small(name: str, x: Tensor, others: Sequence[Tensor | None]) -> str | None:
    steps, batch = x.shape[0], x[0].numel() // x.shape[-1]
    if steps >= FEWEST_STEPS[name.partition("_")[0]] or asked() in ISAS:
        return None
    largest = max(tensor.numel() for tensor in others if tensor is not None)
    if 2 * steps * batch * largest > SMALL:
        return None
    return f"for {steps} steps of so small a layer torch is as fast"


def merit(cell: Any, x: Tensor, parts: str = "") -> str:
    """What this kernel is, for this call; `parts` are those that it computes beside the cell."""
    kernel = f"unspool's C++ kernel{parts}"
    if getattr(cell, "precision", "float32") == "bf16":
        if has_bfloat16():
            return f"{kernel} in bfloat16, summed in float32, with {isa()}"
        return f"{kernel} in float32 with {vectors()}, for this processor has no bfloat16 products"
    return f"{kernel} in float32 with {vectors()}"


def run(
    cell: Steppable,
    x: Tensor,
    state: State = None,
    lengths: Lengths = None,
    context: Any = None,
    *,
    record: Sequence[str] = (),
    reverse: bool = False,
) -> Unrolled:
    """unroll() for the calls that `refuses` lets pass."""
    assert isinstance(cell, (Elman, LSTM, GRU))
    check_input(cell, x)
    steps, batch = x.shape[:2]
    spans = check_lengths(lengths, steps, batch)
    if state is None:
        state = cell.init_state(batch)
    check_state(state, batch)
    peephole, c = None, None
    if isinstance(cell, LSTM):
        c = state.c
        if cell.peephole:
            peephole = torch.stack([cell.weight_peephole_i, cell.weight_peephole_f, cell.weight_peephole_o])
    weights = (cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh, peephole)
    y, h, c = sequence(_name(cell), x, state.h, c, *weights, lengths=spans, reverse=reverse, precision=cell.precision)
    after = LSTMState(h, c) if isinstance(cell, LSTM) else GRUState(h) if isinstance(cell, GRU) else ElmanState(h)
    return Unrolled(y, after, {})


def sequence(
    name: str,
    x: Tensor,
    h: Tensor,
    c: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None,
    bias_hh: Tensor | None,
    peephole: Tensor | None = None,
    *,
    lengths: list[int] | Tensor | None = None,
    reverse: bool = False,
    precision: str = "float32",
) -> tuple[Tensor, Tensor, Tensor]:
    """One layer in one direction: x [T, B, I] -> y [T, B, H], h_n [B, H] and c_n [B, H] (empty without a memory).

    `name` is one of `operators.CELLS`; y is 0 beyond the lengths. With precision "bf16" the factors of all matrix
    products, forward and backward, are rounded to bfloat16 and summed in float32, where the processor can do that.
    """
    isa()  # the one that UNSPOOL_KERNELS asks for
    spans = None if lengths is None else torch.as_tensor(lengths, dtype=torch.int64)
    tensors = (x, h, c, weight_ih, weight_hh, bias_ih, bias_hh, peephole)
    save = torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in tensors)
    y, hn, cn, _ = operators.sequence(name, reverse, *tensors, spans, precision == "bf16" and has_bfloat16(), save)
    return y, hn, cn


def _name(cell: Elman | LSTM | GRU) -> str:
    if isinstance(cell, LSTM):
        return "lstm_peephole" if cell.peephole else "lstm"
    return f"gru_{cell.reset}" if isinstance(cell, GRU) else f"rnn_{cell.nonlinearity}"
