from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from unspool.data.examples import Examples, as_numbers, is_text, label_name, narrowed
from unspool.data.labelled import read_labelled
from unspool.data.sequence import Standardiser
from unspool.data.stepwise import read_stepwise

FLOATS = st.floats(-1e6, 1e6, width=32)
STEPS = st.integers(0, 6)


def found(*sequences):
    return Examples(sequences, None, "a.csv")


@given(st.lists(STEPS.flatmap(lambda steps: arrays.arrays(np.float32, (steps, 3), elements=FLOATS)), min_size=1))
def test_arrays_and_nested_lists_say_the_same(sequences):
    given_arrays, given_lists = (
        narrowed(as_numbers(found(*sequences))),
        narrowed(as_numbers(found(*(s.tolist() for s in sequences)))),
    )
    for sequence, ours, theirs in zip(sequences, given_arrays, given_lists, strict=True):
        assert ours.dtype == np.float32
        assert np.array_equal(ours, sequence if len(sequence) else ours)
        assert np.array_equal(ours, theirs if len(sequence) else ours)  # an empty list tells no channels


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


@pytest.mark.parametrize("read", [read_labelled, read_stepwise])
@pytest.mark.parametrize("kind", ["lists", "float64", "int64"])
def test_small_changes_around_a_large_number_are_kept(read, kind):
    small = np.arange(8).reshape(4, 2)
    near = small * 1e-3 + 1e5 if kind != "int64" else small + 2**25
    data = near.tolist() if kind == "lists" else near
    labels = [[0, 1, 0, 1], [1]] if read is read_stepwise else [0, 1]
    found = read(([data, data[:1]], labels))
    scaled = Standardiser.fit(found.arrays).apply(found.arrays[0])
    exact = Standardiser.fit([small, small[:1]]).apply(small)
    np.testing.assert_allclose(scaled, exact, atol=1e-5)
    other = read(([data[::-1], data[:1]], labels))
    assert other.fingerprint != found.fingerprint


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.uint8),
        np.linspace(0, 1, 6, dtype=np.float32),
        np.linspace(0, 300, 6) / 7,
        [0.1, 0.7, 20.3],
        np.full(3, 0.5),
    ],
)
def test_what_float32_holds_closely_takes_no_more_room(array):
    assert read_labelled(([array, array], [0, 1])).arrays[0].dtype == np.float32
    assert read_stepwise(([array], [[0, 1, *[1] * (len(array) - 2)]])).arrays[0].dtype == np.float32


def test_a_still_sequence_alone_keeps_its_value():
    """Asked alone, a sequence tells nothing of the spread that the model was trained on."""
    assert read_labelled(([[100000.001] * 3], None), require_labels=False).arrays[0][0, 0] == 100000.001


def test_fingerprints_are_those_of_earlier_versions():
    x = [[[0.1, 20.5], [0.3, 21.25]], [[-0.7, 19.9]]]
    assert read_labelled((x, ["a", "b"])).fingerprint.startswith("81020abd7adcc4e8")
    assert read_stepwise((x, [["a", "b"], ["a"]])).fingerprint.startswith("1b2e5d9caf936f0f")


def test_numbers_beyond_float32_are_refused(refused):
    with refused("finite numbers of at most 3.4e+38", "example 1 of a.csv has 1e+300 at step 2, channel 1"):
        as_numbers(found([1, 1e300]))


def test_empty_arrays_alone_keep_their_channels():
    assert [array.shape for array in as_numbers(found(np.zeros((0, 2)), []))] == [(0, 2), (0, 2)]
    assert as_numbers(found([]))[0].shape == (0, 1)
    assert as_numbers(found(np.zeros((0, 2)), [[1, 2, 3]]))[0].shape == (0, 3)
