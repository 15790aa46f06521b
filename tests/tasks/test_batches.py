"""Batches of whole sequences: their order, what is drawn for each, and what is read together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.data.sequence import Buckets
from unspool.tasks.batches import Gathered, by_length


class Drawn(NamedTuple):
    """Which sequences a batch holds, and a number from its generator."""

    places: NDArray[np.int64]
    number: float

    @property
    def size(self) -> int:
        return len(self.places)

    def rows(self, own: slice) -> Drawn:
        return Drawn(self.places[own], self.number)


def batches(seed: int = 0) -> Gathered[Drawn]:
    order = Buckets(np.arange(10), 4, seed)
    return Gathered(order, lambda places, generator: Drawn(places, generator.random()))


def test_every_batch_has_numbers_of_its_own_and_has_them_again() -> None:
    source = batches()
    found = [next(source) for _ in range(4)]
    place = source.state_dict()
    found += [next(source) for _ in range(5)]
    assert source.steps_per_epoch == 3 and source.epoch == 3
    assert len({batch.number for batch in found} | {next(batches(1)).number}) == 10
    again = batches()
    again.load_state_dict(place)
    for batch in found[4:]:
        drawn = next(again)
        np.testing.assert_array_equal(drawn.places, batch.places)
        assert drawn.number == batch.number


def test_batches_are_divided_among_processes() -> None:
    whole, parts = batches(), [batches() for _ in range(2)]
    parts[0].divide(lambda count: range(count // 2))
    parts[1].divide(lambda count: range(count // 2, count))
    for _ in range(7):
        expected, found = next(whole), [next(part) for part in parts]
        np.testing.assert_array_equal(np.concatenate([part.places for part in found]), expected.places)
        assert {part.number for part in found} == {expected.number}
        assert [*parts[0].rows, *parts[1].rows] == [*range(expected.size)] and parts[1].whole == expected.size


def test_what_is_read_together() -> None:
    lengths = np.array([5, 0, 3, 30, 3, 1])
    assert [places.tolist() for places in by_length(lengths, 4, 10)] == [[1, 5, 2], [4, 0], [3]]
    assert [places.tolist() for places in by_length(lengths, 2, 99)] == [[1, 5], [2, 4], [0, 3]]
    assert [*by_length(lengths[:0], 2, 99)] == []
