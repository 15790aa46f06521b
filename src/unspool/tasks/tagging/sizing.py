"""What a tagger chooses for itself from the number and the length of its training sequences."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LONGEST = 256  # steps of a training window
TOGETHER = 2048  # steps of a batch, about
SMALL = 20_000  # steps of a small training set


class TaggerSizing(NamedTuple):
    """What `tagger_sizing` proposes."""

    hidden_size: int
    layers: int
    dropout: float
    learning_rate: float
    window: int
    windows: int  # that the training sequences are cut into
    batch_size: int
    epochs: int
    updates: int  # at least as many


def tagger_sizing(lengths: NDArray[np.int64], window: int | None) -> TaggerSizing:
    """Propose an LSTM and a budget for training sequences of these lengths: small sets, small fast nets."""
    window = window or LONGEST
    steps = int(lengths.sum())
    windows = int((-(-lengths // window)).clip(min=1).sum())
    batch_size = max(4, min(64, windows // 8, TOGETHER * windows // max(1, steps)))
    if steps <= SMALL:
        return TaggerSizing(64, 1, 0.3, 5e-3, window, windows, batch_size, 4, 1200)
    return TaggerSizing(128, 2, 0.3, 2e-3, window, windows, batch_size, 4, 3000)
