"""A number with normal noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from unspool.heads.univariate import Univariate, logarithm, positive

HALF_LOG_TWO_PI = math.log(2 * math.pi) / 2


@dataclass(frozen=True)
class Normal(Univariate):
    r"""The normal distribution: mean and standard deviation.

    .. math:: \mu = location + scale \cdot raw_0, \qquad \sigma = scale \cdot (softplus(raw_1) + 0.001)

    Shapes: raw [..., 2], target [...].

    Source: Nix and Weigend 1994, Estimating the mean and variance of the target probability distribution; softplus as
    in Salinas et al. 2020, DeepAR, equation 3.

    Example:
        >>> head, raw = Normal(), torch.zeros(1, 2)
        >>> head.mean(raw, location=20.0, scale=5.0)
        tensor([20.])
        >>> head.cdf(raw, torch.tensor([20.0]), location=20.0, scale=5.0)
        tensor([0.5000])
    """

    @property
    def size(self) -> int:
        """Location and scale."""
        return 2

    def log_prob(
        self, raw: Tensor, target: Tensor, location: Tensor | float = 0.0, scale: Tensor | float = 1.0
    ) -> Tensor:
        r"""Return :math:`-z^2/2 - \log \sigma - \log\sqrt{2\pi}` with :math:`z = (y - \mu) / \sigma`, [...]."""
        self._check(raw, target)
        sigma = positive(raw[..., 1])
        z = ((target - location) / scale - raw[..., 0]) / sigma
        return -z.square() / 2 - sigma.log() - logarithm(scale) - HALF_LOG_TWO_PI

    def mean(self, raw: Tensor, location: Tensor | float = 0.0, scale: Tensor | float = 1.0) -> Tensor:
        """Return the mean, which is the median too, [...]."""
        self._check(raw)
        return location + scale * raw[..., 0]

    def _quantile(self, raw: Tensor, level: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        z: Tensor = torch.special.ndtri(level)
        return location + scale * (raw[..., 0] + positive(raw[..., 1]) * z)

    def _log_tails(self, raw: Tensor, target: Tensor, location: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        z = ((target - location) / scale - raw[..., 0]) / positive(raw[..., 1])
        return torch.special.log_ndtr(z), torch.special.log_ndtr(-z)
