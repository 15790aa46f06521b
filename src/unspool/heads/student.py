"""A number whose noise has heavy tails."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unspool.heads.beta import log_betainc
from unspool.heads.univariate import SMALLEST, Univariate, logarithm, positive

MIN_DF = 2.01  # the variance is finite above 2
NEWTON_STEPS = 50  # an upper limit; about five are made


@dataclass(frozen=True)
class StudentT(Univariate):
    r"""Student's t distribution: location, scale and degrees of freedom, all learnt.

    .. math:: \mu = location + scale \cdot raw_0, \qquad \sigma = scale \cdot (softplus(raw_1) + 0.001),
        \qquad \nu = 2.01 + softplus(raw_2)

    The variance is :math:`\sigma^2 \nu / (\nu - 2)`. Few degrees of freedom let a single wild value count little.

    Shapes: raw [..., 3], target [...].

    Source: Lange, Little and Taylor 1989, Robust statistical modeling using the t distribution, equation 1.

    Example:
        >>> StudentT().mean(torch.zeros(1, 3), location=20.0)
        tensor([20.])
    """

    @property
    def size(self) -> int:
        """Location, scale and degrees of freedom."""
        return 3

    def log_prob(
        self, raw: Tensor, target: Tensor, location: Tensor | float = 0.0, scale: Tensor | float = 1.0
    ) -> Tensor:
        r"""Return the log-density in nats, [...].

        .. math:: \log\Gamma(\tfrac{\nu + 1}{2}) - \log\Gamma(\tfrac{\nu}{2}) - \tfrac12 \log(\pi \nu) - \log \sigma
            - \tfrac{\nu + 1}{2} \log(1 + z^2 / \nu), \qquad z = (y - \mu) / \sigma
        """
        self._check(raw, target)
        df = degrees_of_freedom(raw[..., 2])
        sigma = positive(raw[..., 1])
        z = ((target - location) / scale - raw[..., 0]) / sigma
        # for many degrees of freedom the two differ by little, which float32 would lose
        wide = df if df.device.type == "mps" else df.double()
        gammas = (((wide + 1) / 2).lgamma() - (wide / 2).lgamma() - wide.log() / 2).to(raw)
        normaliser = gammas - math.log(math.pi) / 2 - sigma.log() - logarithm(scale)
        return normaliser - (df + 1) / 2 * torch.log1p(z**2 / df)

    def mean(self, raw: Tensor, location: Tensor | float = 0.0, scale: Tensor | float = 1.0) -> Tensor:
        """Return the location, which is mean and median, [...]."""
        self._check(raw)
        return location + scale * raw[..., 0]

    def _quantile(self, raw: Tensor, level: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        tail = torch.minimum(level, 1 - level)
        t = _upper_quantile(tail, degrees_of_freedom(raw[..., 2])) * torch.sign(level - 0.5)
        return location + scale * (raw[..., 0] + positive(raw[..., 1]) * t)

    def _log_tails(self, raw: Tensor, target: Tensor, location: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        z = ((target - location) / scale - raw[..., 0]) / positive(raw[..., 1])
        far = _log_upper_tail(z.abs(), degrees_of_freedom(raw[..., 2]))
        near = torch.log1p(-far.exp())
        return torch.where(z < 0, far, near), torch.where(z < 0, near, far)


def degrees_of_freedom(raw: Tensor) -> Tensor:
    """Return `2.01 + softplus(raw)`."""
    return F.softplus(raw) + MIN_DF


def _log_upper_tail(t: Tensor, df: Tensor) -> Tensor:
    """Return `log P(T >= t)` for t >= 0: half of `I_x(df / 2, 1 / 2)` at `x = df / (df + t^2)`."""
    square = t**2
    value = log_betainc(df / 2, torch.full_like(df, 0.5), df / (df + square), square / (df + square))
    return value - math.log(2)


def _upper_quantile(tail: Tensor, df: Tensor) -> Tensor:
    """Return t >= 0 with `P(T >= t) = tail`, for tails in (0, 0.5].

    Newton's method on `log P(T >= e^s) = log tail` in s, where the tail `t^-df` is a straight line. The left side is
    concave and the normal quantile lies below the root, so the iteration cannot run away.
    """
    normal: Tensor = -torch.special.ndtri(tail)
    s = normal.clamp_min(SMALLEST).log()
    for _ in range(NEWTON_STEPS):
        t = s.exp()
        log_tail = _log_upper_tail(t, df)
        log_density = ((df + 1) / 2).lgamma() - (df / 2).lgamma() - (math.pi * df).log() / 2
        log_density = log_density - (df + 1) / 2 * torch.log1p(t**2 / df)
        step = (log_tail - tail.log()) / (log_density + s - log_tail).exp()
        s = s + step
        if bool((step.abs() < 1e-7).all()):  # which the step has squared
            break
    return s.exp()
