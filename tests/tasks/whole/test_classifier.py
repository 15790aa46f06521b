from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

import unspool
from tests.tasks.made import CLASSIFIER, classifier, rows, waves, write_model, write_rows
from unspool.data.labelled import Labelled
from unspool.errors import DataError, SpecError
from unspool.tasks import confusion
from unspool.tasks.whole.classifier import Batch, Classifier

LEARNS = {**CLASSIFIER, "learning_rate": 0.03, "hidden_size": 16}


def pairs(count: int, seed: int = 0) -> list[tuple[str, str]]:
    return [(text, label) for label, text in rows(count, seed)]


@pytest.mark.no_cover
@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_the_first_letter_decides(pooling: str, tmp_path: Path) -> None:
    run = unspool.train("classifier", pairs(80), steps=80, out=str(tmp_path / "run"), pooling=pooling, **LEARNS)
    assert run.metrics["accuracy"] == 1.0
    found = run.model.evaluate(pairs(60, seed=9))
    assert found["accuracy"] == found["macro_f1"] == 1.0
    assert found["split"] == "the whole of the given data"
    assert found["confusion"] == [[30, 0], [0, 30]] and found["classes"] == ["no", "yes"]


@pytest.mark.usefixtures("rendered")
@pytest.mark.no_cover
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_sine_and_square_waves(cell: str, tmp_path: Path) -> None:
    arrays, labels = waves(80, channels=2)
    arrays[5] = arrays[5][:0]  # an empty sequence is a sequence
    data = (arrays, labels)
    run = unspool.train("classifier", data, steps=90, out=str(tmp_path / "run"), cell=cell, validation="0.2", **LEARNS)
    assert run.metrics["accuracy"] == 1.0
    others, truth = waves(30, seed=5, channels=2)
    assert [prediction.label for prediction in run.model.predict(others)] == truth
    for name in ("curve.png", "confusion.png"):
        assert (tmp_path / "run" / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_metrics_are_those_of_scikit_learn() -> None:
    made = [(text, "abc"[number % 3]) for number, (text, _) in enumerate(pairs(90))]
    task = classifier(made)
    given = pairs(40, seed=4)
    truth = ["abc"[number % 2] for number in range(40)]
    found = task.evaluate([(text, label) for (text, _), label in zip(given, truth, strict=True)])
    predictions = task.predict([text for text, _ in given])
    guess = [prediction.label for prediction in predictions]
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, guess))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, guess, average="macro"))
    np.testing.assert_array_equal(found["confusion"], confusion_matrix(truth, guess, labels=["a", "b", "c"]))
    chosen = [p.probabilities["abc".index(label)] for p, label in zip(predictions, truth, strict=True)]
    assert found["validation_loss"] == pytest.approx(-np.log(chosen).mean())
    for prediction in predictions:
        assert prediction.probabilities.sum() == pytest.approx(1)
        assert prediction.label == "abc"[prediction.probabilities.argmax()]


def test_report_of_any_matrix() -> None:
    source = np.random.default_rng(0)
    for classes in (2, 3, 7):
        truth, guess = source.integers(0, classes, (2, 15))
        matrix = confusion.confusion_matrix(truth, guess, classes)
        np.testing.assert_array_equal(matrix, confusion_matrix(truth, guess, labels=range(classes)))
        found = confusion.report(matrix)
        assert found["accuracy"] == pytest.approx(accuracy_score(truth, guess))
        assert found["macro_f1"] == pytest.approx(f1_score(truth, guess, average="macro"))
    assert confusion.report(np.zeros((2, 2), np.int64)) == {"accuracy": 0.0, "macro_f1": 0.0}


def test_balanced_weights_follow_the_formula() -> None:
    """w_k = N / (K n_k), and the loss is the sum of w_y times the surprise."""
    data = [(f"{text}x", "often" if number % 4 else "rare") for number, (text, _) in enumerate(pairs(40))]
    plain, balanced = classifier(data), classifier(data, class_weights="balanced")
    counts = np.bincount(_training(balanced).labels)
    assert counts[0] != counts[1]
    weights = counts.sum() / (2 * counts)
    np.testing.assert_allclose(balanced.class_weights, weights, rtol=1e-6)
    np.testing.assert_array_equal(plain.class_weights, [1, 1])
    batch: Batch = next(plain.batches())
    for task in (plain, balanced):
        task.model.eval()
        logs = task.model(batch.values, batch.lengths).log_softmax(-1)
        surprise = -logs[torch.arange(len(batch.labels)), batch.labels]
        loss = task.loss(batch, None)
        expected = (task.class_weights[batch.labels] * surprise).sum()
        torch.testing.assert_close(loss.sum, expected)
        assert loss.items == len(batch.labels)


def _training(task: Classifier) -> Any:
    assert isinstance(task.training, Labelled)
    return task.training


