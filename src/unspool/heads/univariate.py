"""What the distributions of one number share: where they lie on the axis of the data, how they are drawn from."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from unspool.errors import ShapeError, SpecError

MIN_SCALE = 1e-3  # on the scaled axis: a stretch without any noise must not make the density infinite
SMALLEST = 2.0**-54  # stands for a uniform of exactly 0, whose quantile would be -inf


class Univariate(ABC):
    """A head for one number in units of the data: `y = location + scale * x`, x on the network's scaled axis.

    `location` and `scale` (above 0) are known before the forecast, such as mean and standard deviation of what was
    seen; both are numbers or tensors that broadcast to [...]. The first raw number of every head is the location of x,
    so a linear forecast of x can be added to it. Targets, quantiles, means and samples are in units of the data.

    Shapes: raw [..., size], target and uniforms [...].

    Only `log_prob`, `loss` and `mean` carry gradients. All else is worked out in float64 on the CPU, so that every
    device answers alike, and comes back in the type and on the device of raw.
    """

    discrete: ClassVar[bool] = False  # whether outcomes are the counts 0, 1, 2, ...

    @property
    @abstractmethod
    def size(self) -> int:
        """How many raw numbers the network gives for one distribution."""

    @abstractmethod
    def log_prob(
        self, raw: Tensor, target: Tensor, location: Tensor | float = 0.0, scale: Tensor | float = 1.0
    ) -> Tensor:
        """Return the log-density (of counts: log-probability) of the target in nats, [...]."""

    @abstractmethod
    def mean(self, raw: Tensor, location: Tensor | float = 0.0, scale: Tensor | float = 1.0) -> Tensor:
        """Return the expected outcome, [...]."""

    @abstractmethod
    def _quantile(self, raw: Tensor, level: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Return the smallest y with P(Y <= y) >= level, all float64 [...]."""

    @abstractmethod
    def _log_tails(self, raw: Tensor, target: Tensor, location: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Return `log P(Y <= target)` and `log P(Y >= target)`, all float64 [...]."""

    def loss(self, raw: Tensor, target: Tensor, location: Tensor | float = 0.0, scale: Tensor | float = 1.0) -> Tensor:
        """Return what training minimises, [...]: the negative log-likelihood unless a head says otherwise."""
        return -self.log_prob(raw, target, location, scale)

    def sample(
        self,
        raw: Tensor,
        sharpness: float = 1.0,
        *,
        uniforms: Tensor,
        location: Tensor | float = 0.0,
        scale: Tensor | float = 1.0,
    ) -> Tensor:
        r"""Return one draw for each distribution, [...], by the inverse of the distribution function.

        .. math:: y = F^{-1}(\Phi(\Phi^{-1}(u) / \sqrt{s}))

        with sharpness s. Of a normal distribution this samples the density `p(y)^s`, renormalised; every other one is
        drawn towards its median in the same measure.
        """
        if not 0 < sharpness < math.inf:
            raise SpecError(f"sharpness must be above 0 and finite, got {sharpness}; 1 samples the distribution itself")
        self._check(raw, uniforms, "uniforms")
        level = uniforms.detach().to("cpu", torch.float64).clamp_min(SMALLEST)
        if sharpness != 1:
            level = torch.special.ndtr(torch.special.ndtri(level) / math.sqrt(sharpness))
        return self.quantile(raw, level, location, scale)

    @torch.no_grad()
    def quantile(
        self,
        raw: Tensor,
        level: Tensor | float,
        location: Tensor | float = 0.0,
        scale: Tensor | float = 1.0,
    ) -> Tensor:
        """Return the smallest y with P(Y <= y) >= level, [...]; the level lies in (0, 1) and broadcasts to [...]."""
        self._check(raw)
        wide = _wide(level)
        if not bool(((wide > 0) & (wide < 1)).all()):
            raise SpecError(f"the level of a quantile must be above 0 and below 1, got {level}; 0.5 is the median")
        return self._quantile(_wide(raw), wide.expand(raw.shape[:-1]), _wide(location), _wide(scale)).to(raw)

    def quantiles(
        self,
        raw: Tensor,
        levels: Sequence[float],
        location: Tensor | float = 0.0,
        scale: Tensor | float = 1.0,
    ) -> Tensor:
        """Return several quantiles of each distribution, [..., K] for K levels."""
        return torch.stack([self.quantile(raw, level, location, scale) for level in levels], -1)

    @torch.no_grad()
    def cdf(self, raw: Tensor, target: Tensor, location: Tensor | float = 0.0, scale: Tensor | float = 1.0) -> Tensor:
        """Return `P(Y <= target)`, [...]."""
        self._check(raw, target)
        return self._log_tails(_wide(raw), _wide(target), _wide(location), _wide(scale))[0].exp().to(raw)

    @torch.no_grad()
    def surprise(
        self, raw: Tensor, target: Tensor, location: Tensor | float = 0.0, scale: Tensor | float = 1.0
    ) -> Tensor:
        r"""Return how far out the target lies, in nats, [...]: 0 at the median, comparable between steps.

        .. math:: -\log \min(1, 2 \min(P(Y \le y), P(Y \ge y)))

        It is the negative logarithm of a two-sided p-value, so a forecast that is right exceeds s with chance exp(-s).
        Unlike -log_prob it knows no unit, and a wide forecast does not surprise by its width.
        """
        self._check(raw, target)
        lower, upper = self._log_tails(_wide(raw), _wide(target), _wide(location), _wide(scale))
        return -(torch.minimum(lower, upper) + math.log(2)).clamp_max(0).to(raw)

    def _check(self, raw: Tensor, numbers: Tensor | None = None, name: str = "target") -> None:
        if raw.dim() == 0 or raw.shape[-1] != self.size:
            raise ShapeError(
                f"raw must be [..., {self.size}], {self.size} numbers for each distribution, got {list(raw.shape)}; "
                f"give the last layer {self.size} outputs"
            )
        if numbers is not None and numbers.shape != raw.shape[:-1]:
            raise ShapeError(
                f"{name} must be {list(raw.shape[:-1])}, one number a row of raw {list(raw.shape)}, "
                f"got {list(numbers.shape)}; give one for each distribution"
            )


def positive(raw: Tensor) -> Tensor:
    """Return `softplus(raw) + MIN_SCALE`: a scale or a width, never 0."""
    return F.softplus(raw) + MIN_SCALE


def logarithm(scale: Tensor | float) -> Tensor | float:
    """Return the natural logarithm of a number or of a tensor."""
    return scale.log() if isinstance(scale, Tensor) else math.log(scale)


def _wide(value: Tensor | float) -> Tensor:
    return torch.as_tensor(value).detach().to("cpu", torch.float64)
