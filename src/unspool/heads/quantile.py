"""A number known by some of its quantiles: no shape is assumed but that they do not cross."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from unspool.errors import SpecError
from unspool.heads.univariate import Univariate, logarithm, positive

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


@dataclass(frozen=True)
class Quantiles(Univariate):
    r"""K quantiles around the median, trained by the pinball loss.

    .. math:: Q(0.5) = location + scale \cdot raw_0, \qquad
        Q(p_{k+1}) - Q(p_k) = scale \cdot (softplus(raw_{k+1}) + 0.001) (\Phi^{-1}(p_{k+1}) - \Phi^{-1}(p_k))

    for k = 0 ... K - 2: gaps cumulated upwards and downwards from the median, so that no two quantiles cross. With raw
    of zeros they are those of the Normal head.

    Between two levels the distribution function is a straight line; beyond the outermost, the density goes on without
    a jump and falls exponentially. So there is a density (`log_prob`), a mean, and a quantile at every level.

    Shapes: raw [..., K], target [...].

    Source: Park et al. 2022, Learning quantile functions without quantile crossing for distribution-free time series
    forecasting (incremental quantiles, linear between levels, exponential tails).

    Example:
        >>> head = Quantiles((0.1, 0.5, 0.9))
        >>> head.quantiles(torch.zeros(3), [0.1, 0.5, 0.9], location=20.0)
        tensor([19.1104, 20.0000, 20.8896])
    """

    levels: tuple[float, ...] = LEVELS

    def __post_init__(self) -> None:
        rising = all(low < high for low, high in pairwise((0.0, *self.levels, 1.0)))
        if not rising or 0.5 not in self.levels[1:-1]:
            raise SpecError(
                f"levels must rise between 0 and 1 and have some on both sides of 0.5, which is one of them, "
                f"got {self.levels}; such as 0.1, 0.5, 0.9"
            )

    @property
    def size(self) -> int:
        """One number a level: the median, then the gaps from the lowest to the highest."""
        return len(self.levels)

    def loss(self, raw: Tensor, target: Tensor, location: Tensor | float = 0.0, scale: Tensor | float = 1.0) -> Tensor:
        r"""Return twice the mean pinball loss over the levels, in units of `scale`, [...]; it is no log-probability.

        .. math:: \frac{2}{K} \sum_k \max(p_k (x - q_k), (p_k - 1)(x - q_k))

        x and q on the scaled axis, so that series large and small count alike. With levels spread evenly it approaches
        the continuous ranked probability score.

        Source: Koenker and Bassett 1978, Regression quantiles; Laio and Tamea 2007, equation 8, for the score.
        """
        self._check(raw, target)
        _, offsets = self._around_median(raw)
        away = ((target - location) / scale - raw[..., 0]).unsqueeze(-1) - offsets  # [..., K]
        levels = self._levels(raw)
        return 2 * torch.maximum(levels * away, (levels - 1) * away).mean(-1)

    def log_prob(
        self, raw: Tensor, target: Tensor, location: Tensor | float = 0.0, scale: Tensor | float = 1.0
    ) -> Tensor:
        """Return the log-density in nats, [...]: constant between two quantiles, exponential beyond the outermost."""
        self._check(raw, target)
        x = (target - location) / scale - raw[..., 0]
        gaps, offsets = self._around_median(raw)
        density = self._levels(raw).diff() / gaps  # [..., K - 1]
        below, above = self._excesses(gaps)
        outside = (offsets[..., 0] - x).clamp_min(0) / below + (x - offsets[..., -1]).clamp_min(0) / above
        return _at(density, _gap_of(offsets, x.unsqueeze(-1)).squeeze(-1)).log() - outside - logarithm(scale)

    def mean(self, raw: Tensor, location: Tensor | float = 0.0, scale: Tensor | float = 1.0) -> Tensor:
        """Return the mean of the distribution as described above, [...]; it may differ from the median."""
        self._check(raw)
        gaps, offsets = self._around_median(raw)
        levels, (below, above) = self._levels(raw), self._excesses(gaps)
        inside = ((offsets[..., 1:] + offsets[..., :-1]) / 2 * levels.diff()).sum(-1)
        outside = levels[0] * (offsets[..., 0] - below) + (1 - levels[-1]) * (offsets[..., -1] + above)
        return location + scale * (raw[..., 0] + inside + outside)

    def _quantile(self, raw: Tensor, level: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        gaps, offsets = self._around_median(raw)
        levels, (below, above) = self._levels(raw), self._excesses(gaps)
        gap = _gap_of(levels, level)
        share = ((level - levels[gap]) / levels.diff()[gap]).clamp(0, 1)
        outside = below * (level / levels[0]).log().clamp_max(0)
        outside = outside - above * ((1 - level) / (1 - levels[-1])).log().clamp_max(0)
        return location + scale * (raw[..., 0] + _at(offsets, gap) + share * _at(gaps, gap) + outside)

    def _log_tails(self, raw: Tensor, target: Tensor, location: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        x = (target - location) / scale - raw[..., 0]
        gaps, offsets = self._around_median(raw)
        levels, (below, above) = self._levels(raw), self._excesses(gaps)
        gap = _gap_of(offsets, x.unsqueeze(-1)).squeeze(-1)
        level = levels[gap] + ((x - _at(offsets, gap)) / _at(gaps, gap)).clamp(0, 1) * levels.diff()[gap]
        # beyond the outermost quantiles, the logarithm of the share of the tail that lies farther out
        lower = level.log() + ((x - offsets[..., 0]) / below).clamp_max(0)
        upper = torch.log1p(-level) + ((offsets[..., -1] - x) / above).clamp_max(0)
        lowest, highest = x < offsets[..., 0], x > offsets[..., -1]
        return (
            torch.where(highest, torch.log1p(-upper.exp()), lower),
            torch.where(lowest, torch.log1p(-lower.exp()), upper),
        )

    def _levels(self, raw: Tensor) -> Tensor:
        return torch.tensor(self.levels, dtype=raw.dtype, device=raw.device)

    def _around_median(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gaps between quantiles [..., K - 1] and the quantiles less the median [..., K], scaled axis."""
        gaps = positive(raw[..., 1:]) * torch.special.ndtri(self._levels(raw)).diff()
        cumulated = torch.cat([torch.zeros_like(raw[..., :1]), gaps.cumsum(-1)], -1)
        median = self.levels.index(0.5)
        return gaps, cumulated - cumulated[..., median : median + 1]

    def _excesses(self, gaps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean excess beyond the lowest and the highest quantile, [...]: the density does not jump there."""
        low, lower, higher, high = (*self.levels[:2], *self.levels[-2:])
        return gaps[..., 0] * low / (lower - low), gaps[..., -1] * (1 - high) / (high - higher)


def _gap_of(edges: Tensor, values: Tensor) -> Tensor:
    """Return the number of the gap between two of the rising edges that each value lies in, or is nearest to."""
    above = torch.searchsorted(edges.detach().contiguous(), values.detach().contiguous())
    return (above - 1).clamp(0, edges.shape[-1] - 2)


def _at(values: Tensor, place: Tensor) -> Tensor:
    """Return one of the values [..., N] of each row, [...]."""
    return values.gather(-1, place.unsqueeze(-1)).squeeze(-1)
