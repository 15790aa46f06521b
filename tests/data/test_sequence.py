from __future__ import annotations

import json
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from unspool.data.sequence import Buckets, Standardiser, back_to_front, front_to_back, mask, pad
from unspool.errors import ShapeError, SpecError

NUMBERS = st.floats(-1e3, 1e3, width=32)


def sequences(channels=None, dtype=np.float32, elements=NUMBERS):
    """Lists of sequences, [T] or [T, C]."""
    shape = st.integers(0, 9).map(lambda steps: (steps,) if channels is None else (steps, channels))
    return st.lists(shape.flatmap(lambda s: arrays.arrays(dtype, s, elements=elements)), min_size=1, max_size=9)


IDS = sequences(dtype=np.uint8, elements=st.integers(1, 255))
ANY = IDS | sequences() | sequences(3)


@given(ANY)
def test_padding_keeps_every_sequence_and_adds_zeros_only(batch):
    values, lengths = pad(batch)
    assert lengths.tolist() == [len(sequence) for sequence in batch]
    assert values.shape[:2] == (len(batch), max(map(len, batch)))
    for row, sequence in zip(values, batch, strict=True):
        assert np.array_equal(row[: len(sequence)].numpy(), sequence)
        assert not row[len(sequence) :].any()


@given(ANY)
def test_the_front_is_the_back_turned(batch):
    back, lengths = pad(batch)
    front, _ = pad(batch, side="front")
    for row, sequence in zip(front, batch, strict=True):
        assert np.array_equal(row[len(row) - len(sequence) :].numpy(), sequence)
    assert torch.equal(front_to_back(front, lengths), back)
    assert torch.equal(back_to_front(back, lengths), front)


@given(ANY)
def test_the_mask_covers_the_sequences(batch):
    values, lengths = pad(batch)
    inside = mask(lengths, values.shape[1])
    assert inside.dtype == torch.bool
    assert torch.equal(inside.sum(1), lengths)
    assert not values[~inside].any()


def test_integers_become_int64_and_all_else_float32():
    assert pad([np.array([1, 2], np.uint8), np.array([], np.uint8)])[0].dtype == torch.int64
    assert pad([np.array([1, 2], np.uint16), []])[0].dtype == torch.int64
    assert pad([np.array([1.5])])[0].dtype == torch.float32
    assert pad([np.zeros((2, 3), np.float64), []])[0].shape == (2, 2, 3)


def test_gradients_pass_the_turn():
    values = torch.randn(2, 4, requires_grad=True)
    front_to_back(values, torch.tensor([1, 4])).sum().backward()
    assert torch.equal(values.grad, torch.ones(2, 4))


@pytest.mark.parametrize("wrong", [np.zeros((2, 3)), np.zeros((2, 2, 2))])
def test_sequences_that_do_not_go_together(refused, wrong):
    with refused("all be [T]", str(list(wrong.shape)), "make them alike", error=ShapeError):
        pad([np.zeros((2, 2)), wrong])


def test_no_sequences_and_no_such_side(refused):
    with refused("at least one sequence", error=ShapeError):
        pad([])
    with refused("back, front", "'left'", error=SpecError):
        pad([np.zeros(3)], side="left")


LENGTHS = st.lists(st.integers(0, 60), min_size=1, max_size=300)


@given(LENGTHS, st.integers(1, 40), st.integers(0, 3))
def test_every_epoch_gives_every_index_once(lengths, size, seed):
    buckets = Buckets(lengths, size, seed)
    for epoch in range(3):
        assert buckets.epoch == epoch
        batches = list(islice(buckets, buckets.steps_per_epoch))
        assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
        assert sum(len(batch) != size for batch in batches) <= 1


@given(LENGTHS, st.integers(1, 40), st.integers(0, 40))
def test_batches_go_on_exactly_from_a_state(lengths, size, taken):
    original = Buckets(lengths, size, 3)
    list(islice(original, taken))
    resumed = Buckets(lengths, size, 3)
    resumed.load_state_dict(json.loads(json.dumps(original.state_dict())))
    for ours, theirs in zip(islice(resumed, 20), islice(original, 20), strict=True):
        assert np.array_equal(ours, theirs)


