"""One of V outcomes: characters, words, classes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from unspool.draws import pick
from unspool.errors import ShapeError, SpecError


@dataclass(frozen=True)
class Categorical:
    """The softmax distribution over V = size outcomes.

    Equation: `p_v = exp(raw_v) / sum_w exp(raw_w)`.

    Shapes: raw [..., V], target int64 [...] in [0, V).

    Source: Bridle 1990, Probabilistic interpretation of feedforward classification network outputs.

    Example:
        >>> head = Categorical(2)
        >>> head.mean(torch.zeros(1, 2))
        tensor([[0.5000, 0.5000]])
        >>> head.log_prob(torch.zeros(1, 2), torch.tensor([1])).exp()
        tensor([0.5000])
    """

    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise SpecError(f"a categorical head must have at least 1 outcome, got {self.size}; count the vocabulary")

    def log_prob(self, raw: Tensor, target: Tensor) -> Tensor:
        """Return `log p_target` in nats, [...]."""
        return self._gather(self._log_softmax(raw), target)

    def loss(self, raw: Tensor, target: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """Return the training loss in nats, [...]: the cross-entropy, with smoothed targets where asked for.

        Equation: `-(1 - e) * log p_target - e / V * sum_v log p_v`, with e = label_smoothing in [0, 1).

        Source: Szegedy et al. 2016, Rethinking the inception architecture for computer vision, section 7.
        It is no log-probability: train on this, report `log_prob`.
        """
        if not 0 <= label_smoothing < 1:
            raise SpecError(f"label_smoothing must be at least 0 and below 1, got {label_smoothing}; 0 turns it off")
        log_p = self._log_softmax(raw)
        nll = -self._gather(log_p, target)
        if label_smoothing == 0:
            return nll
        return (1 - label_smoothing) * nll - label_smoothing * log_p.mean(-1)

    def sample(self, raw: Tensor, sharpness: float = 1.0, *, uniforms: Tensor) -> Tensor:
        """Return one outcome for each uniform number, int64 [...] on the device of raw.

        Equation: outcome v has probability `softmax(sharpness * raw)_v`; sharpness is an inverse temperature.
        Worked out in float64 on the CPU, so that every device picks alike.

        Shapes: uniforms [...] in [0, 1).
        """
        if not 0 < sharpness < math.inf:
            raise SpecError(f"sharpness must be above 0 and finite, got {sharpness}; 1 samples the distribution itself")
        self._check(raw)
        scores = raw.detach().to("cpu", torch.float64)
        ids = pick((scores * sharpness).softmax(-1), uniforms.to("cpu"))
        return ids.to(raw.device)

    def mean(self, raw: Tensor) -> Tensor:
        """Return the probabilities, [..., V]: the mean of an outcome written as a one-hot vector."""
        self._check(raw)
        return raw.softmax(-1)

    def entropy(self, raw: Tensor) -> Tensor:
        """Return the entropy `-sum_v p_v log p_v` in nats, [...]."""
        log_p = self._log_softmax(raw)
        # An outcome ruled out by a score of -inf adds 0, and 0 to the gradient, instead of 0 * inf.
        return -(log_p.exp() * log_p.clamp_min(torch.finfo(log_p.dtype).min)).sum(-1)

    def _log_softmax(self, raw: Tensor) -> Tensor:
        self._check(raw)
        return raw.log_softmax(-1)

    def _gather(self, log_p: Tensor, target: Tensor) -> Tensor:
        if target.shape != log_p.shape[:-1]:
            raise ShapeError(
                f"target must be {list(log_p.shape[:-1])}, one number a row of raw {list(log_p.shape)}, "
                f"got {list(target.shape)}; give outcomes by number, not as one-hot vectors"
            )
        return log_p.gather(-1, target.unsqueeze(-1)).squeeze(-1)

    def _check(self, raw: Tensor) -> None:
        if raw.dim() == 0 or raw.shape[-1] != self.size:
            raise ShapeError(
                f"raw must be [..., {self.size}], one score for each outcome, got {list(raw.shape)}; "
                f"give the last layer {self.size} outputs"
            )
