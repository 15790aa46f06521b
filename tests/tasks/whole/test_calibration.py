from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import unspool
from tests.tasks.made import classifier, rows, write_model
from unspool.tasks.whole.calibration import calibration_error, crossed, fit_temperature, reliability, softened


def rows_as_pairs(count: int) -> list[tuple[str, str]]:
    return [(text, label) for label, text in rows(count, 7)]


def drawn(temperature: float, count: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities that are too sharp by a factor, and labels from the right ones."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(count, 4)) * 2
    truth = np.exp(softened(scores, 1.0))
    labels = (truth.cumsum(1) < rng.random((count, 1))).sum(1)
    return softened(scores * temperature, 1.0), labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_is_found(temperature: float) -> None:
    logs, labels = drawn(temperature)
    found = fit_temperature(logs, labels)
    assert found == pytest.approx(temperature, rel=0.06)
    places = np.arange(len(labels))
    best = minimize_scalar(lambda t: -softened(logs, t)[places, labels].sum() + np.log(t) ** 2 / 2, bounds=(0.1, 10))
    assert found == pytest.approx(best.x, rel=1e-3)


def test_calibration_lessens_the_error() -> None:
    logs, labels = drawn(3.0)
    before = calibration_error(reliability(logs, labels))
    after = calibration_error(reliability(crossed(logs, labels), labels))
    assert before > 0.15 and after < 0.03


def test_right_answers_alone_do_not_freeze_it() -> None:
    logs = np.log(np.tile([0.9, 0.1], (500, 1)))
    assert 0.05 <= fit_temperature(logs, np.zeros(500, np.int64)) < 1


def test_nobody_is_calibrated_by_his_own_label() -> None:
    logs, labels = drawn(2.0, 50)
    changed = labels.copy()
    changed[0] = (labels[0] + 1) % 4
    np.testing.assert_array_equal(crossed(logs, labels)[0], crossed(logs, changed)[0])
    assert (crossed(logs, labels)[1] != crossed(logs, changed)[1]).any()


def test_the_error_by_hand() -> None:
    logs = np.log([[0.9, 0.1], [0.9, 0.1], [0.42, 0.58], [0.5, 0.5]])
    labels = np.array([0, 1, 1, 1])
    bins = reliability(logs, labels)
    assert bins["share"] == [0.25, 0.25, 0.5]
    assert bins["accuracy"] == [0.0, 1.0, 0.5]
    assert calibration_error(bins) == pytest.approx(0.25 * 0.5 + 0.25 * 0.42 + 0.5 * 0.4)


def test_the_model_keeps_its_temperature(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Labels are noise, so probabilities that are far from a half are wrong."""
    data = [(text, label) for label, text in rows(900)]
    task = classifier(data, validation="0.4")
    assert task.held is not None and len(task.held) >= 200
    task.model.output.weight.data *= 30
    found = task.metrics()
    assert found["temperature"] == task.temperature > 1.5
    assert found["calibrated_error"] < found["calibration_error"]
    assert found["calibrated_loss"] < found["validation_loss"]
    texts = [text for text, _ in data[:5]]
    again = unspool.load(write_model(task, tmp_path / "model.safetensors"))
    for one, other in zip(task.predict(texts), again.predict(texts), strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
    sharp = np.exp(softened(task.raw(task.sequences_of(texts)), 1.0))
    assert task.predict(texts)[0].probabilities.max() < sharp[0].max()
    plain = classifier(data, validation="0.4", calibrate=False)
    found = plain.metrics()
    assert found["temperature"] == 1.0 and "calibrated_error" not in found and "calibrated_loss" not in found
    assert list(found["reliability"]) == ["before"] == list(plain.evaluate(rows_as_pairs(40))["reliability"])
    axes = plain.figures(found)["reliability"]().axes[0]
    (line,) = axes.get_legend().get_texts()
    assert line.get_text().startswith("not calibrated")
    assert sum(int(text.get_text()) for text in axes.texts) == found["sequences"]


def test_pictures_of_a_result() -> None:
    task = classifier()
    figures = task.figures(task.metrics())
    assert list(figures) == ["confusion", "reliability"]
    for draw in figures.values():
        assert draw().axes
