"""What a tagger does with the data that it is given: precision, validation, names, and the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import unspool
from tests.tasks.made import write_model
from tests.tasks.tagging.test_tagger import made, sums, tagger
from unspool.data.stepwise import read_stepwise
from unspool.errors import DataError
from unspool.tasks.tagging.picture import draw_tags


def table(count: int = 20, seed: int = 0) -> pd.DataFrame:
    """The channels a and b, the label `kind`, the key `who` and the group `site` of five sequences each."""
    arrays, labels = sums(count, seed)
    lengths = [len(array) for array in arrays]
    found = pd.DataFrame(np.concatenate(arrays), columns=["a", "b"])
    found["kind"], found["who"] = np.concatenate(labels), np.repeat([f"r{n}" for n in range(count)], lengths)
    return found.assign(site=np.repeat([f"s{seed}{n // 5}" for n in range(count)], lengths))


COLUMNS = {"key": "who", "label_column": "kind"}


def test_small_changes_around_a_large_number_are_learned_from() -> None:
    """The same data, a thousand times smaller and far from 0: the same network says the same."""
    arrays, labels = sums()
    far = [array.astype(float) * 1e-3 + 1e5 for array in arrays]
    plain, moved = tagger((arrays, labels), causal=True), tagger((far, labels), causal=True)
    for array, other in zip(arrays, far, strict=True):
        expected = plain.predict([array])[0].probabilities
        np.testing.assert_allclose(moved.predict([other])[0].probabilities, expected, atol=1e-4)
    row = [repr(cell) for cell in far[0][0].tolist()]
    np.testing.assert_allclose(
        moved.stepper().read(row), plain.stepper().read([str(cell) for cell in arrays[0][0]]), atol=1e-4
    )


def test_a_channel_that_never_changes_is_named() -> None:
    data = table().assign(c=7.0)
    assert tagger(data.drop(columns="site"), **COLUMNS).describe()["constant_channels"] == ("c",)
    assert "constant_channels" not in tagger().describe()
    arrays, labels = sums()
    still = [np.concatenate([array, np.full((len(array), 1), 0.1)], 1) for array in arrays]
    assert tagger((still, labels)).describe()["constant_channels"] == ("number 3",)


def test_validation_on_a_file_of_its_own(tmp_path: Path) -> None:
    for seed, name in enumerate(("train.csv", "held.csv", "test.csv")):
        table(seed=seed).to_csv(tmp_path / name, index=False)
    paths = {name: str(tmp_path / f"{name}.csv") for name in ("train", "held", "test")}
    task = tagger([paths["train"]], validation=paths["held"], group="site", **COLUMNS)
    assert task.describe()["training_sequences"] == 20
    assert task.evaluate([paths["train"]])["split"] == "the training data itself"
    assert task.evaluate([paths["held"]])["split"] == "validation on held.csv, watched during training"
    assert task.evaluate([paths["test"]])["split"] == "the whole of the given data"
    for validation, said in (("train", "among the training files"), ("copy", "copy.csv holds the same")):
        table().to_csv(tmp_path / "copy.csv", index=False)
        with pytest.raises(DataError, match=said):
            tagger([paths["train"]], validation=str(tmp_path / f"{validation}.csv"), **COLUMNS)
    with pytest.raises(DataError, match="among the training files"):
        tagger([paths["train"], paths["test"]], validation=paths["test"], **COLUMNS)
    table(seed=1).assign(site="s03").to_csv(tmp_path / "shared.csv", index=False)
    with pytest.raises(DataError, match=r"shared.csv are in the training data too, such as 's03'"):
        tagger([paths["train"]], validation=str(tmp_path / "shared.csv"), group="site", **COLUMNS)


def test_a_channel_called_y_is_read_where_the_label_was_named() -> None:
    data = table().drop(columns="site").rename(columns={"b": "y"})
    task = tagger(data, **COLUMNS)
    expected = task.predict(sums(20)[0])
    for found, known in zip(task.predict(data.drop(columns="kind")), expected, strict=True):
        np.testing.assert_allclose(found.probabilities, known.probabilities, atol=1e-6)


def test_an_empty_sequence_alone_has_no_labels(tmp_path: Path) -> None:
    for kind in ("channels", "pictures"):
        task = unspool.load(write_model(tagger(made(kind)), tmp_path / "model.safetensors"))
        assert [tagging.labels for tagging in task.predict([[]])] == [[]]


def test_groups_from_python() -> None:
    arrays, labels = sums(20)
    task = tagger((arrays, labels, np.arange(20) // 5))
    assert task.held is not None and task.training is not None
    assert task.held.groups is not None and task.training.groups is not None
    assert not set(task.held.groups.tolist()) & set(task.training.groups.tolist())
    assert "whole groups" in task.split


def test_answers_are_called_by_their_keys() -> None:
    task = tagger(table().drop(columns="site"), **COLUMNS)
    answers = task.answers(table(3).drop(columns="site"))
    assert [answer["sequence"] for answer in answers] == ["r0", "r1", "r2"]
    assert task.told(answers[1]) == "r1\t" + " ".join(answers[1]["labels"])
    assert "sequence" not in task.answers((sums(3)[0], None))[0]


def drawn(kind: str, data: Any = None, **labels: Any) -> Any:
    """A picture of sequences of a kind, all labels being as likely."""
    found = read_stepwise((made(kind, 3)[0], None) if data is None else data, require_labels=False, **labels)
    return draw_tags([np.full((length, 2), 0.5) for length in found.lengths], ("even", "odd"), found)


@pytest.mark.parametrize(("kind", "panels"), [("channels", 6), ("pictures", 6), ("tokens", 3), ("text", 3)])
def test_a_picture_shows_the_sequences_above_their_labels(kind: str, panels: int) -> None:
    figure = drawn(kind)
    figure.canvas.draw()
    *axes, bar = figure.axes
    assert len(axes) == panels and bar.get_ylabel() == "probability"  # one bar for all
    assert [one.get_title("left") for one in axes if one.get_title("left")] == [f"sequence {n}" for n in (1, 2, 3)]
    if kind == "channels":
        np.testing.assert_array_equal(axes[0].lines[1].get_ydata(), made(kind, 3)[0][0][:, 1])
        ticks = axes[1].get_xticks()
        np.testing.assert_array_equal(ticks, ticks.round())
    if kind == "pictures":
        film = axes[0].images[0].get_array()
        np.testing.assert_array_equal(film[:, 2:4], made(kind, 3)[0][0][1])


def test_a_picture_shows_the_true_labels_and_the_names() -> None:
    data = table(2).drop(columns="site").assign(kind=lambda rows: rows["kind"].where(rows.index > 0))
    figure = drawn("", data, key="who", label_column="kind")
    strip = figure.axes[1]
    truth = next(line for line in strip.lines if line.get_label() == "true label")
    assert np.isnan(truth.get_ydata()[0])
    own = data[data["who"] == "r0"]["kind"][1:]
    np.testing.assert_array_equal(truth.get_ydata()[1:], own == "odd")
    assert figure.axes[0].get_title("left") == "r0"
    wide = drawn("", ([np.ones((5, 12))], None))
    assert wide.axes[0].images[0].get_array().shape == (12, 5)
    strangers = drawn("", ([[1.0, 2.0]], [["odd", "unheard of"]]))
    assert np.isnan(next(line for line in strangers.axes[1].lines if line.get_label() == "true label").get_ydata()[1])


def test_a_picture_of_long_sequences_and_of_channels_of_different_size() -> None:
    steps = np.arange(300)
    array = np.stack([np.sin(steps), 1e4 * np.cos(steps)], 1)
    figure = drawn("", ([array[:5], array], [["odd"] * 5, ["odd"] * 300]))
    assert figure.axes[0].get_ylabel() == "scaled" and np.abs(figure.axes[2].lines[1].get_ydata()).max() < 3
    ticks = next(line for line in figure.axes[3].lines if "true label" in line.get_label())
    np.testing.assert_allclose(ticks.get_ydata(), 1.3)
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told == ["chosen label", "true label", "true label (below)"]
    names = [f"c{n}" for n in range(400)]
    data = read_stepwise(([array[:5]], None), require_labels=False)
    many = draw_tags([np.full((5, 400), 1 / 400)], names, data)
    assert many.get_size_inches()[1] < 12 and len(many.axes[1].get_yticks()) == 40


def test_a_number_out_of_reach_is_refused() -> None:
    task = tagger(causal=True)
    for refused in (lambda: task.stepper().read(["1", "1e30"]), lambda: task.predict([np.array([[0.0, -1e30]])])):
        with pytest.raises(DataError, match="deviations of the training mean"):
            refused()
    assert np.isfinite(task.predict([np.array([[0.0, 1e17]])])[0].probabilities).all()
