from __future__ import annotations

import json
import tracemalloc
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.stream import Lanes, single_pass
from unspool.errors import ShapeError, SpecError


def text(count, dtype=np.uint16):
    """A text whose symbol n is n, so that every symbol tells its place."""
    return np.arange(count, dtype=dtype)


def epoch_of(lanes, number):
    """All windows of one epoch of fresh lanes."""
    found = []
    for window in lanes:
        if window.epoch > number:
            return found
        if window.epoch == number:
            found.append(window)


@st.composite
def cuts(draw):
    count = draw(st.integers(2, 400))
    return count, draw(st.integers(1, min(count - 1, 20))), draw(st.integers(1, count - 1))


@given(cuts(), st.integers(0, 3))
def test_an_epoch_reads_each_lane_once_and_in_order(cut, number):
    count, lanes, window = cut
    windows = epoch_of(Lanes(text(count), lanes, window, seed=5), number)
    inputs = torch.cat([found.inputs for found in windows])
    targets = torch.cat([found.targets for found in windows])
    assert torch.equal(targets, inputs + 1)
    assert torch.equal(inputs.diff(dim=0), torch.ones_like(inputs[1:]))  # each lane goes on
    length = len(inputs)
    assert torch.equal(inputs[0].diff(), torch.full((lanes - 1,), length))  # lane b + 1 begins where lane b ends
    offset = int(inputs[0, 0])
    assert offset == 0 if number == 0 else offset < window
    assert count - 1 - offset - lanes * length < lanes  # no more is left than fits into no lane


@given(cuts())
def test_only_the_first_window_of_an_epoch_is_fresh_and_only_the_last_is_short(cut):
    count, lanes, window = cut
    windows = epoch_of(Lanes(text(count), lanes, window), 0)
    assert [found.fresh for found in windows] == [True] + [False] * (len(windows) - 1)
    assert all(len(found.inputs) == window for found in windows[:-1])
    assert 1 <= len(windows[-1].inputs) <= window
    assert len(windows) == Lanes(text(count), lanes, window).steps_per_epoch


@given(cuts(), st.integers(0, 30), st.booleans())
def test_a_stream_goes_on_exactly_from_its_state(cut, taken, shift):
    count, lanes, window = cut
    original = Lanes(text(count), lanes, window, seed=7, shift=shift)
    list(islice(original, taken))
    resumed = Lanes(text(count), lanes, window, seed=7, shift=shift)
    resumed.load_state_dict(json.loads(json.dumps(original.state_dict())))
    for ours, theirs in zip(islice(resumed, 12), islice(original, 12), strict=True):
        assert torch.equal(ours.inputs, theirs.inputs)
        assert torch.equal(ours.targets, theirs.targets)
        assert (ours.fresh, ours.epoch) == (theirs.fresh, theirs.epoch)


def test_later_epochs_begin_at_offsets_that_depend_on_the_seed():
    def starts(seed, shift=True):
        lanes = Lanes(text(1000), 4, 16, seed, shift)
        return [int(window.inputs[0, 0]) for window in islice(lanes, 400) if window.fresh]

    assert starts(1)[0] == 0
    assert len(set(starts(1))) > 5
    assert max(starts(1)) < 16
    assert starts(1) == starts(1) != starts(2)
    assert set(starts(1, shift=False)) == {0}


def test_windows_are_int64_whatever_the_ids_are_and_do_not_share_their_memory():
    ids = text(100, np.uint8)
    window = next(Lanes(ids, 3, 8))
    assert window.inputs.dtype == window.targets.dtype == torch.int64
    assert window.inputs.shape == window.targets.shape == (8, 3)
    assert window.inputs.is_contiguous()
    window.inputs.zero_()
    assert np.array_equal(ids, text(100, np.uint8))


def test_only_the_window_is_converted():
    ids = np.zeros(20_000_000, dtype=np.uint8)
    tracemalloc.start()
    try:
        for window in islice(Lanes(ids, 64, 128), 50):
            assert window.inputs.shape == (128, 64)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


@given(st.integers(2, 6000), st.integers(1, 30), st.integers(1, 300))
def test_a_single_pass_meets_every_target_once(count, lanes, window):
    windows = list(single_pass(text(count), lanes, window))
    met = torch.cat([found.targets.reshape(-1) for found in windows]).sort().values
    used = windows[0].inputs.shape[1]
    assert used == max(1, min(count // 200, lanes))
    assert torch.equal(met, torch.arange(1, len(met) + 1))
    assert count - 1 - len(met) < used
    assert [found.fresh for found in windows] == [True] + [False] * (len(windows) - 1)


def test_text_shorter_than_a_window(refused):
    with refused("longer than one window of 64", "40 symbols", "--window 39"):
        Lanes(text(40), 1, 64)
    with refused("it has 0 symbols"):
        Lanes(text(0), 1, 64)


def test_more_lanes_than_symbols(refused):
    with refused("each of 50 lanes", "40 symbols", "--batch-size 4"):
        Lanes(text(40), 50, 8)


def test_nothing_to_predict(refused):
    with refused("two symbols", "it has 1", "longer text"):
        single_pass(text(1))


@pytest.mark.parametrize("ids", [np.zeros(9), np.zeros((3, 3), np.int64)])
def test_what_are_no_ids(refused, ids):
    with refused("integers of shape [n]", str(list(ids.shape)), error=ShapeError):
        Lanes(ids, 1, 2)
    with refused("integers of shape [n]", error=ShapeError):
        single_pass(ids)


@pytest.mark.parametrize(("lanes", "window", "what"), [(0, 4, "batch size"), (4, -1, "window")])
def test_sizes_that_do_not_exist(refused, lanes, window, what):
    with refused(what, "at least 1", error=SpecError):
        Lanes(text(40), lanes, window)


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"symbols": 101}, "symbols was 100 and is 101"),
        ({"lanes": 5}, "lanes was 4 and is 5"),
        ({"window": 9}, "window was 8 and is 9"),
        ({"seed": 2}, "seed was 1 and is 2"),
        ({"shift": False}, "shift was 1 and is 0"),
    ],
)
def test_a_state_of_another_text_or_cut(refused, other, what):
    made = {"symbols": 100, "lanes": 4, "window": 8, "seed": 1, "shift": True}

    def lanes(symbols, lanes, window, seed, shift):
        return Lanes(text(symbols), lanes, window, seed, shift)

    with refused(what, "resume with the text and options"):
        lanes(**made | other).load_state_dict(lanes(**made).state_dict())


def test_the_epoch_is_that_of_the_window_that_came_last():
    lanes = Lanes(text(100), 4, 8)
    for window in islice(lanes, 20):
        assert lanes.epoch == window.epoch
