"""Bounds on derivatives inside back-propagation, where a bound on the whole gradient would come too late."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from unspool.cells.lstm import LSTM
from unspool.errors import SpecError


class Clipping:
    r"""Elementwise bounds on the derivatives of a loss with respect to what a network computes on its way.

    .. math:: \frac{\partial L}{\partial a} \leftarrow
        \min(\max(\frac{\partial L}{\partial a}, -c), c)

    before it goes on to whatever a was made from: c = `outputs` for the network's outputs, `inputs` for what the gates
    of an LSTM read, peepholes included, before sigmoid and tanh. Infinity clips nothing. Graves (2013), Generating
    Sequences With Recurrent Neural Networks, sections 4.2 and 2.1: [-100, 100] and [-10, 10].

    L is the sum of what `measured` was given, as it is there: that it is divided by a number of points or sequences
    afterwards changes its derivatives and the bounds alike. Without any, L is what the derivative is taken of.

    Bounds on the outputs act outside the recurrent layers, which run on any kernel. Those on the inputs act at every
    step between two steps; no kernel does that, so a layer with them (`ClippedLSTM`) runs on the loop, and
    `explain` says so.
    """

    def __init__(self, outputs: float = 100.0, inputs: float = 10.0) -> None:
        for name, bound in (("outputs", outputs), ("inputs", inputs)):
            if not bound > 0:
                raise SpecError(f"the bound on derivatives of {name} must be above 0, got {bound}; inf clips nothing")
        self.outputs, self.inputs = outputs, inputs
        self._unit: Tensor | float = 1.0

    def unmeasured(self) -> None:
        """Forget what an earlier loss was divided by: until the next that is measured, bounds count as they are."""
        self._unit = 1.0

    def measured(self, losses: Tensor) -> Tensor:
        """Return losses [...] as they are; the bounds count in units of them from their next derivative on."""
        if losses.requires_grad:
            losses.register_hook(self._measure)  # type: ignore[no-untyped-call]
        return losses

    def _measure(self, derivative: Tensor) -> None:
        self._unit = derivative.detach().abs().max()  # the same for all but those that are masked with 0

    def limited(self, a: Tensor, bound: float) -> Tensor:
        """Return a [...] as it is, its derivative kept within the bound."""
        if a.requires_grad:
            a.register_hook(partial(self._clipped, bound))  # type: ignore[no-untyped-call]
        return a

    def _clipped(self, bound: float, derivative: Tensor) -> Tensor:
        limit = torch.as_tensor(self._unit * bound, dtype=derivative.dtype, device=derivative.device)
        return derivative.clamp(-limit, limit)


class ClippedLSTM(LSTM):
    """An LSTM whose gates' inputs have bounded derivatives; the values are those of the LSTM.

    `options` are those of `LSTM`.
    """

    def __init__(self, input_size: int, hidden_size: int, clipping: Clipping, **options: Any) -> None:
        super().__init__(input_size, hidden_size, **options)
        self.clipping = clipping

    def preactivation(self, a: Tensor) -> Tensor:
        return self.clipping.limited(a, self.clipping.inputs)
