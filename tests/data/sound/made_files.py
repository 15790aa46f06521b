"""Files of sound for tests, and a tone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile


def tone(rate=8000, seconds=0.5, hertz=440.0, level=0.5):
    """float32 [N]: a sine."""
    times = np.arange(round(rate * seconds)) / rate
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def noise(count=4000, seed=0):
    """float32 [count], its standard deviation 0.1."""
    return (np.random.default_rng(seed).standard_normal(count) * 0.1).astype(np.float32)


def saved(path: Path, samples=None, rate=8000, subtype=None, file_format=None):
    """The path, after the samples [N] or [N, C] were written there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(rate) if samples is None else samples, rate, subtype, format=file_format)
    return path
