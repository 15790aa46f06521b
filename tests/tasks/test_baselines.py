from __future__ import annotations

import sys

import numpy as np
import pytest

from unspool.data.labelled import Labelled
from unspool.tasks import baselines
from unspool.tasks.baselines import accuracies, resample

GRAMS = "logistic regression on character 1-4-grams"


def texts(sequences: list[str], labels: list[int], classes: int = 2) -> Labelled:
    names = tuple(f"class {number}" for number in range(classes))
    return Labelled(sequences, np.array(labels, dtype=np.int64), names, "text", "")


def numbers(sequences: list[np.ndarray], labels: list[int]) -> Labelled:
    arrays = [np.asarray(sequence, dtype=np.float32) for sequence in sequences]
    return Labelled(arrays, np.array(labels, dtype=np.int64), ("a", "b"), "numeric", "")


def _labels(data: Labelled) -> list[int]:
    assert data.labels is not None
    return list(map(int, data.labels))


def words(count: int, seed: int) -> Labelled:
    """Random words, "q" among the letters of class 1 only."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    made = ["".join(rng.choice(list("abc"), 8)) + ("q" if label else "a") for label in labels]
    return texts(made, labels.tolist())


def waves(count: int, seed: int, channels: int = 1) -> Labelled:
    """One period of a sine or two of them, of any length, in the last channel; the others never change."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    made = []
    for label in labels:
        time = np.linspace(0, 1, int(rng.integers(20, 200)))[:, None]
        made.append(np.hstack([1000.0 + 0 * time] * (channels - 1) + [np.sin(2 * np.pi * (label + 1) * time)]))
    return numbers(made, labels.tolist())


def test_the_majority_is_that_of_the_training_part() -> None:
    training = texts(["x"] * 5, [2, 2, 1, 1, 0], classes=3)
    held = texts(["x"] * 4, [1, 1, 1, 2], classes=3)
    assert accuracies(training, held)["majority class"] == 0.75  # the first of two equals
    assert accuracies(held, training)["majority class"] == 0.4


def test_texts_meet_logistic_regression() -> None:
    found = accuracies(words(300, 0), words(100, 1))
    assert list(found) == ["majority class", GRAMS]
    assert found["majority class"] < 0.7
    assert found[GRAMS] == 1.0


def test_the_order_of_characters_counts_and_so_do_capitals() -> None:
    training = texts(["xaby", "xbay"] * 20, [0, 1] * 20)
    assert accuracies(training, texts(["zabz", "zbaz"], [0, 1]))[GRAMS] == 1.0
    training = texts(["ab", "AB"] * 20, [0, 1] * 20)
    assert accuracies(training, texts(["ba", "BA"], [0, 1]))[GRAMS] == 1.0


@pytest.mark.parametrize("channels", [1, 3])
def test_numbers_meet_their_nearest_neighbour(channels: int) -> None:
    found = accuracies(waves(60, 0, channels), waves(40, 1, channels))
    assert list(found) == ["majority class", "nearest neighbour"]
    assert found["nearest neighbour"] == 1.0


def test_channels_are_standardised() -> None:
    """The second channel tells the classes apart; in its own scale the first would drown it."""
    rng = np.random.default_rng(3)

    def made(count: int) -> Labelled:
        labels = rng.integers(0, 2, count)
        rows = [np.array([[rng.normal() * 1e6, label + 1e-3 * rng.normal()]] * 4) for label in labels]
        return numbers(rows, labels.tolist())

    assert accuracies(made(200), made(60))["nearest neighbour"] == 1.0


def test_without_scikit_learn_only_the_majority_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in {"sklearn", *(name for name in sys.modules if name.split(".")[0] == "sklearn")}:
        monkeypatch.setitem(sys.modules, name, None)
    assert accuracies(words(20, 0), words(20, 1)).keys() == {"majority class"}
    assert accuracies(waves(20, 0), waves(20, 1)).keys() == {"majority class"}


