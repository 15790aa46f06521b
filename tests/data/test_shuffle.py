from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unspool.data.shuffle import below, permutation

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


def test_the_streams_are_what_they_were():
    assert permutation(8, 0, 0).tolist() == PERMUTATION
    assert [below(1000, 3, turn) for turn in range(5)] == OFFSETS


PERMUTATION = [0, 2, 1, 5, 4, 3, 6, 7]
OFFSETS = [555, 156, 962, 296, 400]
