from __future__ import annotations

import numpy as np
import pytest

from tests.tasks.made import classifier
from unspool.tasks import speed
from unspool.tasks.whole.sizing import whole_sizing
from unspool.training.options import Budget


def lengths(count: int, steps: int) -> np.ndarray:
    return np.full(count, steps, dtype=np.int64)


def test_long_series_of_small_sets_are_read_in_parts() -> None:
    short = whole_sizing(np.array([20, 24] * 30), 12, text=False, budget=None)
    assert (short.encoder, short.frame, short.pooling) == ("linear", 1, "mean")
    for steps in (24, 251):
        aligned = whole_sizing(lengths(36, steps), 1, text=False, budget=None)
        assert (aligned.encoder, aligned.frame, aligned.pooling) == ("both", -(-steps // 8), "last")
    for width, steps in ((6, lengths(40, 100)), (1, np.array([80, 100] * 20))):
        assert whole_sizing(steps, width, text=False, budget=None).encoder == "conv"
    assert whole_sizing(lengths(60, 200), 90, text=True, budget=None).encoder == "linear"


def test_several_networks_for_a_small_set_of_series() -> None:
    for count, text, apart, several in (
        (60, False, False, True),
        (60, True, False, False),
        (60, False, True, False),
        (9000, False, False, False),
    ):
        found = whole_sizing(lengths(count, 24), 1, text=text, apart=apart, budget=None)
        assert (found.members > 1) == several


def test_a_longer_training_gets_fewer_networks() -> None:
    found = [whole_sizing(np.array([steps, steps + 9] * 900), 6, text=False, budget=None) for steps in (80, 400, 4000)]
    members = [sizing.members for sizing in found]
    assert members == sorted(members, reverse=True) and members[0] == 4 and members[-1] == 1 and len(set(members)) == 3
    assert whole_sizing(lengths(1800, 4000), 1, text=False, budget=None).members == 2  # one of each encoder


def test_more_minutes_widen_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "machine_speed", lambda: 1e11)
    sizes = [
        whole_sizing(lengths(54_000, 28), 28, text=False, budget=Budget("minutes", minutes)).hidden_size
        for minutes in (0.1, 2, 10, 100)
    ]
    assert sizes == sorted(sizes) and sizes[0] == 64 and sizes[-1] == 256 and len(set(sizes)) > 2
    assert whole_sizing(lengths(54_000, 28), 28, text=False, budget=Budget("epochs", 1)).hidden_size == 128


def test_what_would_take_longer_gets_ten_minutes() -> None:
    assert whole_sizing(lengths(135_000, 35), 2500, text=True, budget=None).budget == Budget("minutes", 10)
    names = whole_sizing(lengths(18_000, 7), 90, text=True, budget=None)
    assert names.budget is None and names.epochs == 11 and names.pooling == "mean"


def test_pairs_of_characters_where_texts_are_sentences() -> None:
    asked = {"text": True, "budget": None}
    assert [whole_sizing(lengths(5000, steps), 90, **asked).ngrams for steps in (7, 40)] == [1, 2]
    assert whole_sizing(lengths(5000, 40), 3, text=False, budget=None).ngrams == 1


def test_pixels_of_a_large_set_are_read_by_convolutions() -> None:
    found = [whole_sizing(lengths(n, 784), 1, text=False, budget=None, apart=True).encoder for n in (500, 5000)]
    assert found == ["linear", "conv"]


def test_a_network_that_may_not_read_frames_gets_no_noise_for_them() -> None:
    plain = whole_sizing(lengths(36, 150), 1, text=False, budget=None, framed=False)
    assert (plain.encoder, plain.frame, plain.pooling) == ("conv", 1, "mean")
    assert (plain.dropout, plain.augment) == (0.3, "none")
    aligned = (np.zeros((36, 150), np.float32), ["a", "b"] * 18)
    for asked in ({"causal": True}, {"encoder": "conv"}, {"frame": 1}):
        found = classifier(aligned, **asked, dropout=None).options
        assert (found.frame, found.dropout, found.augment) == (1, 0.3, "none")
        assert (found.encoder, found.pooling) == (("linear", "last") if "causal" in asked else ("conv", "mean"))
    assert classifier(aligned, dropout=None).options.encoder == "both"
