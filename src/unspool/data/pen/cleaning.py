"""What devices leave in pen data, taken out: spikes, pen lifts that were lost, points that say nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unspool.data.pen.strokes import Strokes

SPIKE: Final = 2.0  # heights out and back between two points
JUMP: Final = 4.0  # heights from one point to the next
UNUSUAL: Final = 10.0  # times the median step: a drawing of few long lines is no error


def cleaned(sample: Strokes) -> Strokes:
    """Without outliers and repeated points; in what is left, no point has moved.

    With h the interquartile range of y, which lies near the x-height and which no outlier moves, m the median step and
    d_t = |p_t - p_{t-1}| within a stroke:

    - p_t is a spike where d_t and d_{t+1} both exceed max(2 h, 10 m) and |p_{t+1} - p_{t-1}| is less than half of
      either: the device was wrong once. It is removed.
    - d_t > max(4 h, 10 m) is a jump: no pen moves so fast on paper. The stroke ends before it.
    - p_t = p_{t-1} within a stroke says nothing. It is removed.
    """
    steps = _steps(sample)
    moved = steps[steps > 0]
    unusual = UNUSUAL * float(np.median(moved)) if len(moved) else 0.0
    if (steps > unusual).any():
        sample = _mended(sample, steps, unusual)
    repeated = np.zeros(len(sample), dtype=np.bool_)
    repeated[1:] = ~sample.last[:-1] & (sample.points[1:] == sample.points[:-1]).all(axis=1)
    return sample.select(~repeated) if repeated.any() else sample


def _mended(sample: Strokes, steps: NDArray[np.float64], unusual: float) -> Strokes:
    """Without spikes, and cut at jumps."""
    low, high = np.percentile(sample.points[:, 1], (25, 75))
    height = float(high - low)
    spikes = _spikes(sample, steps, max(SPIKE * height, unusual))
    if spikes.any():
        sample = sample.select(~spikes)
        steps = _steps(sample)
    jumps = np.append(steps[1:] > max(JUMP * height, unusual), False)
    return replace(sample, last=sample.last | jumps) if jumps.any() else sample


def _steps(sample: Strokes) -> NDArray[np.float64]:
    """d_t [N], 0 at the first point of a stroke."""
    steps = np.zeros(len(sample))
    steps[1:] = np.hypot(*(sample.points[1:] - sample.points[:-1]).T)
    steps[sample.starts] = 0
    return steps


def _spikes(sample: Strokes, steps: NDArray[np.float64], least: float) -> NDArray[np.bool_]:
    spikes = np.zeros(len(sample), dtype=np.bool_)
    if len(sample) > 2:
        shorter = np.minimum(steps[1:-1], steps[2:])  # 0 where a stroke ends on either side
        across = np.hypot(*(sample.points[2:] - sample.points[:-2]).T)
        spikes[1:-1] = (shorter > least) & (across < shorter / 2)
    return spikes