def test_neighbours_and_padding_change_nothing() -> None:
    for task, sequences in (
        (classifier(), ["y", "nabcabcabcabc", "", "yab"]),
        (classifier(waves()), [*waves(3)[0], waves(1)[0][0][:1], waves(1)[0][0][:0]]),
    ):
        together = task.predict(sequences)
        for sequence, prediction in zip(sequences, together, strict=True):
            alone = task.predict([sequence])[0]
            np.testing.assert_allclose(alone.probabilities, prediction.probabilities, atol=1e-6)


def test_predictions_from_everywhere(tmp_path: Path) -> None:
    task = classifier()
    texts = [text for _, text in rows(12)]
    expected = np.array([prediction.probabilities for prediction in task.predict(texts)])

    def check(found: list[Any]) -> None:
        np.testing.assert_allclose([prediction.probabilities for prediction in found], expected, atol=1e-12)

    check(task.predict(tuple(texts)))
    check(task.predict(pd.DataFrame({"text": texts})))
    check(task.predict(pd.DataFrame({"text": texts, "label": ["unheard of"] * 12})))
    check(task.predict(pd.Series(texts)))
    check(task.predict({"text": texts}))
    check(task.predict_files([str(write_rows(tmp_path / "labelled.csv", 12))]))
    (tmp_path / "bare.csv").write_text("text\n" + "\n".join(texts) + "\n", encoding="utf-8")
    check(task.predict_files([str(tmp_path / "bare.csv")]))
    for wrong in ("one text", unspool.Text("one text")):
        with pytest.raises(DataError, match="list"):
            task.predict(wrong)


def test_predictions_for_arrays(tmp_path: Path) -> None:
    arrays, labels = waves(40, channels=2)
    task = classifier((arrays, labels))
    same = [array[:12] for array in arrays[:6]]
    expected = np.array([prediction.probabilities for prediction in task.predict(same)])
    stacked = np.stack(same)  # [N, T, C]
    found = task.predict(stacked)
    np.testing.assert_allclose([prediction.probabilities for prediction in found], expected, atol=1e-7)
    for name, more in (("bare", {}), ("labelled", {"y": labels[:6]}), ("strange", {"y": ["triangle"] * 6})):
        np.savez(tmp_path / f"{name}.npz", X=stacked, **more)
        found = task.predict_files([str(tmp_path / f"{name}.npz")])
        np.testing.assert_allclose([prediction.probabilities for prediction in found], expected, atol=1e-7)
    with pytest.raises(DataError, match="2 channels, got 3"):
        task.predict([np.zeros((4, 3), np.float32)])
    with pytest.raises(DataError):
        task.predict(["text"])


@pytest.mark.parametrize("kind", ["text", "waves"])
@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_a_model_file_gives_the_same_probabilities(kind: str, pooling: str, tmp_path: Path) -> None:
    task = classifier(None if kind == "text" else waves(channels=3), pooling=pooling, layers=2, skip=True)
    sequences = [text for _, text in rows(5)] if kind == "text" else waves(5, seed=2, channels=3)[0]
    again = unspool.load(write_model(task, tmp_path / "model.safetensors"))
    assert isinstance(again, Classifier)
    for left, right in zip(task.predict(sequences), again.predict(sequences), strict=True):
        np.testing.assert_array_equal(left.probabilities, right.probabilities)
    assert again.classes == task.classes and again.options == task.options


def test_what_is_held_out_is_stratified_and_found_again() -> None:
    data = pairs(100)
    task = classifier(data, validation="0.2")
    assert task.held is not None
    np.testing.assert_array_equal(np.bincount(task.held.labels), [10, 10])
    assert not {*task.held.texts} & {*_training(task).texts} or len({t for t, _ in data}) < 100
    found = task.evaluate(data)
    assert found["sequences"] == 20 and "0.2 of each class" in found["split"]
    assert found == {**task.metrics(), "classes": ["no", "yes"], "split": task.split}


def test_validation_in_a_file_of_its_own(tmp_path: Path) -> None:
    write_rows(tmp_path / "held.csv", 14, seed=3)
    task = classifier(validation=str(tmp_path / "held.csv"))
    assert task.held is not None and len(task.held) == 14 and len(_training(task)) == 48
    assert task.split == "validation on held.csv"


def test_few_held_out_sequences_keep_the_last_model() -> None:
    assert classifier().keeps == "last"
    assert classifier(pairs(2100)).keeps == "best"


def test_the_built_in_data_runs(tmp_path: Path) -> None:
    run = unspool.train("classifier", steps=2, out=str(tmp_path / "run"), **CLASSIFIER)
    assert run.metrics["sequences"] > 100
    assert unspool.load(run.path).predict(["import os", "for i in range(3):"])


def test_options_that_do_not_exist() -> None:
    with pytest.raises(SpecError, match="'pooling'"):
        unspool.train("classifier", pairs(10), poling="max")
    with pytest.raises(SpecError, match="classifier"):
        unspool.train("clasifier", pairs(10))
