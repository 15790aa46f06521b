"""A model knows which columns its channels are, which data it learned from, and which options mean something for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import unspool
from tests.tasks.made import CLASSIFIER, classifier, regressor, rows, waves, write_model, write_rows
from unspool.cli.main import run
from unspool.data.builtin import builtin_adding
from unspool.errors import DataError, SpecError
from unspool.tasks.start import begin
from unspool.tasks.whole.classifier import Classifier

LONG = {"key": "recording", "group": "person"}


def walks(people: int = 6) -> pd.DataFrame:
    """Two recordings of each person, whose numbers make a column of numbers that is no channel."""
    source, made = np.random.default_rng(0), []
    for number in range(2 * people):
        values = source.normal([0, 3 * (number % 2)], size=(8, 2))
        told = {"recording": f"r{number}", "label": ["walk", "run"][number % 2], "person": number // 2}
        made += [{**told, "x": x, "z": z} for x, z in values]
    return pd.DataFrame(made)


@pytest.mark.parametrize("flatten", [False, True])
def test_a_group_of_numbers_is_no_channel(flatten: bool, tmp_path: Path) -> None:
    frame, later = walks(), walks().drop(columns=["label", "person"])
    task = classifier(frame, **LONG, flatten=flatten)
    again = unspool.load(write_model(task, tmp_path / "m"))
    assert isinstance(again, Classifier)
    expected = [answer.probabilities for answer in task.predict(frame)]
    for given in (frame, later, *([] if flatten else [later[["z", "x", "recording"]].assign(extra=1.0)])):
        for found, wanted in zip(again.predict(given), expected, strict=True):
            np.testing.assert_array_equal(found.probabilities, wanted)
    assert again.evaluate(frame)["split"] == task.split


def test_channels_are_those_of_the_training(tmp_path: Path) -> None:
    task = classifier(walks(), **LONG)
    assert task.channels == ("x", "z") == unspool.load(write_model(task, tmp_path / "m")).channels  # type: ignore[attr-defined]
    assert classifier(waves()).channels is None
    with pytest.raises(DataError, match="'z'"):
        task.predict(walks().drop(columns="z"))


def test_its_own_training_table_is_a_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    walks().to_csv("walks.csv", index=False)
    task = classifier(["walks.csv"], **LONG, causal=True)
    write_model(task, Path("m"))
    assert run(["predict", "m", "walks.csv", "--stream", "--key", "recording", "--json"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(answers) == len(walks())
    last = {answer["key"]: answer["probabilities"]["walk"] for answer in answers}
    whole = [answer["probabilities"]["walk"] for answer in task.answers(["walks.csv"])]
    np.testing.assert_allclose(list(last.values()), whole, atol=1e-5)


@pytest.mark.parametrize("validation", ["file", "fraction"])
def test_the_training_data_is_known_again(validation: str, tmp_path: Path) -> None:
    training, held = write_rows(tmp_path / "a.csv"), write_rows(tmp_path / "b.csv", 20, 5)
    task = classifier([str(training)], **({"validation": str(held)} if validation == "file" else {}))
    own = "the training data itself" if validation == "file" else task.split
    assert task.evaluate([str(training)])["split"] == own
    other = write_rows(tmp_path / "c.csv", 20, 9)
    assert task.evaluate([str(other)])["split"] == "the whole of the given data"


def test_numbers_for_a_model_of_texts() -> None:
    with pytest.raises(DataError, match="this model reads texts"):
        classifier().predict([np.zeros((4, 2))])


@pytest.mark.parametrize("task", [classifier(waves(channels=2)), regressor(builtin_adding(10, 60))])
def test_nothing_but_empty_sequences(task: Any) -> None:
    answers = task.answers(([[], []], None))
    assert len(answers) == 2 and answers[0] == answers[1]
    assert [item.values.shape for item in task.saliency(([[], []], None))] == [(0, 2)] * 2


@pytest.mark.parametrize(
    ("data", "options", "sentence"),
    [
        (waves(), {"unknown": "fail"}, "--unknown is for texts, got series of numbers; leave it out"),
        (waves(), {"embedding_size": 8}, "--embedding-size is for texts"),
        (waves(), {"embedding_dropout": 0.1}, "--embedding-dropout is for texts"),
        (None, {"flatten": True}, "--flatten is for series of numbers, got texts; leave it out"),
        (None, {"encoder": "conv"}, "--encoder conv reads series of numbers, got texts"),
    ],
)
def test_options_for_another_kind_of_data(data: Any, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        classifier(data, **options)
    assert sentence in str(caught.value)


def test_flat_pictures_are_read_number_by_number() -> None:
    pictures = (np.random.default_rng(0).normal(size=(40, 9, 9)), ["a", "b"] * 20)
    flat = classifier(pictures, flatten=True).options
    assert (flat.encoder, flat.frame) == ("linear", 1)
    assert classifier(pictures, flatten=True, encoder="conv").options.encoder == "conv"
    assert classifier(pictures, flatten=True, frame=3).options.frame == 3


def test_names_of_columns_belong_to_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame(rows(), columns=["mood", "words"])
    told = {"text_column": "words", "label_column": "mood", "group": "person"}
    persons = np.arange(len(table)) // 4
    unspool.train("classifier", table.assign(person=persons), steps=2, out="base", **CLASSIFIER, **told)
    other = table.rename(columns={"mood": "label", "words": "text"})
    session = begin("classifier", other, options=CLASSIFIER, base="base", out="next", baseline=False)
    assert session.task.options.group is None and session.task.options.text_column is None
    session.close()


def test_validation_is_on_other_data(tmp_path: Path) -> None:
    one, other = write_rows(tmp_path / "a.csv"), write_rows(tmp_path / "b.csv", 20, 5)
    with pytest.raises(DataError, match=r"a\.csv is among the training files"):
        classifier([str(one), str(other)], validation=str(one))
    walks().to_csv(tmp_path / "walks.csv", index=False)
    walks(3).assign(recording="other " + walks(3).recording, x=0.0).to_csv(tmp_path / "held.csv", index=False)
    with pytest.raises(DataError, match="no group may be on both sides"):
        classifier([str(tmp_path / "walks.csv")], **LONG, validation=str(tmp_path / "held.csv"))


def test_answers_are_named_by_their_key() -> None:
    task = classifier(walks(), **LONG)
    answers = task.answers(walks())
    assert [answer["sequence"] for answer in answers] == [f"r{number}" for number in range(12)]
    assert task.told(answers[3]).split("\t")[:2] == ["r3", answers[3]["label"]]
    assert [item.told for item in task.saliency(walks(), 2)] == [task.told(answer) for answer in answers[:2]]
    assert "sequence" not in classifier().answers({"text": ["yab"]})[0]
