"""Samples side by side: padded with zeros, cut off where they are too long, their texts beside them."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tasks.pen.made import inks
from unspool.tasks.pen.batches import gathered, training_batches
from unspool.tasks.pen.reading import fitted

READER = fitted(inks(), 5.0, 1, text=True)
DATA = READER.encoded(inks())
SYMBOLS = len(READER.alphabet or ())
CPU = torch.device("cpu")


@settings(max_examples=40, deadline=None)
@given(places=st.lists(st.integers(0, len(DATA) - 1), min_size=1, max_size=6), longest=st.none() | st.integers(2, 40))
def test_a_batch_is_its_samples(places: list[int], longest: int | None) -> None:
    batch = gathered(DATA, np.array(places), SYMBOLS, CPU, longest)
    assert batch.memory is not None and batch.size == len(places)
    assert batch.points.shape == (int(batch.lengths.max()), len(places), 3) and batch.points.is_contiguous()
    for row, place in enumerate(places):
        rows, text = DATA.sample(place)[:longest], DATA.text(place)
        length = int(batch.lengths[row])
        np.testing.assert_array_equal(batch.points[:length, row], rows)
        assert not batch.points[length:, row].any()
        spelt = batch.memory.values[row]  # [U, V], one-hot: the whole text, also of a sample that is cut off
        assert spelt[: len(text)].argmax(1).tolist() == text.tolist()
        assert spelt.sum() == len(text) == int(batch.memory.lengths[row])


def test_some_rows_of_a_batch_are_padded_as_before() -> None:
    batch = gathered(DATA, np.arange(5), SYMBOLS, CPU)
    part = batch.rows(slice(1, 3))
    assert part.size == 2 and part.memory is not None and batch.memory is not None
    assert torch.equal(part.points, batch.points[:, 1:3]) and torch.equal(part.lengths, batch.lengths[1:3])
    for ours, theirs in zip(part.memory, batch.memory, strict=True):
        assert torch.equal(ours, theirs[1:3])


def test_without_texts_there_is_no_memory() -> None:
    batch = gathered(DATA, np.arange(3), 0, CPU)
    assert batch.memory is None and batch.rows(slice(0, 1)).memory is None


def test_every_sample_comes_once_an_epoch_and_a_resume_goes_on() -> None:
    def new(seed: int = 0):
        return training_batches(DATA, SYMBOLS, CPU, batch_size=7, longest=20, seed=seed)

    batches = new()
    epoch = [next(batches) for _ in range(batches.steps_per_epoch)]
    assert sum(batch.size for batch in epoch) == len(DATA) and batches.epoch == 1
    assert sum(int(batch.lengths.sum()) for batch in epoch) == DATA.lengths.clip(max=20).sum()
    first = sorted(tuple(batch.points[:, row].flatten().tolist()) for batch in epoch for row in range(batch.size))
    assert len(set(first)) == len(DATA)
    place, after = batches.state_dict(), next(batches)
    again = new()
    again.load_state_dict(place)
    assert torch.equal(next(again).points, after.points)
    assert not torch.equal(next(new(1)).points, epoch[0].points)