def test_empty_sequences_are_sequences() -> None:
    training, held = words(300, 0), words(50, 1)
    found = accuracies(
        texts([*training.texts, "", ""], [*_labels(training), 0, 1]),
        texts([*held.texts, ""], [*_labels(held), 0]),
    )
    assert found[GRAMS] >= 50 / 51
    empty = np.zeros((0, 1))
    known, asked = waves(40, 0), waves(20, 1)
    found = accuracies(
        numbers([*known.arrays, empty], [*_labels(known), 1]),
        numbers([*asked.arrays, empty], [*_labels(asked), 1]),
    )
    assert found["nearest neighbour"] == 1.0


def test_sequences_that_are_all_empty_tell_nothing() -> None:
    assert accuracies(texts(["", ""], [0, 1]), texts([""], [0])) == {"majority class": 1.0}
    nothing = [np.zeros((0, 2))] * 2
    assert accuracies(numbers(nothing, [0, 1]), numbers(nothing, [1, 1])) == {"majority class": 0.0}


def test_spaces_are_characters_too() -> None:
    assert accuracies(texts([" ", "\n"], [0, 1]), texts([" "], [0])).keys() == {"majority class", GRAMS}


def test_a_single_class_is_always_the_answer() -> None:
    assert accuracies(texts(["a", "b"], [1, 1]), texts(["a", "b"], [1, 0])) == {
        "majority class": 0.5,
        GRAMS: 0.5,
    }


def test_a_part_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    training, held = words(2000, 0), words(100, 1)
    monkeypatch.setattr(baselines, "SEQUENCES", 1500)
    found = accuracies(training, held)
    assert found[f"{GRAMS} (1,500 of 2,000 training sequences)"] == 1.0
    monkeypatch.setattr(baselines, "CHARACTERS", 9 * 40)
    found = accuracies(training, held)
    assert list(found)[1] == f"{GRAMS} (40 of 2,000 training sequences; 40 of 100 held-out sequences)"
    monkeypatch.setattr(baselines, "CHARACTERS", 8)
    assert list(accuracies(training, held)) == ["majority class"]
    monkeypatch.setattr(baselines, "NUMBERS", 64 * 2 * 30)
    found = accuracies(waves(50, 0, 2), waves(30, 1, 2))
    assert found["nearest neighbour (30 of 50 training sequences)"] == 1.0


def test_a_part_is_drawn_from_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "SEQUENCES", 60)
    sorted_by_class = texts(["abc"] * 200 + ["bcd"] * 200, [0] * 200 + [1] * 200)
    assert accuracies(sorted_by_class, texts(["abc", "bcd"], [0, 1]))[
        f"{GRAMS} (60 of 400 training sequences)"
    ] == pytest.approx(1.0)


def test_the_same_data_gives_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "SEQUENCES", 50)
    rng = np.random.default_rng(4)
    noise = ["".join(rng.choice(list("abcd"), 6)) for _ in range(200)]
    data = texts(noise, rng.integers(0, 2, 200).tolist())
    assert accuracies(data, words(60, 1)) == accuracies(data, words(60, 1))


def test_resampling_is_linear_and_keeps_the_ends() -> None:
    line = np.stack([np.arange(5), 10 - np.arange(5)], axis=1).astype(np.float32)
    np.testing.assert_allclose(resample(line, 9)[:, 0], np.arange(9) / 2)
    np.testing.assert_allclose(resample(line, 3)[:, 1], [10, 8, 6])
    np.testing.assert_array_equal(resample(line[:1], 4), [[0, 10]] * 4)
    np.testing.assert_array_equal(resample(line[:0], 4), np.zeros((4, 2)))
    curve = np.random.default_rng(5).normal(size=(17, 1)).astype(np.float32)
    expected = np.interp(np.linspace(0, 16, 64), np.arange(17), curve[:, 0])
    np.testing.assert_allclose(resample(curve, 64)[:, 0], expected, atol=1e-6)
