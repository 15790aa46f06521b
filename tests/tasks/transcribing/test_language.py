"""A language model of ours as prefix beam search asks it: what it says is what the model says of the whole text."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch

import unspool
from tests.tasks.made import classifier, language
from unspool.decode import prefix_beam_search
from unspool.errors import SpecError
from unspool.tasks.language.language import Language
from unspool.tasks.transcribing.language import FLOOR, LanguageScorer

SYMBOLS = tuple("acehmnost .é")


def model(text: str | None = None, **options: Any) -> Language:
    """A language model with weights large enough that every text has a probability of its own."""
    task = language(text, **options)
    source = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in task.model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=source) * 0.5)
    return task


def ids(text: str) -> list[int]:
    return [SYMBOLS.index(symbol) for symbol in text]


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("options", [{}, {"layers": 2, "cell": "gru"}], ids=["lstm", "gru"])
def test_it_says_of_each_symbol_what_the_model_says_of_the_whole_line(options: dict[str, Any], kernels: bool) -> None:
    task, text = model(**options), "the cat. sat"
    expected = -task.score("\n" + text + "\n")[1:]
    with unspool.kernels(kernels):
        scorer = LanguageScorer(task, SYMBOLS)
        assert isinstance(task.generator(), str) is not kernels
        state, found = scorer.start(), []
        for symbol in ids(text):
            found.append(scorer.scores([state])[0, symbol])
            (state,) = scorer.extend([state], [symbol])
        found.append(scorer.end([state])[0])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_texts_side_by_side_are_as_each_alone() -> None:
    scorer, texts = LanguageScorer(model(), SYMBOLS), ["the", "cat", "née", "..."]
    together = [scorer.start()] * len(texts)
    for column in zip(*map(ids, texts), strict=True):
        together = scorer.extend(together, column)
        scorer.extend(together[:2], [0, 1])  # a side way leaves the states as they are
    mixed = [together[2], together[0], together[0]]
    for state, text in zip(mixed, ["née", "the", "the"], strict=True):
        alone = scorer.start()
        for symbol in ids(text):
            (alone,) = scorer.extend([alone], [symbol])
        np.testing.assert_allclose(scorer.scores([state]), scorer.scores([alone]), atol=1e-5)
    assert scorer.scores(mixed).shape == (3, len(SYMBOLS)) and scorer.end(mixed).shape == (3,)


def test_the_search_ranks_texts_by_both() -> None:
    task, symbols = model(), ("t", "é", "a")
    source = torch.Generator().manual_seed(1)
    logs = torch.randn(4, 4, generator=source, dtype=torch.float64).log_softmax(-1)
    alone = {found.ids: found for found in prefix_beam_search(logs, 10**6, least=0, most=10**6)}
    scorer = LanguageScorer(task, symbols)
    fused = prefix_beam_search(logs, 10**6, language=scorer, weight=0.8, bonus=0.3, least=0, most=10**6)
    assert {found.ids for found in fused} == set(alone)
    for found in itertools.islice(fused, 12):
        nats = float(task.score("\n" + "".join(symbols[number] for number in found.ids) + "\n")[1:].sum())
        assert found.language == pytest.approx(-nats, abs=1e-4)
        assert found.score == pytest.approx(alone[found.ids].log_prob - 0.8 * nats + 0.3 * len(found.ids), abs=1e-4)


@pytest.mark.parametrize(("documents", "lines"), [("line", False), ("file", True)])
def test_a_model_of_documents_begins_and_ends_with_one(documents: str, lines: bool) -> None:
    task = model(documents=documents)
    assert task.vocabulary.marks and ("\n" in task.vocabulary.symbols) is lines
    scorer = LanguageScorer(task, ("a", "c", " "))
    state = scorer.start()
    expected = -task.score("a c")
    found = []
    for symbol in (0, 2, 1):
        found.append(scorer.scores([state])[0, symbol])
        (state,) = scorer.extend([state], [symbol])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    logs = task.read("a c").scores.double().log_softmax(-1)[0].exp()
    marks = ("\n", "<document>")
    ends = sum(float(p) for p, symbol in zip(logs, task.vocabulary.symbols, strict=True) if symbol in marks)
    assert float(scorer.end([state])[0]) == pytest.approx(math.log(ends), abs=1e-5)


def test_a_symbol_that_it_never_saw_is_rare_but_possible() -> None:
    task = model()
    scorer = LanguageScorer(task, ("a", "Ж", "t"))
    assert scorer.scores([scorer.start()])[0, 1] == FLOOR
    (state,) = scorer.extend([scorer.start()], [1])
    (other,) = scorer.extend([scorer.start()], [0])
    assert np.isfinite(scorer.scores([state])).all()
    assert not np.allclose(scorer.scores([state]), scorer.scores([other]))
    logs = torch.tensor([[0.01, 0.98, 0.005, 0.005]]).log()
    assert prefix_beam_search(logs, 4, language=scorer, weight=0.3)[0].ids == (1,)


def test_a_model_without_lines_says_nothing_about_ends() -> None:
    scorer = LanguageScorer(model("to be or not to be, " * 30), ("t", "o"))
    assert scorer.end([scorer.start()] * 2).tolist() == [0.0, 0.0]


def test_other_models_and_symbols_are_refused_with_a_sentence() -> None:
    with pytest.raises(SpecError, match="--unit char, got one of --unit byte"):
        LanguageScorer(language(unit="byte"), SYMBOLS)
    with pytest.raises(SpecError, match="--unit char, got one of --unit word"):
        LanguageScorer(language(unit="word"), SYMBOLS)
    with pytest.raises(SpecError, match="--unit char, got one of the task classifier"):
        LanguageScorer(classifier(), SYMBOLS)
    with pytest.raises(SpecError, match="symbols such as 'cat'"):
        LanguageScorer(language(), ("a", "cat"))
