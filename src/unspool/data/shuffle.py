"""Orders, offsets and noise that depend on a seed and a turn alone.

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


def normals(count: int, seed: int, turn: int) -> NDArray[np.float64]:
    """Standard normal numbers [count].

    z = sqrt(-2 log(1 - u)) cos(2 pi v), u and v uniform; Box and Muller 1958, A note on the generation of random normal
    deviates.
    """
    u, v = (_philox(seed, turn).random_raw(2 * count) >> np.uint64(11)).reshape(2, count) * 2.0**-53
    return np.asarray(np.sqrt(-2 * np.log1p(-u)) * np.cos(2 * np.pi * v))


def _philox(seed: int, turn: int) -> np.random.Philox:
    return np.random.Philox(key=np.array([seed % 2**64, turn], dtype=np.uint64))
