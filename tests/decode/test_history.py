from __future__ import annotations

import doctest
import itertools
import math
import random

import pytest
import torch

from unspool.decode import Sampling, filters, generate, history, repetition_penalty
from unspool.decode.history import History, Ngrams, Window
from unspool.draws import Draws
from unspool.errors import SpecError

torch.set_num_threads(1)


def repeats(ids: list[int], n: int) -> set[int]:
    """By the definition: what would complete an n-gram of the list once more."""
    grams = {tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)}
    tail = tuple(ids[len(ids) - n + 1 :]) if n > 1 else ()
    return {symbol for symbol in range(4) if (*tail, symbol) in grams}


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_blocked_symbols_are_those_that_would_repeat(n: int) -> None:
    source, seen, ids = random.Random(n), Ngrams(n), []
    for _ in range(60):
        assert seen.blocked() == repeats(ids, n)
        ids.append(source.randrange(4))
        seen.push(ids[-1])


@pytest.mark.parametrize("size", [0, 1, 3])
def test_a_window_holds_the_last_symbols(size: int) -> None:
    source, window, ids = random.Random(size), Window(size), []
    for _ in range(40):
        ids.append(source.randrange(5))
        window.push(ids[-1])
        assert set(window.counts) == set(ids[-size:])
    assert len(window.recent) <= size


def test_the_penalty_weakens_whatever_the_sign() -> None:
    scores = torch.tensor([[3.0, -3.0, 0.0, 3.0, -math.inf]])
    written = torch.tensor([[True, True, True, False, True]])
    assert repetition_penalty(scores, written, 1.5).tolist() == [[2.0, -4.5, 0.0, 3.0, -math.inf]]
    assert torch.equal(repetition_penalty(scores, written, 1.0), scores)
    with pytest.raises(SpecError, match="--repetition-penalty must be finite and above 0, got 0"):
        repetition_penalty(scores, written, 0)


def write(length: int, options: Sampling, samples: list[int] | None = None) -> list[list[int]]:
    """By a network that likes to write the same again."""
    rows = samples or [0]
    scores = torch.tensor([[2.0, 1.0, 0.5, -1.0]])
    table = scores + torch.eye(4) * 3
    first = scores.expand(len(rows), 4)
    steps = generate(lambda ids, s: (table[ids], s), None, first, options, Draws(5, rows), length=length)
    return torch.stack([step.ids for step in steps], dim=1).tolist()


@pytest.mark.parametrize("n", [2, 3])
def test_no_ngram_comes_twice(n: int) -> None:
    """In six symbols of four kinds nothing is ever used up."""
    for ids in write(6, Sampling(block_ngrams=n), list(range(8))):
        grams = [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]
        assert len(set(grams)) == len(grams)
    plain = write(6, Sampling(), list(range(8)))
    assert any(len(set(itertools.pairwise(ids))) < 5 for ids in plain)


def test_where_everything_is_blocked_nothing_is() -> None:
    ids = write(9, Sampling(greedy=True, block_ngrams=1))[0]
    assert sorted(ids[:4]) == [0, 1, 2, 3]
    assert ids[4:] == [ids[4]] * 5  # the four symbols are used up


def test_the_penalty_changes_what_is_greedy() -> None:
    assert write(5, Sampling(greedy=True)) == [[0] * 5]
    assert write(5, Sampling(greedy=True, repetition_penalty=6.0))[0][:2] == [0, 1]
    near = write(30, Sampling(greedy=True, repetition_penalty=6.0, penalty_window=1))[0]
    assert near == [0, 1] * 15  # only the last symbol is weakened
    assert write(30, Sampling(greedy=True, repetition_penalty=6.0))[0] != near


def test_rules_see_their_own_row() -> None:
    options = Sampling(repetition_penalty=2.0, penalty_window=3, block_ngrams=2)
    together = write(12, options, [0, 1, 2])
    assert [write(12, options, [number])[0] for number in range(3)] == together


def test_select_copies() -> None:
    kept = History(2, Sampling(repetition_penalty=2.0, block_ngrams=1))
    kept.push(torch.tensor([0, 1]))
    kept.select([1, 1, 0])
    kept.push(torch.tensor([2, 3, 3]))
    blocked = kept.filter(torch.ones(3, 5)) == -math.inf
    assert [row.nonzero()[:, 0].tolist() for row in blocked] == [[1, 2], [1, 3], [0, 3]]
    assert [sorted(window.counts) for window in kept.windows] == [[1, 2], [1, 3], [0, 3]]


@pytest.mark.parametrize("module", [filters, history])
def test_examples(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]
