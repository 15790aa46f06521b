"""Batches of whole sequences, gathered one after the other in the order of `Buckets`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from unspool.data.sequence import Buckets


class Divisible(Protocol):
    """A batch whose sequences can be shared out among processes."""

    @property
    def size(self) -> int:
        """How many sequences it holds."""

    def rows(self, own: slice) -> Self:
        """Return the batch of some of them, padded as before."""


B = TypeVar("B", bound=Divisible)


class Gathered(Generic[B]):
    """Endless, resumable batches: `gather(indices, generator)` makes each of them when it is asked for.

    The generator is new for every batch and depends on its place alone, so that what is drawn from it (augmentation)
    is the same after a resume and in every process.
    """

    def __init__(self, order: Buckets, gather: Callable[[NDArray[np.int64], np.random.Generator], B]) -> None:
        self.order, self.gather = order, gather
        self.steps_per_epoch = order.steps_per_epoch
        self.part: Callable[[int], range] = range
        self.rows, self.whole = range(0), 0  # of the last batch: those in it, and how many it has in all

    def divide(self, part: Callable[[int], range]) -> None:
        """Leave all but the rows `part(n)` of each batch of n to other processes."""
        self.part = part

    @property
    def epoch(self) -> int:
        """Epochs that are complete."""
        return self.order.epoch

    def __iter__(self) -> Iterator[B]:
        return self

    def __next__(self) -> B:
        place = self.order.state_dict()
        generator = np.random.default_rng([place["seed"], place["epoch"], place["position"]])
        batch = self.gather(next(self.order), generator)  # padded to the longest of all, for equal noise
        self.rows, self.whole = self.part(batch.size), batch.size
        return batch.rows(slice(self.rows.start, self.rows.stop))

    def state_dict(self) -> dict[str, Any]:
        """Return the place in the data."""
        return dict(self.order.state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to a place."""
        self.order.load_state_dict(state)


def by_length(lengths: NDArray[np.int64], most: int, steps: int) -> Iterator[NDArray[np.int64]]:
    """Places of sequences of like length, `most` at a time and as many as have `steps` steps with their padding."""
    order = np.argsort(lengths, kind="stable")
    while len(order):
        padded = lengths[order[:most]].clip(min=1) * np.arange(1, min(most, len(order)) + 1)
        count = max(1, int(np.searchsorted(padded, steps, side="right")))
        yield order[:count]
        order = order[count:]
