"""The incomplete beta function, which torch lacks: the tails of Student's t and of the negative binomial."""

from __future__ import annotations

import torch
from torch import Tensor

MAX_TERMS = 20_000  # some multiple of the square root of the greater parameter is needed
TINY = 1e-300  # stands for a denominator of exactly 0


def log_betainc(a: Tensor, b: Tensor, x: Tensor, complement: Tensor) -> Tensor:
    r"""Return the logarithm of the regularised incomplete beta function, float64, of tensors that broadcast.

    .. math:: I_x(a, b) = \frac{x^a (1-x)^b}{a B(a, b)} \cdot
        \frac{1}{1 +} \frac{d_1}{1 +} \frac{d_2}{1 +} \cdots, \qquad I_x(a, b) = 1 - I_{1-x}(b, a)

    with a, b > 0 and `complement` = 1 - x in [0, 1], given apart because it may be known better than by subtraction.
    The side is taken on which the fraction converges fast. In log space a far tail does not become 0.

    Source: DLMF 8.17.22; Press et al. 2007, Numerical Recipes, section 6.4, by Lentz's method.
    """
    swap = x > (a + 1) / (a + b + 2)
    a, b = torch.where(swap, b, a), torch.where(swap, a, b)
    x, complement = torch.where(swap, complement, x), torch.where(swap, x, complement)
    log_beta = a.lgamma() + b.lgamma() - (a + b).lgamma()
    value = a * x.log() + b * complement.log() - log_beta - a.log() + _fraction(a, b, x).log()
    value = value.clamp_max(0)
    return torch.where(swap, torch.log1p(-value.exp()), value)


def _fraction(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    """Return the continued fraction above; whoever has converged leaves the loop."""
    shape = x.shape
    a, b, x = a.flatten(), b.flatten(), x.flatten()
    found, places = torch.empty_like(x), torch.arange(len(x))
    c = torch.ones_like(x)
    value = d = _inverse(1 - (a + b) * x / (a + 1))
    for m in range(1, MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = _inverse(1 + even * d), 1 + even / c
        value = value * d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = _inverse(1 + odd * d), 1 + odd / c
        value = value * d * c
        found[places] = value
        going = (d * c - 1).abs() > 1e-15
        if not bool(going.any()):
            break
        places, a, b, x, c, d, value = (kept[going] for kept in (places, a, b, x, c, d, value))
    return found.reshape(shape)


def _inverse(value: Tensor) -> Tensor:
    return torch.where(value.abs() < TINY, TINY, value).reciprocal()
