"""`--from` a model that is smaller than the network that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import unspool
from tests.tasks.made import CLASSIFIER, LANGUAGE, story
from tests.tasks.pen.made import PEN, inks, pen
from unspool.errors import SpecError
from unspool.tasks.start import Session, begin
from unspool.training.options import Budget


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("story.txt").write_text(story(), encoding="utf-8")


def larger(name: str, data: Any, **options: Any) -> Session:
    return begin(name, data, options=options, budget=Budget("steps", 2), base="base", out="next", force=True)


@pytest.mark.parametrize("noise", [False, True])
def test_a_language_model_grows_and_begins_as_what_it_was(noise: bool) -> None:
    unspool.train("language", "story.txt", steps=5, out="base", **LANGUAGE, adaptive_weight_noise=noise)
    base = unspool.load("base")
    session = larger("language", "story.txt", hidden_size=24, layers=3, adaptive_weight_noise=noise)
    assert session.remark == "the network grows from 1x16 to 3x24 and begins as what it was"
    task = session.task
    assert (task.options.hidden_size, task.options.layers, task.options.embedding_size) == (24, 3, 16)
    assert task.metrics()["validation_loss"] == pytest.approx(base.evaluate("story.txt")["validation_loss"], abs=1e-6)
    for _ in session.events:
        pass
    assert unspool.load("next").options.layers == 3


def test_units_and_symbols_grow_together() -> None:
    unspool.train("language", "story.txt", steps=5, out="base", **LANGUAGE, embedding_size=0)
    base = unspool.load("base")
    session = larger("language", unspool.Text(story() + "ЖЖ"), hidden_size=24)
    grows, new = session.remark.split("; ")[:2]
    assert grows == "the network grows from 1x16 to 1x24 and begins as what it was"
    assert new.startswith("1 symbol is new to the model: 'Ж'")
    symbols = session.task.vocabulary.symbols
    into = torch.tensor([symbols.index(symbol) for symbol in base.vocabulary.symbols])  # old id -> new id
    ids = torch.randint(len(into), (20, 2))
    after = session.task.model.eval()(into[ids]).raw[..., into]
    torch.testing.assert_close(after, base.model(ids).raw, rtol=0, atol=1e-5)
    session.close()


@pytest.mark.parametrize("prediction", [False, True])
def test_a_hand_grows(prediction: bool) -> None:
    unspool.train("handwriting", inks(), steps=5, out="base", **pen(prediction=prediction))
    base = unspool.load("base")
    session = larger("handwriting", inks(), hidden_size=int(PEN["hidden_size"]) + 5, layers=int(PEN["layers"]) + 1)
    assert "begins as what it was" in session.remark
    assert session.task.metrics()["validation_loss"] == pytest.approx(
        base.evaluate(inks())["validation_loss"], abs=1e-5
    )
    session.close()


@pytest.mark.parametrize(
    ("given", "asked", "told"),
    [
        ({}, {"layers": 0}, "--layers must be"),
        ({"layers": 2}, {"layers": 1}, "--layers must be at least what it is in the model of --from: the model has 2"),
        ({"layer_norm": True}, {"hidden_size": 24}, "--hidden-size is fixed by --from in a network with --layer-norm"),
        ({"residual": True}, {"layers": 2}, "--layers is fixed by --from in a network with --residual"),
        ({"skip": False}, {"layers": 2}, "--layers is fixed by --from in a network with --no-skip: the model has 1"),
        ({"tied": True}, {"hidden_size": 24}, r"has projection\.weight, which one of 1 of 16 does not"),
    ],
)
def test_what_cannot_grow_says_so(given: dict[str, Any], asked: dict[str, Any], told: str) -> None:
    unspool.train("language", "story.txt", steps=2, out="base", **{**LANGUAGE, **given})
    with pytest.raises(SpecError, match=told):
        larger("language", "story.txt", **asked)
    assert not Path("next").exists()


def test_sizes_of_each_layer_stay() -> None:
    options = {**LANGUAGE, "hidden_size": None, "layers": None, "hidden_sizes": "9,8"}
    unspool.train("language", "story.txt", steps=2, out="base", **options)
    with pytest.raises(SpecError, match="--hidden-size is fixed by --from: the model has '9,8', got 24"):
        larger("language", "story.txt", hidden_size=24)
    with pytest.raises(SpecError, match="--residual is fixed by --from: the model has False, got True"):
        larger("language", "story.txt", residual=True)


def test_a_classifier_keeps_its_size() -> None:
    Path("data.csv").write_text("label,text\n" + "a,kiwi\nb,iwik\n" * 30, encoding="utf-8")
    unspool.train("classifier", "data.csv", steps=2, out="base", **CLASSIFIER)
    with pytest.raises(SpecError, match="--hidden-size is fixed by --from: the model has 8, got 9"):
        larger("classifier", "data.csv", hidden_size=9)
