"""One step of a stack for many streams at once, by the quickest way."""

from __future__ import annotations

import torch
from torch import Tensor

from unspool.cells.base import State
from unspool.engine.recurrent import Recurrent
from unspool.engine.stack import Stack
from unspool.errors import SpecError

FEW = 128  # rows; below, torch's operators are done before a kernel has started (benchmarks/streaming.py --ways)


@torch.inference_mode()
def step_stack(stack: Stack, x: Tensor, state: State) -> tuple[Tensor, State]:
    """The next step of B sequences: x [B, I], the states before it -> output [B, H], the states after it.

    It equals forward() on a sequence of one step. The results know no gradients.

    Raises:
        SpecError: a layer reads the sequence from its end too.
    """
    for layer in stack:
        if not isinstance(layer, Recurrent):
            raise SpecError(
                f"only layers that read forwards can answer a stream, got a {type(layer).__name__}; "
                "train a model of one direction"
            )
    if len(x) < FEW:
        shown, after = stack.step(stack.project(x), state)
        return shown.h, after
    unrolled = stack(x.unsqueeze(0), state)  # the dispatcher's kernels
    return unrolled.output[0], unrolled.state
