"""Training sequences, varied a little at every visit: pure functions of an array [T, C] and a random generator.

Amounts are in standard deviations, so arrays come standardised; a channel that is dropped is 0, its mean. Um et al.,
"Data augmentation of wearable sensor data", 2017 (arXiv:1706.00527): jitter, scaling, time warping; Le Guennec,
Malinowski and Tavenard, "Data augmentation for time series classification using CNNs", 2016: window slicing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from unspool.errors import SpecError

Array: TypeAlias = NDArray[np.float32]
Augmentation: TypeAlias = Callable[[Array, Generator], Array]


def jitter(array: Array, rng: Generator, deviation: float = 0.05) -> Array:
    """Normal noise on every value."""
    return array + rng.normal(0.0, deviation, array.shape).astype(np.float32)


def scale(array: Array, rng: Generator, deviation: float = 0.1) -> Array:
    """Each channel times a factor from N(1, deviation^2), the same at all steps."""
    return array * rng.normal(1.0, deviation, array.shape[1:]).astype(np.float32)


def shift(array: Array, rng: Generator, share: float = 0.1) -> Array:
    """Moved in time by at most that share of the length; the value at the edge fills what falls free."""
    most = int(share * len(array))
    steps = np.arange(len(array)) + rng.integers(-most, most + 1)
    return array[np.clip(steps, 0, len(array) - 1)] if len(array) else array


def window_slice(array: Array, rng: Generator, share: float = 0.9) -> Array:
    """A window of that share of the length, from anywhere: a shorter sequence."""
    kept = max(int(share * len(array) + 0.5), min(len(array), 1))
    start = int(rng.integers(0, len(array) - kept + 1))
    return array[start : start + kept]


def time_warp(array: Array, rng: Generator, strength: float = 0.3, knots: int = 4) -> Array:
    """The same curve passed at a speed that wanders by a factor of about exp(+-strength); length and ends stay.

    The logarithm of the speed is linear between knots drawn from N(0, strength^2); values between steps are
    interpolated linearly.
    """
    if len(array) < 2:
        return array
    steps = np.arange(len(array), dtype=np.float64)
    speed = np.exp(np.interp(steps[1:], np.linspace(1, steps[-1], knots), rng.normal(0.0, strength, knots)))  # [T-1]
    passed = np.concatenate([[0.0], np.cumsum(speed)])
    places = passed * (steps[-1] / passed[-1])  # [T], rises from 0 to T-1
    before = np.minimum(places.astype(np.int64), len(array) - 2)
    part = (places - before).astype(np.float32).reshape(-1, *[1] * (array.ndim - 1))
    warped: Array = array[before] * (1 - part) + array[before + 1] * part
    return warped


def channel_dropout(array: Array, rng: Generator, rate: float = 0.1) -> Array:
    """Whole channels set to 0, each with that probability, but never all of them."""
    kept = rng.random(array.shape[1:]) >= rate
    if not kept.any():
        return array
    return array * kept.astype(np.float32)


def symbol_dropout(ids: NDArray[np.int64], rng: Generator, unknown: int, rate: float = 0.05) -> NDArray[np.int64]:
    """Tokens or characters [T] that become the unknown one, each with that probability."""
    return np.where(rng.random(ids.shape) < rate, unknown, ids)


LIGHT: Final[tuple[Augmentation, ...]] = (jitter, scale)
STRONG: Final[tuple[Augmentation, ...]] = (window_slice, time_warp, shift, jitter, scale, channel_dropout)
STRENGTHS: Final[dict[str, Sequence[Augmentation]]] = {"none": (), "light": LIGHT, "strong": STRONG}
DROPPED: Final = {"none": 0.0, "light": 0.02, "strong": 0.1}


def augmented(array: Array, rng: Generator, strength: str) -> Array:
    """A sequence [T, C] after all augmentations of that strength: none, light or strong."""
    _check(strength)
    for change in STRENGTHS[strength]:
        array = change(array, rng)
    return array


def dropped(ids: NDArray[np.int64], rng: Generator, unknown: int, strength: str) -> NDArray[np.int64]:
    """Symbols [T], some of them unknown: none, 2 % (light) or 10 % (strong)."""
    _check(strength)
    return symbol_dropout(ids, rng, unknown, DROPPED[strength]) if DROPPED[strength] else ids


def _check(strength: Any) -> None:
    if strength not in STRENGTHS:
        raise SpecError(f"augment must be one of {', '.join(STRENGTHS)}, got {strength!r}; choose one of them")
