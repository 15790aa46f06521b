"""`--from` with symbols that the base has never seen."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import unspool
from tests.tasks.made import LANGUAGE, story
from unspool.errors import SpecError
from unspool.tasks.start import begin
from unspool.training.options import Budget


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("story.txt").write_text(story(), encoding="utf-8")
    Path("more.txt").write_text(story(seed=1) + "Ωmega! " * 60, encoding="utf-8")


@pytest.mark.parametrize(("unit", "new"), [("char", ["'!'", "'g'", "'Ω'"]), ("word", ["'Ωmega!'"])])
def test_new_symbols_are_named_and_the_old_keep_what_was_learned(unit: str, new: list[str]) -> None:
    options = {**LANGUAGE, "unit": unit}
    base = unspool.train("language", "story.txt", steps=5, out="base", **options).model
    session = begin("language", "more.txt", options=options, budget=Budget("steps", 5), base="base", out="grown")
    count = {1: "1 symbol is", 3: "3 symbols are"}[len(new)]
    assert session.remark.startswith(f"{count} new to the model: {', '.join(new)}; it has ")
    grown = session.task
    symbols = grown.vocabulary.symbols
    assert set(base.vocabulary.symbols) < set(symbols)
    old = torch.tensor([symbols.index(symbol) for symbol in base.vocabulary.symbols])
    assert torch.equal(grown.model.embedding.weight[old], base.model.embedding.weight)
    assert torch.equal(grown.model.output.bias[old], base.model.output.bias)
    for name, tensor in base.model.stack.state_dict().items():
        assert torch.equal(grown.model.stack.state_dict()[name], tensor)
    for _ in session.events:
        pass
    assert unspool.load("grown").vocabulary.symbols == symbols


def test_labels_grow_too() -> None:
    for name, labels in (("two", "ab"), ("three", "abc")):
        lines = [f"{label},{word}\n" for label in labels for word in ("kiwi", "iwik", "wikk") * 20]
        Path(f"{name}.csv").write_text("label,text\n" + "".join(lines), encoding="utf-8")
    options = {**LANGUAGE, "column": "text", "condition": "label"}
    unspool.train("language", "two.csv", steps=5, out="base", **options)
    session = begin("language", "three.csv", options=options, budget=Budget("steps", 5), base="base", out="grown")
    assert session.remark.startswith("1 symbol is new to the model: '<c>'")
    assert session.task.vocabulary.marks == ("a", "b", "c")
    session.close()


@pytest.mark.parametrize("label", ["unk", "kiwi"])
def test_a_label_is_no_word_even_where_both_are_written_alike(label: str) -> None:
    for name, labels in (("two", ("a", "b")), ("three", ("a", "b", label))):
        lines = [f"{each},{word} <kiwi>\n" for each in labels for word in ("kiwi", "iwik", "wikk") * 20]
        Path(f"{name}.csv").write_text("label,text\n" + "".join(lines), encoding="utf-8")
    options = {**LANGUAGE, "unit": "word", "column": "text", "condition": "label"}
    base = unspool.train("language", "two.csv", steps=5, out="base", **options).model
    session = begin("language", "three.csv", options=options, budget=Budget("steps", 5), base="base", out="grown")
    assert session.remark.startswith(f"1 symbol is new to the model: '<{label}>'")
    grown = session.task
    word = base.vocabulary.base.symbols.index(f"<{label}>")
    assert grown.vocabulary.base.symbols.index(f"<{label}>") == word
    assert torch.equal(grown.model.embedding.weight[word], base.model.embedding.weight[word])
    mark, mean = grown.vocabulary.mark(label), base.model.embedding.weight.mean(0)
    assert torch.allclose(grown.model.embedding.weight[mark], mean)
    session.close()


def test_data_is_read_as_the_base_read_it() -> None:
    for name in ("first", "second"):
        Path(f"{name}.csv").write_text("label,text\n" + "a,kiwi\nb,iwik\n" * 60, encoding="utf-8")
    unspool.train("language", "first.csv", steps=5, out="base", **LANGUAGE, column="text", condition="label")
    session = begin("language", "second.csv", options=LANGUAGE, budget=Budget("steps", 5), base="base", out="next")
    assert session.task.options.condition == "label" and session.task.documents == 120
    session.close()
    lines = {**LANGUAGE, "documents": "line"}
    session = begin("language", "second.csv", options=lines, budget=Budget("steps", 5), base="base", out="lines")
    assert session.task.options.condition is None and session.task.documents == 121
    session.close()


def test_unknown_skip_adds_nothing() -> None:
    unspool.train("language", "story.txt", steps=5, out="base", **LANGUAGE)
    options = {**LANGUAGE, "unknown": "skip"}
    session = begin("language", "more.txt", options=options, budget=Budget("steps", 5), base="base", out="next")
    assert "new to the model" not in session.remark and "Ω" not in session.task.vocabulary.symbols
    session.close()


def test_bytes_never_grow() -> None:
    options = {**LANGUAGE, "unit": "byte"}
    unspool.train("language", "story.txt", steps=5, out="base", **options)
    session = begin("language", "more.txt", options=options, budget=Budget("steps", 5), base="base", out="next")
    assert "new to the model" not in session.remark and len(session.task.vocabulary) == 256
    session.close()


def test_units_do_not_mix() -> None:
    unspool.train("language", "story.txt", steps=5, out="base", **LANGUAGE)
    with pytest.raises(SpecError, match="--unit is fixed by --from"):
        begin("language", "more.txt", options={**LANGUAGE, "unit": "word"}, base="base", out="next")
