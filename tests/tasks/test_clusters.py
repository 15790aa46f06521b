"""The clusters of an adaptive softmax: chosen from the training text, stored with the model, kept as it grows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import unspool
from tests.tasks.made import LANGUAGE, language, write_model
from unspool.data.ids import counts_of
from unspool.errors import CheckpointError
from unspool.nets.softmax import Clusters
from unspool.tasks.language.language import Language
from unspool.tasks.start import Session, begin, reopen
from unspool.training.options import Budget

ADAPTIVE = {"softmax": "adaptive"}


def words(count: int = 90, first: int = 0) -> str:
    """Lines of four words; word n comes 400 / (n + 1) times, but at least twice."""
    source = np.random.default_rng(0)
    drawn = [f"w{first + n:03}" for n in range(count) for _ in range(max(2, 400 // (n + 1)))]
    source.shuffle(drawn)
    return "".join(" ".join(drawn[place : place + 4]) + "\n" for place in range(0, len(drawn), 4))


def characters() -> str:
    """Ninety rare characters, then a frequent one that is numbered last."""
    rare = "".join(map(chr, range(0x4E00, 0x4E5A)))
    return (rare + "齊" * 90) * 4


def frequent(task: Language) -> list[str]:
    """The symbols of the short list."""
    assert task.clusters is not None
    order = task.clusters.order or range(len(task.vocabulary))
    return [task.vocabulary.symbols[number] for number in list(order)[: task.clusters.cutoffs[0]]]


def test_what_comes_often_is_in_the_short_list_however_it_is_numbered() -> None:
    plain = language(words(), unit="word", **ADAPTIVE)
    size = len(plain.vocabulary)
    assert plain.clusters == Clusters((size // 16, size // 3))  # words are numbered by falling frequency
    marked = language(words(), unit="word", documents="line", **ADAPTIVE)
    assert marked.vocabulary.symbols[-1] == "<document>" == frequent(marked)[0]
    assert "齊" == frequent(language(characters(), **ADAPTIVE))[0]
    assert language(words(), unit="word", softmax="full").clusters is None


def test_symbols_are_counted() -> None:
    ids = np.random.default_rng(0).integers(7, size=3_000_000, dtype=np.uint8)
    np.testing.assert_array_equal(counts_of(ids, 9), np.bincount(ids, minlength=9))


@pytest.mark.parametrize("options", [{"unit": "word", "documents": "line"}, {}], ids=["marks", "characters"])
def test_a_model_file_holds_its_clusters(options: dict[str, Any], tmp_path: Path) -> None:
    text = words() if options else characters()
    task = language(text, **options, **ADAPTIVE)
    again = unspool.load(write_model(task, tmp_path / "model"))
    assert isinstance(again, Language) and again.clusters == task.clusters
    np.testing.assert_array_equal(again.score(text[:40]), task.score(text[:40]))


def test_a_model_without_stored_clusters_is_numbered_by_frequency(tmp_path: Path) -> None:
    """As those were that were written before there was an order."""
    task = language(words(), unit="word", documents="line", **ADAPTIVE)
    task.clusters = None
    task.model = task.build()
    again = unspool.load(write_model(task, tmp_path / "model"))
    np.testing.assert_array_equal(again.score("w000 w001"), task.score("w000 w001"))  # type: ignore[attr-defined]


@pytest.mark.parametrize("damage", [{"order": [1]}, {"cutoffs": [9, 3]}, {"cutoffs": "x"}, {"order": None}])
def test_damaged_clusters_are_refused(damage: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = language(words(), unit="word", documents="line", **ADAPTIVE)
    stored = task.metadata()
    stored["clusters"] |= damage
    monkeypatch.setattr(task, "metadata", lambda: json.loads(json.dumps(stored)))
    with pytest.raises(CheckpointError):
        unspool.load(write_model(task, tmp_path / "model"))


@pytest.mark.parametrize("documents", ["text", "line"])
def test_old_words_keep_what_was_learned_of_them(
    documents: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old.txt").write_text(words(), encoding="utf-8")
    Path("new.txt").write_text(words() + words(60, first=500), encoding="utf-8")
    options = {**LANGUAGE, "unit": "word", "documents": documents, **ADAPTIVE}
    base: Any = unspool.train("language", "old.txt", steps=5, out="base", **options).model
    session = begin("language", "new.txt", options=options, budget=Budget("steps", 4), base="base", out="grown")
    grown: Any = session.task
    old, new = base.vocabulary, grown.vocabulary
    into = torch.tensor([new.symbols.index(symbol) for symbol in old.symbols])
    text = torch.from_numpy(old.encode(words()[:200]))[:, None]
    with torch.no_grad():
        theirs, ours = base.model.eval()(text).raw, grown.model.eval()(into[text]).raw
    torch.testing.assert_close(ours[..., into].log_softmax(-1), theirs.log_softmax(-1), rtol=0, atol=1e-5)
    assert grown.clusters.cutoffs == (*base.clusters.cutoffs, len(old))
    next(session.events)
    session.close()
    again = reopen("grown")
    assert isinstance(again, Session) and isinstance(again.task, Language) and again.task.clusters == grown.clusters
    for _ in again.events:
        pass
    assert unspool.load("grown").clusters == grown.clusters  # type: ignore[attr-defined]
