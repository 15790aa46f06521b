from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from unspool.data.examples import Examples, as_numbers, is_text, label_name

FLOATS = st.floats(-1e6, 1e6, width=32)
STEPS = st.integers(0, 6)


def found(*sequences):
    return Examples(sequences, None, "a.csv")


@given(st.lists(STEPS.flatmap(lambda steps: arrays.arrays(np.float32, (steps, 3), elements=FLOATS)), min_size=1))
def test_arrays_and_nested_lists_say_the_same(sequences):
    given_arrays, given_lists = (
        as_numbers(found(*sequences)),
        as_numbers(found(*(s.tolist() for s in sequences))),
    )
    for sequence, ours, theirs in zip(sequences, given_arrays, given_lists, strict=True):
        assert ours.dtype == np.float32
        assert np.array_equal(ours, sequence if len(sequence) else ours)
        assert np.array_equal(ours, theirs)


def test_one_channel_may_go_without_its_axis():
    first, second = as_numbers(found([1, 2, 3], np.arange(2)))
    assert first.shape == (3, 1)
    assert second.shape == (2, 1)


def test_a_sequence_without_steps_has_the_channels_of_the_others():
    assert [array.shape for array in as_numbers(found([], [[1, 2]], []))] == [(0, 2), (1, 2), (0, 2)]


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("a", "a"),
        (" b \n", "b"),
        (1, "1"),
        (1.0, "1"),
        (np.int64(3), "3"),
        (np.float32(2), "2"),
        (1.5, "1.5"),
        (True, "True"),
        ("", None),
        ("  ", None),
        (None, None),
        (float("nan"), None),
    ],
)
def test_label_cells(cell, name):
    assert label_name(cell) == name


def test_text_and_numbers_are_told_apart(refused):
    assert is_text(found("a", ""))
    assert not is_text(found([1.0], []))
    with refused("all text or all numbers", "a.csv has 1 texts among 2 examples", "one kind"):
        is_text(found("a", [1.0]))


def test_nan_and_infinity_are_named_with_row_and_step(refused):
    with refused("finite numbers", "example 2 of a.csv has nan at step 3, channel 2", "fill in"):
        as_numbers(found([[1, 2]], [[1, 2], [3, 4], [5, float("nan")]]))
    with refused("example 1 of a.csv has -inf at step 1, channel 1"):
        as_numbers(found([float("-inf")]))


def test_other_channels(refused):
    with refused("the same channels", "example 3 of a.csv has 1 where others have 2", "add or remove"):
        as_numbers(found([[1, 2]], [], [1, 2, 3]))
    with refused("example 1 of a.csv has 2 where others have 5"):
        as_numbers(found([[1, 2]]), channels=5)


@pytest.mark.parametrize("wrong", [[[1, 2], [3]], ["a"], [object()]])
def test_what_is_not_numbers(refused, wrong):
    with refused("numbers of shape [T] or [T, C]", "example 1 of a.csv is not", "all numbers"):
        as_numbers(found(wrong))


@pytest.mark.parametrize(("wrong", "shape"), [(5.0, "[]"), (np.zeros((2, 2, 2)), "[2, 2, 2]")])
def test_what_is_no_sequence(refused, wrong, shape):
    with refused("shape [T] or [T, C]", f"has shape {shape}", "[N, T, C]"):
        as_numbers(found(wrong))
