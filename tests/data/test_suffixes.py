from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool.data import suffixes
from unspool.data.suffixes import SuffixAutomaton, shared

quick = settings(deadline=None, derandomize=True, max_examples=60)
sequences = st.lists(st.integers(0, 3), max_size=40)


def ids(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def ending(query: list[int], corpus: list[int], end: int) -> int:
    """By brute force: the longest substring of the query that ends before `end` and stands in the corpus."""
    text = bytes(corpus)
    return next(n for n in range(end, -1, -1) if bytes(query[end - n : end]) in text)


@quick
@given(sequences, sequences, st.integers(1, 4), st.sampled_from([1, 3, 4096]), st.sampled_from([7, 1 << 24]))
def test_shared_is_what_brute_force_finds(
    query: list[int], corpus: list[int], least: int, lanes: int, block: int
) -> None:
    expected = [ending(query, corpus, end + 1) for end in range(len(query))]
    with pytest.MonkeyPatch.context() as patched:  # any cut into lanes and blocks gives the same
        patched.setattr(suffixes, "LANES", lanes)
        patched.setattr(suffixes, "BLOCK", block)
        found = shared(ids(query), ids(corpus).astype(np.uint8), least)
    assert found.matched.tolist() == [n if n >= least else 0 for n in expected]
    assert found.length == max(expected, default=0)
    copy = query[found.start : found.start + found.length]
    assert corpus[found.place : found.place + found.length] == copy


def test_a_copied_passage_is_found_in_a_long_text() -> None:
    source = random.Random(0)
    corpus = np.array([source.randrange(30) for _ in range(60_000)], dtype=np.uint16)
    for place in (0, 12_345, 59_950):
        query = np.concatenate([ids([40, 41]), corpus[place : place + 50], ids([42])])
        found = shared(query, corpus)
        assert (found.length, found.start, found.place) == (50, 2, place)


def test_symbols_that_the_query_lacks_end_every_match() -> None:
    found = shared(ids([5, 6, 7]), ids([5, 6, 9, 7, 5, 6]))
    assert (found.length, found.place) == (2, 0)
    assert found.matched.tolist() == [1, 2, 1]
    assert shared(ids([1, 2]), ids([3, 4])).length == 0


def test_the_automaton_is_small() -> None:
    source = random.Random(1)
    for size in (1, 2, 10, 200):
        query = ids([source.randrange(2) for _ in range(size)])
        assert len(SuffixAutomaton(query).longest) <= 2 * size
