"""What a training of whole sequences is told of its data, and what it refuses to be told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.tasks.made import classifier, regressor, waves, write_rows
from tests.tasks.tagging.test_tagger import sums, tagger
from unspool.errors import SpecError
from unspool.tasks.whole.classifier import Classifier

TABLE = {"text": [f"{'xy'[n % 2]}{n}" for n in range(60)], "label": list("ab") * 30, "who": [n // 4 for n in range(60)]}


def test_groups_tell_what_they_come_to() -> None:
    told = classifier(TABLE, group="who").describe()
    groups = told["validation_sequences"] // 4
    assert told["split"] == (
        f"validation on {groups} of 15 whole groups with {4 * groups} of 60 sequences, drawn by seed 0"
    )
    assert told["held_out"] == f"a {2 * groups}, b {2 * groups}" and "not_held_out" not in told
    assert "held_out" not in classifier().describe()


def test_a_class_that_nobody_is_held_out_of_is_named() -> None:
    rare = {**TABLE, "label": ["c", *TABLE["label"][1:]]}
    assert classifier(rare).describe()["not_held_out"].startswith("c; ")
    assert "not_held_out" not in classifier(TABLE).describe() and "not_held_out" not in regressor().describe()
    arrays, labels = sums()
    strange = [np.where(np.arange(len(one)) == 0, "rare" if n == 0 else one[0], one) for n, one in enumerate(labels)]
    assert tagger((arrays, strange)).describe()["not_held_out"].startswith("rare; ")
    assert "not_held_out" not in tagger().describe()


def test_a_channel_that_never_changes_is_named() -> None:
    arrays, labels = waves(40)
    still = [np.concatenate([array, np.ones_like(array)], axis=1) for array in arrays]
    assert classifier((still, labels)).describe()["constant_channels"] == ["number 2"]
    assert regressor((still, np.arange(40.0))).describe()["constant_channels"] == ["number 2"]
    assert "constant_channels" not in classifier((arrays, labels)).describe()
    assert "constant_channels" not in classifier().describe()


def test_few_sequences() -> None:
    assert classifier(waves(6)).describe()["few_sequences"].startswith("4 say little")
    assert "few_sequences" not in classifier(waves(40)).describe()


def test_the_file_that_was_watched(tmp_path: Path) -> None:
    held, other = write_rows(tmp_path / "held.csv", 14, seed=3), write_rows(tmp_path / "other.csv", 14, seed=4)
    task = classifier(validation=str(held))
    assert task.evaluate([str(held)])["split"] == "validation on held.csv, watched during training"
    assert task.evaluate([str(other)])["split"] == "the whole of the given data"


@pytest.mark.parametrize("option", ["key", "label_column", "text_column"])
def test_columns_of_files_without_any(tmp_path: Path, option: str) -> None:
    values = np.random.default_rng(0).normal(size=(20, 5))
    np.savez(tmp_path / "x.npz", X=values, y=np.arange(20) % 2)
    np.savez(tmp_path / "steps.npz", X=values, y=np.arange(100).reshape(20, 5) % 2)
    assert classifier([str(tmp_path / "x.npz")]) and tagger([str(tmp_path / "steps.npz")])
    flag = "--" + option.replace("_", "-")
    for made, file in ((classifier, "x.npz"), (tagger, "steps.npz")):
        with pytest.raises(SpecError, match=f"{flag} names a column of a table, got 'nope' for {file}"):
            made([str(tmp_path / file)], **{option: "nope"})


def test_frames_longer_than_every_sequence() -> None:
    data = (np.zeros((20, 30), np.float32), ["a", "b"] * 10)
    assert classifier(data, frame=30).options.frame == 30
    with pytest.raises(SpecError, match="at most the 30 steps"):
        classifier(data, frame=31)
    known, short = classifier(data, frame=30), (data[0][:, :20], data[1])
    assert Classifier.prepare(known.options, short, None, known).options.frame == 30
