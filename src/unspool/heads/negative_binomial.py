"""Counts that scatter more than Poisson's: events, sales, calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from unspool.heads.beta import log_betainc
from unspool.heads.univariate import Univariate

SHARPNESS = 4.0  # of the softplus that keeps the mean above 0
MIN_MEAN = 1e-6  # on the scaled axis
MIN_DISPERSION = 1e-6  # nearly Poisson


@dataclass(frozen=True)
class NegativeBinomial(Univariate):
    r"""The negative binomial distribution of counts: mean and dispersion; its variance is :math:`\mu + \alpha \mu^2`.

    .. math:: \mu = scale \cdot (softplus_4(location / scale + raw_0) + 10^{-6}), \qquad
        \alpha = (softplus(raw_1) + 10^{-6}) / \sqrt{scale}

    with `softplus_4(x) = log(1 + e^(4x)) / 4`. Targets are the counts themselves, never scaled: the scale multiplies
    the mean. Above 1 the softplus is x itself to half a percent, so here too a linear forecast can be added to raw_0.

    Shapes: raw [..., 2], target [...]: 0, 1, 2, ... as floating-point numbers; whatever else has probability 0.

    Source: Salinas et al. 2020, DeepAR, equation 4 and section 3.3 (whose softplus is less sharp and location 0).

    Example:
        >>> NegativeBinomial().mean(torch.tensor([[1.5, 0.0]]), scale=10.0).round()
        tensor([15.])
    """

    discrete: ClassVar[bool] = True

    @property
    def size(self) -> int:
        """Mean and dispersion."""
        return 2

    def log_prob(
        self, raw: Tensor, target: Tensor, location: Tensor | float = 0.0, scale: Tensor | float = 1.0
    ) -> Tensor:
        r"""Return the log-probability of counts in nats, [...].

        .. math:: \log\Gamma(y + r) - \log\Gamma(r) - \log\Gamma(y + 1) + y \log(\alpha\mu)
            - (y + r) \log(1 + \alpha\mu), \qquad r = 1 / \alpha

        Worked out in float64, for the first three terms grow large where their sum is small.
        """
        self._check(raw, target)
        wide = raw if raw.device.type == "mps" else raw.double()
        mean, dispersion = _parameters(wide, location, scale)
        count = (target >= 0) & (target == target.round())
        y = torch.where(count, target, 0).to(wide)
        r = dispersion.reciprocal()
        odds = dispersion * mean
        coefficient = (y + r).lgamma() - r.lgamma() - (y + 1).lgamma()
        log_p = coefficient + y * odds.log() - (y + r) * torch.log1p(odds)
        return torch.where(count, log_p, -torch.inf).to(raw)

    def mean(self, raw: Tensor, location: Tensor | float = 0.0, scale: Tensor | float = 1.0) -> Tensor:
        """Return the expected count, [...]."""
        self._check(raw)
        return _parameters(raw, location, scale)[0]

    def _quantile(self, raw: Tensor, level: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        mean, dispersion = _parameters(raw, location, scale)
        deviation = (mean + dispersion * mean**2).sqrt()
        log_level = level.log()
        below = torch.full_like(mean, -1)  # P(Y <= below) < level <= P(Y <= above), once the loop has run
        above = (mean + 4 * deviation).ceil()
        while bool((short := _log_cdf(above, mean, dispersion) < log_level).any()):
            below, above = torch.where(short, above, below), torch.where(short, 2 * above + 1, above)
        while bool((above - below > 1).any()):
            middle = ((below + above) / 2).floor()
            short = _log_cdf(middle, mean, dispersion) < log_level
            below, above = torch.where(short, middle, below), torch.where(short, above, middle)
        return above

    def _log_tails(self, raw: Tensor, target: Tensor, location: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        mean, dispersion = _parameters(raw, location, scale)
        return _log_cdf(target.floor(), mean, dispersion), _log_upper_tail(target.ceil(), mean, dispersion)


def _parameters(raw: Tensor, location: Tensor | float, scale: Tensor | float) -> tuple[Tensor, Tensor]:
    mean = scale * (F.softplus(raw[..., 0] + location / scale, beta=SHARPNESS) + MIN_MEAN)
    return mean, (F.softplus(raw[..., 1]) + MIN_DISPERSION) / scale**0.5


def _log_cdf(count: Tensor, mean: Tensor, dispersion: Tensor) -> Tensor:
    r"""Return `log P(Y <= count)`, the logarithm of :math:`I_{1/(1 + \alpha\mu)}(r, count + 1)`."""
    odds = dispersion * mean
    value = log_betainc(dispersion.reciprocal(), count.clamp_min(0) + 1, 1 / (1 + odds), odds / (1 + odds))
    return torch.where(count < 0, -torch.inf, value)


def _log_upper_tail(count: Tensor, mean: Tensor, dispersion: Tensor) -> Tensor:
    r"""Return `log P(Y >= count)`, the logarithm of :math:`I_{\alpha\mu/(1 + \alpha\mu)}(count, r)`."""
    odds = dispersion * mean
    value = log_betainc(count.clamp_min(1), dispersion.reciprocal(), odds / (1 + odds), 1 / (1 + odds))
    return torch.where(count < 1, 0.0, value)
