"""Features of a sequence, varied at every visit: parts of time and of frequency hidden, and another speed.

Park et al., "SpecAugment: a simple data augmentation method for automatic speech recognition", Interspeech 2019
(arXiv:1904.08779), section 2, without its time warping, which gained least; widths are shares of the axis as in Park et
al., "SpecAugment on large scale datasets", ICASSP 2020 (arXiv:1912.05533).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from unspool.errors import SpecError

TIME_WIDEST: Final = 0.1  # of the steps
BANDS_WIDEST: Final = 0.2  # of the channels; the paper's policy SM has 15 of 80


def masked(
    features: NDArray[np.float32], generator: Generator, *, time: int = 0, bands: int = 0
) -> NDArray[np.float32]:
    """Features [T, C] with so many masks of steps and of bands set to 0, the mean of what is standardised.

    Each mask hides n of the N places of its axis from n_0 on: n uniform on 0, ..., floor(w N) with w = 0.1 for steps
    and 0.2 for bands, n_0 uniform on 0, ..., N - n. Masks may overlap; those on bands are for channels whose
    neighbours are alike, such as frequencies.
    """
    steps, channels = features.shape
    hidden = _hidden(steps, time, TIME_WIDEST, generator)[:, None] | _hidden(channels, bands, BANDS_WIDEST, generator)
    return np.where(hidden, np.float32(0), features)


def _hidden(size: int, number: int, widest: float, generator: Generator) -> NDArray[np.bool_]:
    """Which places [N] of an axis lie under a mask."""
    hidden = np.zeros(size, np.bool_)
    for _ in range(number):
        width = int(generator.integers(0, int(widest * size) + 1))
        start = int(generator.integers(0, size - width + 1))
        hidden[start : start + width] = True
    return hidden


def respeeded(features: NDArray[Any], factor: float) -> NDArray[Any]:
    """Features [T, C] passed `factor` times as fast: [T / factor, rounded, at least 1], linear between steps.

    The first and the last step stay; no steps stay none.

    Raises:
        SpecError: the factor is not above 0.
    """
    if not 0 < factor < float("inf"):
        raise SpecError(f"a speed must be a finite factor above 0, got {factor}; 0.9 to 1.1 is usual")
    steps = len(features)
    if steps < 2 or factor == 1:
        return features
    places = np.linspace(0, steps - 1, max(round(steps / factor), 1))
    before = np.minimum(places.astype(np.int64), steps - 2)
    part = (places - before).astype(features.dtype)[:, None]
    passed: NDArray[Any] = features[before] * (1 - part) + features[before + 1] * part
    return passed
