from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest  # type: ignore[import-untyped]

from unspool.data.shuffle import below, normals, permutation

SEEDS = st.integers(-(2**63), 2**64 - 1)


@given(st.integers(0, 300), SEEDS, st.integers(0, 2**40))
def test_a_permutation_holds_everything_once_and_repeats_itself(count, seed, turn):
    order = permutation(count, seed, turn)
    assert sorted(order.tolist()) == list(range(count))
    assert order.tolist() == permutation(count, seed, turn).tolist()


def test_seed_and_turn_both_matter():
    orders = {tuple(permutation(50, seed, turn).tolist()) for seed in range(5) for turn in range(5)}
    assert len(orders) == 25


def test_every_place_is_about_equally_likely():
    counts = [0] * 5
    for turn in range(2000):
        counts[permutation(5, 1, turn)[0]] += 1
    assert all(330 < count < 470 for count in counts)


@given(st.integers(1, 10**6), SEEDS, st.integers(0, 1000))
def test_an_integer_lies_below_its_bound(bound, seed, turn):
    assert 0 <= below(bound, seed, turn) < bound


@given(st.integers(0, 50), SEEDS, st.integers(0, 1000))
def test_normal_numbers_repeat_themselves(count, seed, turn):
    found = normals(count, seed, turn)
    assert found.shape == (count,) and np.isfinite(found).all()
    assert np.array_equal(found, normals(count, seed, turn))


def test_normal_numbers_are_normal():
    found = normals(20000, 1, 0)
    assert kstest(found, "norm").pvalue > 0.01
    assert abs(np.corrcoef(found[1:], found[:-1])[0, 1]) < 0.03
    assert not np.isin(found, normals(20000, 2, 0)).any()


def test_the_streams_are_what_they_were():
    assert normals(3, 5, 2) == pytest.approx(NORMALS)
    assert permutation(8, 0, 0).tolist() == PERMUTATION
    assert [below(1000, 3, turn) for turn in range(5)] == OFFSETS


PERMUTATION = [0, 2, 1, 5, 4, 3, 6, 7]
OFFSETS = [555, 156, 962, 296, 400]
NORMALS = [0.23946223416440393, 1.2120745190427678, -0.4174079504978439]
