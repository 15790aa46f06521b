"""How large, how slanted and how level a sample is written; from the way of the pen alone, in any script.

All rest on down runs: the parts of strokes along which y falls. They carry the letters' height and slant, where up
strokes mostly connect.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.data.pen.strokes import Points, Strokes

WOBBLE: Final = 0.2  # of the weighted median of heights
FOOT: Final = 0.3  # of it too: a shorter down run is a hook
FEET: Final = 6  # fewer do not tell a line's slope
WIDE: Final = 4.0  # sizes: neither does a sample less wide than this
PAIRS: Final = 120  # feet that are compared with each other; of more, every so many
STEEPEST: Final = 0.6  # about 30 degrees; what climbs more is no line of text


class Runs(NamedTuple):
    """Down runs: their heights [R], above 0, and the points [R, 2] where they begin and end."""

    heights: NDArray[np.float64]
    tops: Points
    feet: Points


def down_runs(sample: Strokes) -> Runs:
    """The maximal parts of strokes along which y never rises and somewhere falls."""
    falls = np.diff(sample.points[:, 1]) <= 0  # [N - 1]: of the step to the next point
    falls &= ~sample.last[:-1]
    edges = np.flatnonzero(np.diff(falls, prepend=False, append=False)).reshape(-1, 2)  # [R, 2]: first, last
    tops, feet = sample.points[edges[:, 0]], sample.points[edges[:, 1]]
    heights = tops[:, 1] - feet[:, 1]
    real = heights > 0
    return Runs(heights[real], tops[real], feet[real])


def size(sample: Strokes) -> float:
    """The height of the letters: the median height of down runs that are no wobble; 0 without any.

    A wobble is lower than a fifth of the median that weighs each run by its height. Strokes of small letters outnumber
    tall ones in most scripts, so that it lies near the x-height. It grows with the scale, and does not change with
    place or slant.
    """
    return _letters(down_runs(sample))


def slant(sample: Strokes) -> tuple[float, float]:
    """The shear s of x' = x - s y that makes down strokes upright, and the height of ink that it rests on.

    s = argmin sum_{dy < 0} |dx - s dy|, the median of dx / dy over falling steps weighted by |dy|. Shearing the
    sample by k changes s by k exactly.
    """
    dx, dy = np.diff(sample.points, axis=0).T
    falling = (dy < 0) & ~sample.last[:-1]
    if not falling.any():
        return 0.0, 0.0
    weights = -dy[falling]
    return weighted_median(dx[falling] / dy[falling], weights), float(weights.sum())


def slope(sample: Strokes) -> float:
    """The slope b of the line on which the letters stand; 0 where the sample is too short to tell.

    The median of (y_j - y_i) / (x_j - x_i) over pairs of feet (the ends of down runs that are no hooks) that lie at
    least a quarter of the width apart: Theil and Sen's regression, which descenders do not pull down as long as they
    are fewer than three in ten. Sen 1968, "Estimates of the regression coefficient based on Kendall's tau".
    """
    runs = down_runs(sample)
    feet = _feet(runs)
    width = float(np.ptp(sample.points[:, 0]))
    if len(feet) < FEET or width < WIDE * _letters(runs):
        return 0.0
    feet = feet[:: math.ceil(len(feet) / PAIRS)]
    dx, dy = (feet[None, :, axis] - feet[:, None, axis] for axis in (0, 1))
    apart = dx > width / 4
    found = float(np.median(dy[apart] / dx[apart])) if apart.any() else 0.0
    return found if abs(found) <= STEEPEST else 0.0


def baseline(sample: Strokes) -> float:
    """The height y at which the letters of a level sample stand: the middle of the shortest interval of half the feet.

    Least median of squares, which neither descenders nor high connections move as long as they are fewer than half:
    Rousseeuw 1984. Without feet, the lowest point.
    """
    heights = np.sort(_feet(down_runs(sample))[:, 1])
    if not len(heights):
        return float(sample.points[:, 1].min())
    half = len(heights) // 2
    lengths = heights[half:] - heights[: len(heights) - half]
    first = int(np.argmin(lengths))
    return float(heights[first] + heights[first + half]) / 2


def weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """The least value at which half the weight is reached."""
    order = np.argsort(values, kind="stable")
    heaped = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(heaped, heaped[-1] / 2)]])


def _letters(runs: Runs) -> float:
    heights = runs.heights
    if not len(heights):
        return 0.0
    return float(np.median(heights[heights >= WOBBLE * weighted_median(heights, heights)]))


def _feet(runs: Runs) -> Points:
    if not len(runs.heights):
        return runs.feet
    return runs.feet[runs.heights >= FOOT * weighted_median(runs.heights, runs.heights)]
