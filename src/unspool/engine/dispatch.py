"""Which code runs a cell over time, and why: one table, best first, with the loop at its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from unspool.cells.base import Cell, State, Steppable
from unspool.engine import fused, native
from unspool.engine.checks import Lengths, check_input
from unspool.engine.library import ISAS, asked
from unspool.engine.unroll import Unrolled, unroll
from unspool.errors import SpecError


class Kernel(NamedTuple):
    """A way to run a cell over time that equals the loop in outputs and gradients."""

    name: str
    refuses: Callable[[Steppable, Tensor, State, Lengths, Sequence[str], Any], str | None]
    merit: Callable[[Steppable, Tensor], str]
    run: Callable[..., Unrolled]


KERNELS = (
    Kernel("native", native.refuses, native.merit, native.run),
    Kernel("torch", fused.refuses, fused.merit, fused.run),
)
"""Fastest first. What every one of them refuses goes to the loop. A cell of another floor brings its own `kernels`."""


class Choice(NamedTuple):
    """The kernel that a call gets, and why it gets no faster one."""

    kernel: str
    reason: str


def choose(
    cell: Steppable,
    x: Tensor,
    state: State = None,
    lengths: Lengths = None,
    record: Sequence[str] = (),
    context: Any = None,
) -> Choice:
    """The first kernel of the table that takes the call, else the loop."""
    kernel, reason = _pick(cell, x, state, lengths, record, context)
    return Choice("loop" if kernel is None else kernel.name, reason)


def _pick(
    cell: Steppable, x: Tensor, state: State, lengths: Lengths, record: Sequence[str], context: Any
) -> tuple[Kernel | None, str]:
    if not enabled():
        return None, "kernels are switched off"
    reasons: list[str] = []
    table: tuple[Kernel, ...] = vars(type(cell)).get("kernels", KERNELS)  # a subclass may have changed the step
    for kernel in table:
        reason = kernel.refuses(cell, x, state, lengths, record, context)
        if reason is None:
            return kernel, "; ".join([*reasons, kernel.merit(cell, x)])
        reasons.append(reason)
    return None, "; ".join(reasons)


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
    """unroll(), by the fastest kernel that can do this call."""
    check_input(cell, x)
    if state is None:
        state = cell.init_state(x.shape[1])
    kernel, reason = _pick(cell, x, state, lengths, record, context)
    observed(cell, Choice("loop" if kernel is None else kernel.name, reason))
    return (unroll if kernel is None else kernel.run)(cell, x, state, lengths, context, record=record, reverse=reverse)


_switch: bool | None = None  # None: as the environment says
_observers: list[Callable[[Any, Choice], None]] = []


def observed(part: Any, choice: Choice) -> None:
    """Tell explain() what a cell or a module runs on."""
    for observe in _observers:
        observe(part, choice)


def enabled() -> bool:
    """Whether kernels may be used: what kernels() said last, else UNSPOOL_KERNELS, else yes."""
    if _switch is not None:
        return _switch
    setting = asked()
    if setting not in ("on", "off", *ISAS):
        raise SpecError(
            f"UNSPOOL_KERNELS must be on, off, {', '.join(ISAS)}, got {setting!r}; set it to one of them or unset it"
        )
    return setting != "off"


class kernels:
    """Switch the kernels on or off: `kernels(False)` for good, `with kernels(False):` for the block."""

    def __init__(self, on: bool) -> None:
        global _switch
        if not isinstance(on, bool):
            raise SpecError(f"kernels() must be given True or False, got {on!r}; kernels(False) switches them off")
        self._before, _switch = _switch, on

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _switch
        _switch = self._before


def explain(module: nn.Module, x: Any) -> str:
    """Which kernel each recurrent layer of `module` uses for input x, and why no faster one; a line a layer.

    The module is run once on x (on *x, if it is a tuple), as it is: training mode, gradients, switches. Its
    buffers and torch's random numbers are put back afterwards. A cell alone is asked without being run.
    """
    names = {id(part): name for name, part in module.named_modules()}
    lines: dict[str, None] = {}  # in order of running, each once

    def observe(part: Any, choice: Choice) -> None:
        title = f"{type(part).__name__}({part.input_size}, {part.hidden_size}) runs on {choice.kernel}"
        lines[": ".join(filter(None, [names.get(id(part)), title, choice.reason]))] = None

    def observe_torch(part: nn.Module, _: Any) -> None:
        observe(part, Choice("torch", "torch.nn's own code; unspool.accelerate(model) puts unspool.nn in its place"))

    devices = {parameter.device for parameter in module.parameters() if parameter.is_cuda}
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    with ExitStack() as undo:
        undo.enter_context(torch.random.fork_rng(devices))
        _observers.append(observe)
        undo.callback(_observers.remove, observe)
        for part in module.modules():
            if isinstance(part, nn.RNNBase) and type(part).__module__ != "unspool.nn":  # those tell themselves
                undo.callback(part.register_forward_pre_hook(observe_torch).remove)
        for buffer, before in buffers:
            undo.callback(buffer.data.copy_, before)
        if isinstance(module, Cell):
            check_input(module, x)
            observe(module, choose(module, x, module.init_state(x.shape[1])))
        elif isinstance(x, tuple) and not isinstance(x, PackedSequence):
            module(*x)
        else:
            module(x)
    return "\n".join(lines) or f"{type(module).__name__} ran no recurrent layer"
