"""What an evaluation was made on, in words."""

from __future__ import annotations

import pytest

from unspool.tasks.holdout import judged_on

TRAINING, FILE = 64 * "1", 64 * "2"


@pytest.mark.parametrize(
    ("given", "known", "told"),
    [
        (TRAINING, TRAINING, "the training data itself"),
        (TRAINING, TRAINING + FILE, "the training data itself"),
        (FILE, TRAINING + FILE, "validation on b.txt, watched during training"),
        (FILE, TRAINING, "the whole of the given data"),
        (FILE, "", "the whole of the given data"),  # a model whose training data nobody knows
    ],
)
def test_what_an_evaluation_was_made_on(given: str, known: str, told: str) -> None:
    assert judged_on(given, known, "validation on b.txt") == told
