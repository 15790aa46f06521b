from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.owners import split_by_owner
from unspool.errors import SpecError

WRITERS = st.lists(st.none() | st.sampled_from("abcdefgh"), min_size=2, max_size=40)


@given(WRITERS, st.floats(0.01, 0.99), st.integers(0, 9))
def test_no_writer_is_on_both_sides(writers, fraction, seed):
    training, validation, held = split_by_owner(writers, fraction, seed)
    assert sorted([*training, *validation]) == list(range(len(writers)))
    assert len(training) and len(validation)
    sides = [{writers[place] for place in part if writers[place]} for part in (training, validation)]
    if len(set(writers)) > 1:
        assert not sides[0] & sides[1]
        assert set(held) == sides[1]
        count = len(set(writers) - {None}) + writers.count(None)
        whole = len(sides[1]) + sum(writers[place] is None for place in validation)
        assert whole == min(max(round(fraction * count), 1), count - 1)


def test_one_writer_in_ten():
    writers = [f"w{number % 50}" for number in range(500)]
    training, validation, held = split_by_owner(writers)
    assert (len(held), len(validation), len(training)) == (5, 50, 450)


def test_the_seed_decides_and_the_order_does_not():
    writers = [f"w{number % 30}" for number in range(90)]
    first = split_by_owner(writers, seed=1).held_out
    assert first == split_by_owner(writers[::-1], seed=1).held_out
    assert len({split_by_owner(writers, seed=seed).held_out for seed in range(20)}) > 10


@pytest.mark.parametrize("writer", ["me", None])
def test_one_hand_alone_is_split_by_sample(writer):
    training, validation, held = split_by_owner([writer] * 20, 0.25)
    assert (len(training), len(validation), held) == (15, 5, ())


def test_samples_without_a_writer_stand_alone():
    writers = ["a"] * 5 + [None] * 95
    validation = split_by_owner(writers, 0.25, seed=3).validation
    assert sum(writers[place] is None for place in validation) in (23, 24)
    assert np.isin(np.arange(5), validation).all() or not np.isin(np.arange(5), validation).any()


def test_refusals(refused):
    with refused("between 0 and 1", "got 1", error=SpecError):
        split_by_owner(["a", "b"], 1)
    with refused("at least two samples", "1 came"):
        split_by_owner(["a"])
