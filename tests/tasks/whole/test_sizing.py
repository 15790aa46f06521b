from __future__ import annotations

import numpy as np
import pytest

from unspool.tasks import speed
from unspool.tasks.whole.sizing import whole_sizing
from unspool.training.options import Budget


def lengths(count: int, steps: int) -> np.ndarray:
    return np.full(count, steps, dtype=np.int64)


def test_long_series_of_small_sets_are_read_in_parts() -> None:
    short = whole_sizing(lengths(60, 24), 1, text=False, budget=None)
    assert (short.encoder, short.frame, short.pooling) == ("linear", 1, "mean")
    aligned = whole_sizing(lengths(36, 251), 1, text=False, budget=None)
    assert (aligned.encoder, aligned.frame, aligned.pooling) == ("linear", 32, "last")
    for width, steps in ((6, lengths(40, 100)), (1, np.array([80, 100] * 20))):
        assert whole_sizing(steps, width, text=False, budget=None).encoder == "conv"
    assert whole_sizing(lengths(60, 200), 90, text=True, budget=None).encoder == "linear"


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
