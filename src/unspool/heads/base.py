"""What a head is. Networks, tasks and the sampling loop know heads by this alone."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Head(Protocol):
    """How the raw numbers of a network are read as a distribution, by training, sampling and the mean alike.

    A head owns no parameters, works in log space, and never writes into what it is given. The last axis of
    `raw` has `size` numbers; `...` stands for the same leading axes throughout, most often [T, B].
    """

    @property
    def size(self) -> int:
        """How many raw numbers the network gives for one distribution."""

    def log_prob(self, raw: Tensor, target: Tensor) -> Tensor:
        """Return the log-probability (or log-density) of the target in nats, [...]."""

    def sample(self, raw: Tensor, sharpness: float = 1.0, *, uniforms: Tensor) -> Tensor:
        """Return one draw for each distribution, a function of `uniforms` in [0, 1) (see `unspool.draws`).

        Sharpness 1 samples the distribution itself; more of it draws closer to the likeliest outcome.
        """

    def mean(self, raw: Tensor) -> Tensor:
        """Return the expected outcome."""
