"""Prefix beam search against sums over every path, and against the algorithm as Hannun et al. (2014) print it."""

from __future__ import annotations

import doctest
import itertools
import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from unspool.decode import PrefixBeam, prefix, prefix_beam_search
from unspool.decode.prefix import Hypothesis
from unspool.errors import DataError, ShapeError, SpecError

torch.set_num_threads(1)
quick = settings(deadline=None, derandomize=True, max_examples=60)
Text = tuple[int, ...]
EVERYTHING = 10**6


def read(steps: int, symbols: int, seed: int = 0, scale: float = 1.5) -> Tensor:
    """Log-probabilities [T, V + 1] of one sequence, float64."""
    source = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(steps, symbols + 1, generator=source, dtype=torch.float64)).log_softmax(-1)


class Made:
    """A language model whose state is the text: the next symbol depends on its length and its last two symbols."""

    def __init__(self, symbols: int, seed: int = 0) -> None:
        table = np.random.default_rng(seed).normal(size=(7, symbols + 1, symbols + 1, symbols + 1)) * 1.5
        self.table = table - np.log(np.exp(table).sum(-1, keepdims=True))  # the last outcome is the end
        self.calls: list[list[Text]] = []

    def _row(self, text: Text) -> NDArray[np.float64]:
        before = (-1, -1, *text)
        return self.table[len(text) % 7, before[-2], before[-1]]

    def start(self) -> Text:
        return ()

    def extend(self, states: Sequence[Text], symbols: Sequence[int]) -> list[Text]:
        return [(*state, symbol) for state, symbol in zip(states, symbols, strict=True)]

    def scores(self, states: Sequence[Text]) -> NDArray[np.float64]:
        self.calls.append(list(states))
        return np.stack([self._row(state)[:-1] for state in states])

    def end(self, states: Sequence[Text]) -> NDArray[np.float64]:
        return np.array([self._row(state)[-1] for state in states])

    def log_prob(self, text: Text, ended: bool = True) -> float:
        found = sum(float(self._row(text[:place])[symbol]) for place, symbol in enumerate(text))
        return found + float(self._row(text)[-1]) * ended


def exhaustive(logs: Tensor) -> dict[Text, float]:
    """Text -> log-probability, summed over every path that says it."""
    rows, blank = logs.numpy(), logs.shape[1] - 1
    found: dict[Text, float] = defaultdict(lambda: -math.inf)
    for path in itertools.product(range(blank + 1), repeat=len(rows)):
        text = tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != blank)
        log_prob = sum(float(row[k]) for row, k in zip(rows, path, strict=True))
        found[text] = float(np.logaddexp(found[text], log_prob))
    return found


def as_printed(logs: Tensor, width: int, language: Made, weight: float, bonus: float) -> dict[Text, float]:
    """Algorithm 1 of Hannun et al., on probabilities: the beam after the last step, and the probability of each."""
    blank, beam = logs.shape[1] - 1, {(): (1.0, 0.0)}
    for y in logs.exp().tolist():
        grown: dict[Text, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for text, (silent, said) in beam.items():
            grown[text][0] += y[blank] * (silent + said)
            for symbol in range(blank):
                if text and symbol == text[-1]:
                    grown[text][1] += y[symbol] * said
                    grown[*text, symbol][1] += y[symbol] * silent
                else:
                    grown[*text, symbol][1] += y[symbol] * (silent + said)

        def rank(text: Text, found: dict[Text, list[float]] = grown) -> float:
            total = sum(found[text])
            if total == 0:
                return -math.inf
            return math.log(total) + weight * language.log_prob(text, ended=False) + bonus * len(text)

        beam = {text: (grown[text][0], grown[text][1]) for text in sorted(grown, key=rank, reverse=True)[:width]}
    return {text: math.log(sum(both)) for text, both in beam.items() if sum(both)}


@quick
@given(st.integers(1, 5), st.integers(1, 3), st.integers(0, 1000))
def test_a_beam_of_everything_is_the_sum_over_all_paths(steps: int, symbols: int, seed: int) -> None:
    logs = read(min(steps, 4) if symbols == 3 else steps, symbols, seed)
    expected = exhaustive(logs)
    found = prefix_beam_search(logs, EVERYTHING, least=0, most=EVERYTHING)
    assert {hypothesis.ids for hypothesis in found} == set(expected)
    for hypothesis in found:
        assert hypothesis.log_prob == pytest.approx(expected[hypothesis.ids], abs=1e-9)
        assert hypothesis.score == hypothesis.log_prob and hypothesis.language == 0
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)


