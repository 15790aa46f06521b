"""From one rate of samples to another, whole or as they come: a polyphase low-pass filter, the library soxr."""

from __future__ import annotations

from typing import Any

import numpy as np

from unspool.data.sound.audio import Samples
from unspool.errors import MissingExtra


class Resampler:
    """Blocks at one rate in, blocks at another out; all of them are what the whole gives at once.

    The filter looks ahead by some milliseconds, so that what comes out lags behind; `finish` gives the rest. Its
    quality is soxr's "HQ": flat to 0.91 of the lower Nyquist frequency, 100 dB down beyond.

    Raises:
        MissingExtra: soxr is not installed, and the rates differ.
    """

    def __init__(self, source: int, target: int) -> None:
        self._stream = None if source == target else _library().ResampleStream(source, target, 1, dtype="float32")

    def accept(self, samples: Samples) -> Samples:
        """What samples [N] complete."""
        if self._stream is None:
            return samples
        found: Samples = self._stream.resample_chunk(np.ascontiguousarray(samples))
        return found

    def finish(self) -> Samples:
        """What is left; nothing may come after it."""
        if self._stream is None:
            return np.empty(0, np.float32)
        found: Samples = self._stream.resample_chunk(np.empty(0, np.float32), last=True)
        return found


def resampled(samples: Samples, source: int, target: int) -> Samples:
    """All samples [N] of a recording at another rate: [about N * target / source]."""
    if source == target:
        return samples
    resampler = Resampler(source, target)
    return np.concatenate([resampler.accept(samples), resampler.finish()])


def _library() -> Any:
    try:
        import soxr
    except ImportError as error:
        raise MissingExtra("sound of another rate needs soxr; pip install 'unspool[sound]'") from error
    return soxr
