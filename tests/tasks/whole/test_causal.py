"""Classifiers and regressors that answer at every step, and the streams that they are for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.tasks.made import classifier, regressor, waves
from unspool.errors import DataError, SpecError
from unspool.tasks.whole.whole import Whole

CAUSAL = {"causal": True, "layers": 2}


def streamed(task: Whole, rows: list[list[list[str]]]) -> list[list[dict[str, Any]]]:
    """The answers after each row of streams of equal length."""
    stepper = task.stepper()
    state, found = stepper.initial(len(rows)), []
    for step in range(len(rows[0])):
        answers, state = stepper.step(np.stack([stepper.read(stream[step]) for stream in rows]), state)
        found.append(answers)
    return found


def test_a_stream_of_rows_is_answered_as_the_whole() -> None:
    arrays = [array[:9] for array in waves(3, seed=4, channels=2)[0]]
    for task in (classifier(waves(channels=2), **CAUSAL), regressor(**CAUSAL)):
        answers = streamed(task, [[[repr(float(value)) for value in row] for row in array] for array in arrays])
        for steps in (1, 4, 9):
            for one, other in zip(answers[steps - 1], task.answers([array[:steps] for array in arrays]), strict=True):
                assert flat(one) == pytest.approx(flat(other), abs=1e-6)


def flat(answer: dict[str, Any]) -> list[float]:
    return list(answer["probabilities"].values()) if "probabilities" in answer else [answer["value"]]


def test_a_stream_of_characters() -> None:
    task = classifier(**CAUSAL)
    answers = streamed(task, [[[character] for character in "yabca"]])
    assert flat(answers[-1][0]) == pytest.approx(flat(task.answers({"text": ["yabca"]})[0]), abs=1e-6)
    assert task.stepper().told(answers[-1][0]) == task.told(answers[-1][0])
    task.temperature = 5.0
    assert flat(task.answers({"text": ["y"]})[0]) == pytest.approx(flat(streamed(task, [[["y"]]])[0][0]), abs=1e-6)


def test_rows_that_are_none() -> None:
    numbers, text = classifier(waves(channels=2), **CAUSAL).stepper(), classifier(**CAUSAL).stepper()
    for stepper, cells in (
        (numbers, ["1"]),
        (numbers, ["1", "x"]),
        (numbers, ["1", "nan"]),
        (text, ["ab"]),
        (text, []),
    ):
        with pytest.raises(DataError, match="a row must be"):
            stepper.read(cells)
    assert text.read(["~"]).tolist() == text.read([" "]).tolist()  # unknown, yet a step


def test_who_reads_whole_sequences_answers_no_stream() -> None:
    for task in (classifier(), classifier(bidirectional=False, pooling="last"), regressor()):
        with pytest.raises(SpecError, match="--causal"):
            task.stepper()


@pytest.mark.parametrize("other", [{"bidirectional": True}, {"pooling": "mean"}, {"encoder": "conv"}, {"frame": 2}])
def test_what_causal_excludes(other: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="--causal"):
        classifier(causal=True, **other)


def test_the_loss_is_of_the_last_step_and_of_all() -> None:
    task = classifier(**CAUSAL)
    batch = next(task.batches())
    task.model.eval()
    every = task.model.every_step(batch.values, batch.lengths)
    expected = torch.zeros(())
    for row, (length, label) in enumerate(zip(batch.lengths.tolist(), batch.labels.tolist(), strict=True)):
        costs = -every[:length, row].log_softmax(-1)[:, label]
        expected = expected + costs[-1] + costs.mean()
    torch.testing.assert_close(task.loss(batch, None).sum, expected)


def test_first_memories_are_as_long_as_the_sequences() -> None:
    long = [np.zeros((80, 1), np.float32)] * 10
    data = (long, ["a", "b"] * 5)
    assert classifier(data, causal=True).options.init == "chrono"
    assert classifier(data, causal=True, cell="rnn").options.init == "plain"
    assert classifier(data).options.init == "plain"
    with pytest.raises(SpecError, match="--cell rnn"):
        classifier(data, init="chrono", cell="rnn")


def test_unknown_characters_are_steps_of_a_batch_too() -> None:
    task = classifier(**CAUSAL)
    whole = flat(task.answers({"text": ["y~a~"]})[0])
    assert whole == pytest.approx(flat(streamed(task, [[[one] for one in "y~a~"]])[-1][0]), abs=1e-6)
    assert whole != pytest.approx(flat(task.answers({"text": ["ya"]})[0]), abs=1e-6)
    assert classifier().encode("~").tolist() == []


def test_a_number_out_of_reach_is_refused_and_the_stream_lives() -> None:
    task = classifier(waves(channels=2), **CAUSAL)
    stepper = task.stepper()
    for cell in ("1e300", "-1e45", "1e30"):
        with pytest.raises(DataError, match="deviations of the training mean"):
            stepper.read(["1", cell])
        with pytest.raises(DataError, match="deviations of the training mean"):
            task.predict([np.array([[0.0, np.clip(float(cell), -1e35, 1e35)]])])
    found, _ = stepper.step(stepper.read(["1", "1e17"])[None], stepper.initial(1))
    assert np.isfinite(flat(found[0])).all()