@quick
@given(st.integers(1, 4), st.integers(0, 1000), st.floats(-1, 2), st.floats(-2, 2))
def test_so_it_is_with_a_language_model(steps: int, seed: int, weight: float, bonus: float) -> None:
    logs, language = read(steps, 2, seed), Made(2, seed)
    expected = exhaustive(logs)
    found = prefix_beam_search(
        logs, EVERYTHING, language=language, weight=weight, bonus=bonus, least=0, most=EVERYTHING
    )
    assert {hypothesis.ids for hypothesis in found} == set(expected)
    for hypothesis in found:
        likely = weight * language.log_prob(hypothesis.ids)
        assert hypothesis.log_prob == pytest.approx(expected[hypothesis.ids], abs=1e-9)
        assert hypothesis.score == pytest.approx(
            expected[hypothesis.ids] + likely + bonus * len(hypothesis.ids), abs=1e-9
        )
        if weight:
            assert hypothesis.language == pytest.approx(language.log_prob(hypothesis.ids), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("width", [1, 3, 8])
def test_a_narrow_beam_is_the_printed_algorithm(seed: int, width: int) -> None:
    logs, language = read(25, 4, seed), Made(4, seed)
    for weight, bonus in ((0.0, 0.0), (0.7, 0.4)):
        expected = as_printed(logs, width, language, weight, bonus)
        found = prefix_beam_search(logs, width, language=language, weight=weight, bonus=bonus, least=0, most=width)
        assert {hypothesis.ids for hypothesis in found} == set(expected)
        for hypothesis in found:
            assert hypothesis.log_prob == pytest.approx(expected[hypothesis.ids], abs=1e-9)


def test_the_likeliest_text_is_not_that_of_the_likeliest_path() -> None:
    logs = torch.tensor([[0.4, 0.6], [0.4, 0.6]]).log()
    assert [h.ids for h in prefix_beam_search(logs, 2, most=2)] == [(0,), ()]
    assert prefix_beam_search(logs, 2)[0].log_prob == pytest.approx(math.log(0.64), abs=1e-6)


def test_a_language_model_decides_what_sounds_alike() -> None:
    logs = torch.tensor([[0.5, 0.49, 0.01], [0.005, 0.005, 0.99]]).log()
    language = Made(2)
    language.table[:] = math.log(1 / 3)
    language.table[0, -1, -1] = np.log([0.1, 0.8, 0.1])
    assert prefix_beam_search(logs, 4)[0].ids == (0,)
    assert prefix_beam_search(logs, 4, language=language)[0].ids == (1,)
    assert prefix_beam_search(logs, 4, language=language, weight=0)[0].ids == (0,)
    language.table[0, -1, -1, :2] = -math.inf
    assert prefix_beam_search(logs, 4, language=language)[0].ids == ()


def test_a_bonus_makes_texts_longer() -> None:
    logs = torch.tensor([[0.3, 0.7]] * 5).log()
    lengths = [len(prefix_beam_search(logs, 50, bonus=bonus)[0].ids) for bonus in (-3.0, 0.0, 6.0)]
    assert lengths == sorted(lengths) and lengths[0] == 0 and lengths[2] == 3


@pytest.mark.parametrize("seed", range(3))
def test_pieces_are_the_whole(seed: int) -> None:
    logs, cuts = read(40, 5, seed), sorted(np.random.default_rng(seed).integers(0, 41, 5).tolist())
    whole = prefix_beam_search(logs, 6, language=Made(5), most=6)
    beam = PrefixBeam(6, language=Made(5))
    for first, last in itertools.pairwise([0, *cuts, 40]):
        beam.extend(logs[first:last])
        beam.best()
    assert beam.best(6) == whole
    assert beam.best(6, ended=False) != whole


def test_before_the_first_step_there_is_the_empty_text() -> None:
    assert PrefixBeam(3).best(3) == [Hypothesis((), 0.0, 0.0, 0.0)]
    assert prefix_beam_search(torch.zeros(0, 4), 3, most=2) == [Hypothesis((), 0.0, 0.0, 0.0)]


def test_the_language_model_is_asked_once_a_step_about_what_is_new() -> None:
    language = Made(5)
    logs = read(30, 5)
    logs[10:20] = torch.tensor([*[1e-6] * 5, 1 - 5e-6]).log()  # silence
    beam = PrefixBeam(6, language=language)
    beam.extend(logs[:10])
    asked = len(language.calls)
    assert asked <= 11
    beam.extend(logs[10:20])
    assert len(language.calls) == asked
    beam.extend(logs[20:])
    assert all(0 < len(call) <= 6 and len(set(call)) == len(call) for call in language.calls)


def test_what_was_left_behind_is_forgotten() -> None:
    """Of the tree of beginnings only those stay that lead to the beam, and states only for the beam itself."""
    beam = PrefixBeam(4, language=Made(6))
    beam.extend(read(300, 6, scale=0.5))
    (root,) = {node for node in _above(beam) if node.parent is None}
    waiting, nodes = [root], []
    while waiting:
        nodes.append(waiting.pop())
        waiting.extend(nodes[-1].children.values())
    assert set(nodes) == _above(beam)
    assert sum(node.state is not None for node in nodes) == sum(node.place >= 0 for node in nodes) == 4


def _above(beam: PrefixBeam) -> set[prefix._Prefix]:
    found = set()
    for node in beam._beam:
        walk: prefix._Prefix | None = node
        while walk is not None:
            found.add(walk)
            walk = walk.parent
    return found


def test_improbable_symbols_make_nothing_longer() -> None:
    logs = torch.tensor([[0.02, 0.3, 0.68]] * 4).log()
    met = {symbol for h in prefix_beam_search(logs, 100, least=0.1, most=100) for symbol in h.ids}
    assert met == {1}
    assert {s for h in prefix_beam_search(logs, 100, least=0.01, most=100) for s in h.ids} == {0, 1}


def test_wrong_calls_are_refused_with_a_sentence() -> None:
    logs = read(3, 2)
    with pytest.raises(SpecError, match="--beam must be at least 1"):
        prefix_beam_search(logs, 0)
    with pytest.raises(SpecError, match=r"least in \[0, 1\)"):
        prefix_beam_search(logs, 2, least=1.0)
    with pytest.raises(SpecError, match="weight and bonus must be finite"):
        prefix_beam_search(logs, 2, weight=math.nan)
    with pytest.raises(ShapeError, match=r"\[T, V \+ 1\].*got \[3, 1, 3\]"):
        prefix_beam_search(logs.unsqueeze(1), 2)
    with pytest.raises(DataError, match="finite maximum at every step, got nan; a diverged network"):
        prefix_beam_search(logs * math.nan, 2)
    with pytest.raises(DataError, match="finite maximum at every step, got -inf"):
        prefix_beam_search(torch.full((2, 3), -math.inf), 2, least=0)
    mute = Made(2)
    mute.table[:, :, :, :2] = -math.inf
    with pytest.raises(DataError, match="a text must go on at each step"):
        prefix_beam_search(torch.tensor([[0.5, 0.5, 0.0]]).log(), 2, language=mute)


def test_examples() -> None:
    assert doctest.testmod(prefix).failed == 0
