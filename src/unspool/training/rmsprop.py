"""Graves's form of RMSProp: centred, with momentum, and with its constant inside the root."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class GravesRMSProp(torch.optim.Optimizer):
    r"""RMSProp as in Graves (2013), Generating Sequences With Recurrent Neural Networks, equations 38-45.

    .. math:: n &\leftarrow \aleph n + (1 - \aleph) \epsilon^2 \\
        g &\leftarrow \aleph g + (1 - \aleph) \epsilon \\
        \Delta &\leftarrow \beth \Delta - \gimel \frac{\epsilon}{\sqrt{n - g^2 + \daleth}} \\
        w &\leftarrow w + \Delta

    for a weight w with derivative epsilon; n, g and Delta start at 0. Inside the root the constant is a floor of 0.01
    under the standard deviation of the derivatives, where `torch.optim.RMSprop` adds its own outside. So their size
    matters: the paper's are those of the loss of a whole sequence, not of its mean over points.

    Args:
        lr: gimel; decay: aleph; momentum: beth; floor: daleth. The defaults are the paper's.
        weight_decay: decoupled, w is first multiplied by 1 - lr * weight_decay; the paper has none.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        *,
        decay: float = 0.95,
        momentum: float = 0.9,
        floor: float = 1e-4,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "decay": decay, "momentum": momentum, "floor": floor, "weight_decay": weight_decay}
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Make one update."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, weight.grad, self.state[weight], group)

    @staticmethod
    def _update(weight: Tensor, derivative: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> None:
        if not state:
            state.update({name: torch.zeros_like(weight) for name in ("square", "mean", "delta")})
        square, mean, delta = state["square"], state["mean"], state["delta"]
        square.lerp_(derivative.square(), 1 - group["decay"])  # n
        mean.lerp_(derivative, 1 - group["decay"])  # g
        variance = (square - mean.square()).clamp_min_(0)  # below 0 by rounding alone
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        delta.mul_(group["momentum"]).addcdiv_(derivative, (variance + group["floor"]).sqrt_(), value=-group["lr"])
        weight.add_(delta)