def test_a_batch_has_little_padding():
    lengths = np.random.default_rng(0).integers(1, 400, 4000)
    waste = [1 - lengths[batch].mean() / lengths[batch].max() for batch in islice(Buckets(lengths, 32), 125)]
    assert np.mean(waste) < 0.05


def test_epochs_and_seeds_differ_in_order_and_in_neighbours():
    def epochs(seed):
        buckets = Buckets(np.arange(4000) // 10, 16, seed)
        return [[tuple(sorted(batch)) for batch in islice(buckets, 250)] for _ in range(2)]

    first, second = epochs(0)
    assert epochs(0) == [first, second]
    assert len(set(first) & set(second)) < 25
    assert len(set(first) & set(epochs(1)[0])) < 25
    means = [np.mean(batch) for batch in first]
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.3  # short batches do not come first


def test_buckets_that_cannot_be(refused):
    with refused("at least one sequence", "got none"):
        Buckets([], 4)
    with refused("at least 1", "got 0", error=SpecError):
        Buckets([1, 2], 0)


@pytest.mark.parametrize(
    ("other", "what"),
    [(Buckets([1] * 9, 4), "sequences was 10 and is 9"), (Buckets([1] * 10, 5), "batch_size was 4 and is 5")],
)
def test_a_state_of_other_data(refused, other, what):
    with refused(what, "resume with the data and options"):
        other.load_state_dict(Buckets([1] * 10, 4).state_dict())


@given(sequences(3).filter(lambda batch: sum(map(len, batch)) > 0))
def test_scaled_channels_have_mean_0_and_deviation_1(batch):
    scaling = Standardiser.fit(batch)
    whole, scaled = np.concatenate(batch), np.concatenate([scaling.apply(sequence) for sequence in batch])
    assert scaled.dtype == np.float32
    assert scaling.channels == 3
    assert np.allclose(scaled.mean(0), 0, atol=1e-3)
    spread = np.ptp(whole, axis=0) > 1e-3 * np.abs(whole).max(0)
    assert np.allclose(scaled.std(0)[spread], 1, atol=1e-3)
    again = Standardiser.from_dict(json.loads(json.dumps(scaling.to_dict())))
    for sequence in batch:
        assert np.array_equal(again.apply(sequence), scaling.apply(sequence))
        assert np.allclose(scaling.invert(scaling.apply(sequence)), sequence, atol=1e-2)


def test_a_channel_that_never_changes_keeps_its_scale():
    sequence = np.full((1000, 2), [0.1, 3e6], dtype=np.float32)
    scaling = Standardiser.fit([sequence])
    assert scaling.std.tolist() == [1, 1]
    assert np.allclose(scaling.apply(sequence), 0)
    assert np.allclose(scaling.apply(sequence + 2), 2, atol=0.3)


def test_large_offsets_do_not_hide_small_changes():
    sequence = np.array([[1e6], [1e6 + 1]] * 500, dtype=np.float64)
    assert np.isclose(Standardiser.fit([sequence]).std[0], 0.5)


def test_scaling_without_data_or_with_other_channels(refused):
    with refused("at least one step", "got none"):
        Standardiser.fit([np.zeros((0, 2), np.float32)])
    with refused("[T, 2] as in training", "[5, 3]", error=ShapeError):
        Standardiser.fit([np.zeros((4, 2), np.float32)]).apply(np.zeros((5, 3), np.float32))


def test_a_channel_is_constant_by_the_precision_it_came_in():
    sequence = np.array([[1e5, 7.0], [1e5 + 1e-3, 7.0]] * 50)
    assert Standardiser.fit([sequence]).constant.tolist() == [False, True]
    assert np.isclose(Standardiser.fit([sequence]).std[0], 5e-4)
    nearly = np.array([[0.1], [0.1]], np.float32) * np.array([[1], [1 + 1e-7]], np.float32)
    assert Standardiser.fit([nearly]).constant.tolist() == [True]
