from __future__ import annotations

import sys

import numpy as np
import pytest

from unspool.data.labelled import Labelled
from unspool.tasks.whole import baselines
from unspool.tasks.whole.baselines import accuracies, resample, squared_errors
from unspool.tasks.whole.warping import band, warped_distances

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


def sums(count: int, seed: int, text: bool = False) -> Labelled:
    """Sequences with a number: a sum of values at fixed places, or how many "q" there are among the letters."""
    rng = np.random.default_rng(seed)
    if text:
        made = ["".join(rng.choice(list("abcq"), 30)) for _ in range(count)]
        return Labelled(made, None, (), "text", "", np.array([line.count("q") for line in made], float))
    arrays = rng.normal(size=(count, 64, 2)).astype(np.float32)
    return Labelled(list(arrays), None, (), "numeric", "", 3.0 + arrays[:, 5, 0] + 2.0 * arrays[:, 40, 1].astype(float))


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
    at = ", at 64 steps" if channels == 3 else ""  # the raw length of one channel is affordable
    assert list(found) == ["majority class", "nearest neighbour", f"nearest neighbour, time warped by a tenth{at}"]
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
    assert accuracies(waves(20, 0), waves(20, 1)).keys() == {
        "majority class",
        "nearest neighbour, time warped by a tenth",
    }
    assert squared_errors(sums(20, 0), sums(20, 1)).keys() == {"mse of the mean"}


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


def test_numbers_meet_the_mean_and_a_ridge_regression() -> None:
    training, held = sums(600, 0), sums(200, 1)
    found = squared_errors(training, held)
    assert list(found) == ["mse of the mean", "mse of ridge regression on the values"]
    assert training.targets is not None and held.targets is not None
    expected = np.square(held.targets - training.targets.mean()).mean()
    assert found["mse of the mean"] == pytest.approx(expected) and expected > 3.0
    assert found["mse of ridge regression on the values"] < 0.1
    found = squared_errors(sums(300, 0, text=True), sums(100, 1, text=True))
    assert found["mse of ridge regression on character 1-4-grams"] < 0.6 * found["mse of the mean"]


def _warped_by_hand(one: np.ndarray, other: np.ndarray) -> float:
    """The definition, cell by cell."""
    steps, width = len(one), band(len(one))
    table = np.full((steps + 1, steps + 1), np.inf)
    table[0, 0] = 0
    for i in range(1, steps + 1):
        for j in range(max(1, i - width), min(steps, i + width) + 1):
            cost = np.square(one[i - 1] - other[j - 1]).sum()
            table[i, j] = cost + min(table[i - 1, j], table[i, j - 1], table[i - 1, j - 1])
    return float(np.sqrt(table[steps, steps]))


@pytest.mark.parametrize(("steps", "channels"), [(1, 1), (7, 2), (33, 3)])
def test_time_is_warped_within_a_band(steps: int, channels: int) -> None:
    rng = np.random.default_rng(steps)
    one, others = rng.normal(size=(steps, channels)), rng.normal(size=(5, steps, channels))
    found = warped_distances(one.astype(np.float32), others.astype(np.float32))
    np.testing.assert_allclose(found, [_warped_by_hand(one, other) for other in others], rtol=1e-5)
    np.testing.assert_allclose(warped_distances(one.astype(np.float32), one[None].astype(np.float32)), 0)


def test_what_is_late_is_near_when_time_is_warped() -> None:
    time = np.arange(40)[:, None]
    early, late = np.exp(-np.square(time - 18) / 4), np.exp(-np.square(time - 21) / 4)
    flat = 0.2 * np.ones_like(time)
    distances = warped_distances(early.astype(np.float32), np.stack([late, flat]).astype(np.float32))
    assert distances[0] < 0.1 < distances[1]
    assert np.linalg.norm(early - late) > np.linalg.norm(early - flat)


def test_time_warping_asks_enough_of_every_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """Held-out sequences often come sorted by class: the first of them are of one class only."""
    each = baselines.STEPS * (2 * band(baselines.STEPS) + 1) * 3
    monkeypatch.setattr(baselines, "CELLS", each * 100 * 20)
    monkeypatch.setattr(baselines, "ASKED", 20)
    monkeypatch.setattr(baselines, "AT_ONCE", 50)
    known, asked = waves(400, 0), waves(90, 1)
    asked = asked.select(np.argsort(asked.labels, kind="stable"))
    seen = []

    def recorded(steps: int, known: Labelled, asked: Labelled) -> np.ndarray:
        seen.append((known, asked))
        return np.asarray(asked.labels)

    monkeypatch.setattr(baselines, "_warped", recorded)
    name = list(accuracies(known, asked))[-1]
    assert name == (
        "nearest neighbour, time warped by a tenth, at 64 steps (100 of 400 training sequences; 20 of 90 held-out "
        "sequences)"
    )
    for part, whole in zip(seen[0], (known, asked), strict=True):
        shares = [np.bincount(_labels(each)) / len(each) for each in (part, whole)]
        np.testing.assert_allclose(*shares, atol=0.06)
    monkeypatch.setattr(baselines, "CELLS", each * 20 * 10)
    assert "warped" not in list(accuracies(known, asked))[-1]  # too few known ones could be compared


def test_small_sets_are_warped_at_their_own_length() -> None:
    """The classes differ in the place of a spike of one step, which 64 steps of 400 would mostly miss."""

    def made(count: int, seed: int) -> Labelled:
        rng, labels = np.random.default_rng(seed), [number % 2 for number in range(count)]
        arrays = np.zeros((count, 400, 1))
        for array, label in zip(arrays, labels, strict=True):
            array[1 + (300 if label else 100) + int(rng.integers(3))] = 9.0
        return numbers(list(arrays), labels)

    assert accuracies(made(10, 0), made(6, 1))["nearest neighbour, time warped by a tenth"] == 1.0
