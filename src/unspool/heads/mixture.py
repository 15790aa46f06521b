"""Where a pen goes next: a mixture of bivariate normal distributions, and whether the stroke ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from unspool.draws import pick
from unspool.errors import ShapeError, SpecError

LOG_TWO_PI = math.log(2 * math.pi)
STEEPEST = 8.0  # of the raw correlation: the largest whole number whose tanh is still below 1 by several float32 steps
POINT = 3  # dx, dy, end of stroke
UNIFORMS = 4  # for a sample: which component, two for the place, one for the end of the stroke


class PenParameters(NamedTuple):
    """What raw numbers say, by equations 18-22 and with the bias of 61-62; M components."""

    end: Tensor  # [...], the raw e^: the stroke ends with probability sigmoid(-e^)
    log_weight: Tensor  # [..., M], log pi
    mean: Tensor  # [..., M, 2]
    log_scale: Tensor  # [..., M, 2], log sigma
    slope: Tensor  # [..., M], the raw rho^: rho = tanh(rho^)


@dataclass(frozen=True)
class PenMixture:
    r"""M bivariate normal distributions over the pen's next offset, and a Bernoulli for the end of the stroke.

    .. math:: p(x, y, \epsilon) = \sum_j \pi_j N(x, y | \mu_j, \sigma_j, \rho_j)
        \cdot (e \text{ if } \epsilon = 1 \text{ else } 1 - e)

    .. math:: e = \frac{1}{1 + \exp(\hat e)}, \quad \pi = \mathrm{softmax}(\hat\pi), \quad \mu = \hat\mu, \quad
        \sigma = \exp(\hat\sigma), \quad \rho = \tanh(\hat\rho)

    The sign of :math:`\hat e` is that of the paper, not that of the usual sigmoid: more of it ends fewer strokes.

    Nothing is clipped but :math:`\hat\rho`, at 8 in size, so that :math:`|\rho| < 1` in float32 too. The density is
    worked out from :math:`\hat\rho`, where nothing cancels:

    .. math:: \frac{Z}{2(1 - \rho^2)} =
        \frac{(z_x + z_y)^2 (1 + e^{-2\hat\rho}) + (z_x - z_y)^2 (1 + e^{2\hat\rho})}{8}, \quad
        \log \sqrt{1 - \rho^2} = \log 2 - |\hat\rho| - \log(1 + e^{-2|\hat\rho|})

    Shapes: raw [..., 6 M + 1] in the order end, M weights, M means of x, M of y, M scales of x, M of y, M
    correlations; target [..., 3], dx, dy and 0 or 1.

    Source: Graves 2013, Generating sequences with recurrent neural networks, equations 15-26, 61 and 62.

    Example:
        >>> head, raw = PenMixture(20), torch.zeros(1, 121)
        >>> head.mean(raw)
        tensor([[0.0000, 0.0000, 0.5000]])
        >>> -head.log_prob(raw, torch.zeros(1, 3))  # log 2 pi for the place, log 2 for the end
        tensor([2.5310])
    """

    components: int

    def __post_init__(self) -> None:
        if self.components < 1:
            raise SpecError(f"a mixture must have at least 1 component, got {self.components}; 20 are usual")

    @property
    def size(self) -> int:
        """Six numbers a component, one for the end of the stroke."""
        return 6 * self.components + 1

    def parse(self, raw: Tensor, sharpness: float = 1.0) -> PenParameters:
        """Return the parameters that raw [..., 6 M + 1] stands for, for training and sampling alike.

        Sharpness is one more than the paper's bias b: sigma = exp(sigma^ - b), pi = softmax((1 + b) pi^). The end of
        the stroke is not biased.
        """
        if raw.dim() == 0 or raw.shape[-1] != self.size:
            raise ShapeError(
                f"raw must be [..., {self.size}], 6 numbers for each of {self.components} components and 1, "
                f"got {list(raw.shape)}; give the last layer {self.size} outputs"
            )
        weight, mean_x, mean_y, scale_x, scale_y, slope = raw[..., 1:].chunk(6, -1)  # [..., M]
        return PenParameters(
            raw[..., 0],
            (sharpness * weight).log_softmax(-1),
            torch.stack([mean_x, mean_y], -1),
            torch.stack([scale_x, scale_y], -1) - (sharpness - 1),
            slope.clamp(-STEEPEST, STEEPEST),
        )

    def log_prob(self, raw: Tensor, target: Tensor) -> Tensor:
        """Return the log-density of offsets times the log-probability of the end, in nats, [...]; (26) negated."""
        found = self.parse(raw)
        _check_points(target, raw, "target", POINT)
        place = target[..., None, :2]  # [..., 1, 2]
        z = (place - found.mean) * (-found.log_scale).exp()  # [..., M, 2]
        along, across = z.sum(-1).square(), (z[..., 0] - z[..., 1]).square()
        rise = (2 * found.slope).exp()
        exponent = (along * (1 + rise.reciprocal()) + across * (1 + rise)) / 8
        log_normal = -exponent - found.log_scale.sum(-1) - _log_complement(found.slope) - LOG_TWO_PI
        log_place = (found.log_weight + log_normal).logsumexp(-1)
        return log_place + torch.where(target[..., 2] == 1, F.logsigmoid(-found.end), F.logsigmoid(found.end))

    def sample(self, raw: Tensor, sharpness: float = 1.0, *, uniforms: Tensor) -> Tensor:
        r"""Return one point for each distribution, [..., 3], a function of four uniform numbers.

        .. math:: x = \mu_x + \sigma_x a, \quad y = \mu_y + \sigma_y (\rho a + \sqrt{1 - \rho^2} b), \quad
            (a, b) = \sqrt{-2 \log(1 - u_1)} (\cos 2 \pi u_2, \sin 2 \pi u_2)

        in the component that :math:`u_0` picks; the stroke ends where :math:`u_3 < e`. Sharpness 1 + b is the bias b
        of the paper. Worked out in float64 on the CPU, so that every device draws alike.

        Shapes: uniforms [..., 4] in [0, 1), in the order of addresses 4 t to 4 t + 3 of `unspool.draws` at step t.

        Source: Box and Muller 1958, A note on the generation of random normal deviates.
        """
        if not 0 < sharpness < math.inf:
            raise SpecError(f"sharpness must be above 0 and finite, got {sharpness}; 1 samples the distribution itself")
        _check_points(uniforms, raw, "uniforms", UNIFORMS)
        found = self.parse(raw.detach().to("cpu", torch.float64), sharpness)
        chosen, radius, angle, end = uniforms.detach().to("cpu", torch.float64).unbind(-1)
        index = pick(found.log_weight.exp(), chosen).unsqueeze(-1)  # [..., 1]
        slope = found.slope.gather(-1, index).squeeze(-1)
        mean, log_scale = (
            leaf.gather(-2, index.unsqueeze(-1).expand(*index.shape, 2)).squeeze(-2)
            for leaf in (found.mean, found.log_scale)
        )
        length, turn = (-2 * torch.log1p(-radius)).sqrt(), 2 * math.pi * angle
        a, b = length * turn.cos(), length * turn.sin()
        z = torch.stack([a, slope.tanh() * a + _log_complement(slope).exp() * b], -1)
        place = mean + log_scale.exp() * z  # [..., 2]
        ends = (end < torch.sigmoid(-found.end)).to(place)
        return torch.cat([place, ends.unsqueeze(-1)], -1).to(raw)

    def mean(self, raw: Tensor) -> Tensor:
        """Return the expected point, [..., 3]: the mean of the offsets and the probability that the stroke ends."""
        found = self.parse(raw)
        place = (found.log_weight.exp().unsqueeze(-1) * found.mean).sum(-2)  # [..., 2]
        return torch.cat([place, torch.sigmoid(-found.end).unsqueeze(-1)], -1)

    def squared_error(self, raw: Tensor, target: Tensor) -> Tensor:
        """Return the sum of the squared errors of dx and dy, scored by the mean of the mixture, [...].

        The paper's tables 3 and 4 print its mean over points as SSE, without saying which estimate is scored.
        """
        _check_points(target, raw, "target", POINT)
        return (self.mean(raw)[..., :2] - target[..., :2]).square().sum(-1)


def _log_complement(slope: Tensor) -> Tensor:
    """Return log sqrt(1 - tanh(slope)^2), exactly where tanh would round to 1."""
    size = slope.abs()
    return math.log(2) - size - torch.log1p((-2 * size).exp())


def _check_points(points: Tensor, raw: Tensor, name: str, size: int) -> None:
    if points.shape != (*raw.shape[:-1], size):
        raise ShapeError(
            f"{name} must be {[*raw.shape[:-1], size]}, {size} numbers a row of raw {list(raw.shape)}, "
            f"got {list(points.shape)}; give one row for each distribution"
        )
