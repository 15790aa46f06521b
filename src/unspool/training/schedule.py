"""How far a training is, and the learning rate there."""

from __future__ import annotations

import math

WARMUP_STEPS = 100


def learning_rate(peak: float, step: int, fraction: float, warmup: int) -> float:
    r"""Return the learning rate for update `step` (from 0) when `fraction` of the budget is spent.

    .. math:: \eta = \eta_{peak} \cdot \min(1, (step + 1) / warmup) \cdot (1 + \cos \pi f) / 2

    Linear warm-up by steps, cosine fall by budget (Loshchilov and Hutter 2017, equation 5, without restarts), so
    that the rate reaches zero exactly when the budget ends, whatever its unit.
    """
    return peak * min(1.0, (step + 1) / max(1, warmup)) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, fraction)))


def stepped(peak: float, epochs: float, hold: float, decay: float) -> float:
    r"""Return the learning rate after `epochs` epochs, whole or not: no warm-up, one fall at the end of each epoch.

    .. math:: \eta = \eta_{peak} \cdot decay^{\max(0, \lfloor epochs \rfloor + 1 - hold)}

    Source: Zaremba, Sutskever and Vinyals 2014, Recurrent neural network regularization, section 4.1: 1 for four epochs
    (six, fourteen), then divided by 2 (1.2, 1.15) after each.
    """
    return float(peak * decay ** max(0.0, math.floor(epochs) + 1 - hold))


def warmup_steps(total: int | None) -> int:
    """Return how many updates the warm-up takes: a tenth of a short training, at most 100."""
    return WARMUP_STEPS if total is None else max(1, min(WARMUP_STEPS, total // 10))
