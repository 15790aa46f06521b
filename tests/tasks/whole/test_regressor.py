from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

import unspool
from tests.tasks.made import CLASSIFIER, regressor, write_model
from unspool.data.builtin import builtin_adding
from unspool.errors import DataError
from unspool.tasks.whole.regressor import Regressor

LEARNS = {**CLASSIFIER, "learning_rate": 0.02, "hidden_size": 16}


@pytest.mark.usefixtures("rendered")
@pytest.mark.no_cover
def test_sums_are_learned(tmp_path: Path) -> None:
    """What is marked is added; a mean-pooled or forgetful network could not know which numbers those were."""
    data = builtin_adding(6, 300)
    run = unspool.train("regressor", data, steps=120, out=str(tmp_path / "run"), **{**LEARNS, "batch_size": 20})
    assert run.metrics["mse"] < 0.02
    sequences, truth = builtin_adding(6, 50, 1)
    assert np.square(run.model.predict(sequences) - truth).mean() < 0.02
    assert (tmp_path / "run" / "answers.png").exists()


@pytest.mark.no_cover
def test_counts_of_letters_are_learned(tmp_path: Path) -> None:
    source = np.random.default_rng(0)
    texts = ["".join(source.choice(list("abq"), source.integers(1, 9))) for _ in range(200)]
    frame = pd.DataFrame({"text": texts, "label": [10.0 * text.count("q") for text in texts]})
    run = unspool.train("regressor", frame, steps=100, out=str(tmp_path / "run"), **LEARNS)
    assert run.metrics["r2"] > 0.8
    low, high = run.model.answers({"text": ["aaaa", "qqqq"]})
    assert low["value"] < 10 < 30 < high["value"]
    assert run.model.told({"value": 12.3456789}) == "12.3457"


def test_metrics_are_those_of_scikit_learn() -> None:
    task = regressor()
    sequences, truth = builtin_adding(10, 30, 5)
    found, guess = task.evaluate((sequences, truth)), task.predict(sequences)
    assert found["mse"] == pytest.approx(mean_squared_error(truth, guess))
    assert found["mae"] == pytest.approx(mean_absolute_error(truth, guess))
    assert found["r2"] == pytest.approx(r2_score(truth, guess))
    assert found["validation_loss"] == pytest.approx(found["mse"] / task.deviation**2)
    assert found["split"] == "the whole of the given data" and found["sequences"] == 30


def test_targets_are_standardised_by_the_training_part() -> None:
    sequences, truth = builtin_adding(10, 60)
    task = regressor((sequences, 100.0 + 7.0 * truth))
    assert task.training is not None and task.training.targets is not None and task.held is not None
    assert task.mean == pytest.approx(task.training.targets.mean())
    assert task.deviation == pytest.approx(task.training.targets.std())
    assert len(task.held) == 6
    batch = next(task.batches())
    task.model.eval()
    raw = task.model(batch.values, batch.lengths)[:, 0]
    assert task.loss(batch, None).sum.item() == pytest.approx(((raw - batch.labels) ** 2).sum().item(), rel=1e-5)


def test_the_held_out_part_is_found_again() -> None:
    data = builtin_adding(10, 60)
    task = regressor(data)
    assert task.evaluate(data) == {**task.metrics(), "split": task.split}


def test_a_model_file_answers_the_same(tmp_path: Path) -> None:
    task = regressor()
    sequences, _ = builtin_adding(10, 4, 2)
    again = unspool.load(write_model(task, tmp_path / "model.safetensors"))
    assert isinstance(again, Regressor)
    np.testing.assert_array_equal(again.predict(sequences), task.predict(sequences))


def test_baselines() -> None:
    found = regressor().baseline()
    assert list(found) == ["mse of the mean", "mse of ridge regression on the values"]


@pytest.mark.parametrize("label", ["many", "nan", ""])
def test_labels_that_are_no_numbers(label: str) -> None:
    with pytest.raises(DataError, match=r"number|label"):
        regressor([("abc", "1"), ("abd", "2.5"), ("abe", label)])


def test_the_picture_has_equal_axes() -> None:
    task = regressor()
    axes = task.figures(task.metrics())["answers"]().axes[0]
    assert axes.get_aspect() == 1.0 and axes.get_xlim() == axes.get_ylim()
