from __future__ import annotations

import doctest
import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.decode import Hypothesis, Sampling, beam, beam_search, generate
from unspool.draws import Draws
from unspool.errors import DataError, ShapeError, SpecError

torch.set_num_threads(1)
SYMBOLS = 3
END = 2
FIRST = torch.tensor([[0.3, 0.1, -0.4]])


def network(seed: int = 0) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """A small network with memory: every symbol so far moves the state of its own row."""
    weights = torch.randn(3, SYMBOLS, generator=torch.Generator().manual_seed(seed)) * 2

    def step(ids: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        state = (state * 0.7 + (ids[:, None] + 1) * torch.tensor([0.9, -0.4, 0.7])).sin()  # [N, 3]
        return state @ weights, state

    return step


STATE = torch.zeros(1, 3)


def exhaustive(seed: int, length: int, penalty: float, ends: bool) -> list[tuple[float, tuple[int, ...]]]:
    """(score, ids) of every sequence that ends, best first, each followed from the beginning."""
    step, found = network(seed), []
    for count in range(1, length + 1):
        for ids in itertools.product(range(SYMBOLS), repeat=count):
            closed = ends and ids[-1] == END
            if (ends and END in ids[:-1]) or not (closed or count == length):
                continue
            scores, state, total = FIRST, STATE, 0.0
            for symbol in ids:
                total += float(scores.double().log_softmax(-1)[0, symbol])
                scores, state = step(torch.tensor([symbol]), state)
            found.append((total / ((5 + count) / 6) ** penalty, ids))
    return sorted(found, key=lambda pair: -pair[0])


def search(seed: int, width: int, length: int, penalty: float = 0.0, ends: bool = False) -> list[Hypothesis]:
    return beam_search(
        network(seed),
        STATE,
        FIRST,
        width=width,
        length=length,
        ended=lambda ids: ends and ids[-1] == END,
        length_penalty=penalty,
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("penalty", [0.0, 0.6, 2.0])
@pytest.mark.parametrize("ends", [False, True])
def test_a_wide_beam_is_exhaustive_search(seed: int, penalty: float, ends: bool) -> None:
    expected = exhaustive(seed, 4, penalty, ends)
    found = search(seed, 81, 4, penalty, ends)
    assert [hypothesis.ids for hypothesis in found] == [ids for _, ids in expected]
    np.testing.assert_allclose([h.score for h in found], [score for score, _ in expected], rtol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_a_narrow_beam_finds_sequences_of_its_own_score(seed: int) -> None:
    every = {ids: score for score, ids in exhaustive(seed, 5, 0.8, True)}
    for width in (1, 2, 4):
        found = search(seed, width, 5, 0.8, True)
        assert 1 <= len(found) <= width and len({h.ids for h in found}) == len(found)
        assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
        for h in found:
            assert h.score == pytest.approx(every[h.ids], rel=1e-12)
            assert h.log_prob == pytest.approx(math.fsum(h.log_probs), rel=1e-12)


def test_a_wider_beam_finds_better_ones() -> None:
    """The greedy sequence is not the likeliest: of 0.6 * 0.5 and 0.4 * 0.9, the second wins."""
    table = torch.tensor([[0.5, 0.5], [0.1, 0.9]]).log()
    first = torch.tensor([[0.6, 0.4]]).log()
    best = [beam_search(lambda ids, s: (table[ids], s), (), first, width=k, length=2)[0].ids for k in (1, 2)]
    assert best == [(0, 0), (1, 1)]


@pytest.mark.parametrize("seed", range(4))
def test_a_beam_of_one_is_greedy(seed: int) -> None:
    steps = generate(network(seed), STATE, FIRST, Sampling(greedy=True), Draws(0, [0]), length=12)
    greedy = [int(step.ids) for step in steps]
    assert list(search(seed, 1, 12)[0].ids) == greedy
    ended = greedy[: greedy.index(END) + 1] if END in greedy else greedy
    assert list(search(seed, 1, 12, ends=True)[0].ids) == ended


def test_a_length_penalty_favours_longer_sequences() -> None:
    """0.5 for the end at once; 0.5 * 0.9 * 0.9 for three symbols: behind at 0, ahead at 1."""
    table = torch.tensor([[0.9, 0.0, 0.1], [0.0, 0.0, 1.0]]).log()
    first = torch.tensor([[0.5, 0.0, 0.5]]).log()

    def best(penalty: float) -> tuple[int, ...]:
        return beam_search(
            lambda ids, s: (table[ids], s),
            (),
            first,
            width=2,
            length=3,
            ended=lambda ids: ids[-1] == END,
            length_penalty=penalty,
        )[0].ids

    assert best(0.0) == (END,)
    assert best(1.0) == (0, 0, 0)


def test_equal_ones_come_in_the_order_of_their_symbols() -> None:
    flat = torch.zeros(1, 3)
    found = beam_search(lambda ids, s: (flat.expand(len(ids), 3), s), (), flat, width=5, length=2)
    assert [h.ids for h in found] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]


def test_what_goes_on_is_found_behind_many_that_end() -> None:
    """Five of six symbols end at once and are likelier; only the sixth can become three symbols long."""
    first = torch.tensor([[3.0, 3.0, 3.0, 3.0, 3.0, 0.0]])
    later = torch.tensor([[-9.0, -9.0, -9.0, -9.0, -9.0, 9.0]])
    (found,) = beam_search(
        lambda ids, s: (later, s), (), first, width=1, length=40, ended=lambda ids: ids[-1] < 5, length_penalty=1.0
    )
    assert found.ids == (5,) * 40


def test_the_state_of_each_beginning_goes_with_it() -> None:
    def step(ids: Tensor, state: tuple[Tensor, None]) -> tuple[Tensor, tuple[Tensor, None]]:
        written = torch.cat([state[0][:, 1:], ids[:, None]], dim=1)
        seen.update(tuple(row) for row in written.tolist())
        return network()(ids, torch.zeros(len(ids), 3))[0], (written, None)

    seen: set[tuple[int, ...]] = set()
    found = beam_search(step, (torch.full((1, 4), -1), None), FIRST, width=6, length=5)
    assert all(h.ids[:4] in seen for h in found)


def test_blocked_ngrams() -> None:
    """A copying network would repeat its first symbol for ever."""
    table = torch.eye(3) * 5

    def best(n: int) -> tuple[int, ...]:
        return beam_search(lambda ids, s: (table[ids], s), (), FIRST, width=4, length=7, block_ngrams=n)[0].ids

    assert len(set(best(0))) == 1
    pairs = list(itertools.pairwise(best(2)))
    assert len(set(pairs)) == len(pairs) == 6


class Even:
    """No symbol twice in a row, row by row."""

    def __init__(self) -> None:
        self.last = [-1]

    def allowed(self, remaining: int) -> NDArray[np.bool_]:
        return np.array([[symbol != last for symbol in range(SYMBOLS)] for last in self.last])

    def push(self, ids: Tensor) -> None:
        self.last = ids.tolist()

    def select(self, rows: list[int]) -> None:
        self.last = [self.last[row] for row in rows]


def test_a_mask_follows_each_beginning() -> None:
    found = beam_search(network(), STATE, FIRST, width=50, length=4, mask=Even())
    allowed = [pair for pair in exhaustive(0, 4, 0.0, False) if all(a != b for a, b in itertools.pairwise(pair[1]))]
    assert [h.ids for h in found] == [ids for _, ids in allowed]
    np.testing.assert_allclose([h.score for h in found], [score for score, _ in allowed])  # nothing is renormalised


def test_nothing_to_write_and_bad_calls() -> None:
    assert beam_search(network(), STATE, FIRST, width=3, length=0) == [Hypothesis((), (), 0.0, 0.0)]
    with pytest.raises(SpecError, match="--beam must be at least 1"):
        search(0, 0, 3)
    with pytest.raises(ShapeError, match=r"\[1, V\], got \[2, 3\]"):
        beam_search(network(), STATE, FIRST.expand(2, 3), width=3, length=1)
    with pytest.raises(DataError, match="diverged"):
        beam_search(network(), STATE, FIRST * math.nan, width=3, length=1)


def test_examples() -> None:
    assert doctest.testmod(beam).failed == 0
