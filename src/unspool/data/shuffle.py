"""Orders and offsets that depend on a seed and a turn alone.

They come from the raw 64-bit output of numpy's Philox, whose stream numpy guarantees; the distributions built
on it may change from version to version, and a resumed run must not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def permutation(count: int, seed: int, turn: int) -> NDArray[np.int64]:
    """A random order [count] of 0..count-1."""
    return np.argsort(_philox(seed, turn).random_raw(count), kind="stable").astype(np.int64, copy=False)


def below(bound: int, seed: int, turn: int) -> int:
    """A random integer in [0, bound)."""
    return int(_philox(seed, turn).random_raw()) % bound


def _philox(seed: int, turn: int) -> np.random.Philox:
    return np.random.Philox(key=np.array([seed % 2**64, turn], dtype=np.uint64))
