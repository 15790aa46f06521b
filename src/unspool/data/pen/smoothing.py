"""The steps that a coarse tablet's grid leaves in every curve, taken out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unspool.data.pen.strokes import Points, Strokes
from unspool.errors import SpecError

LEAST: Final = 0.05  # of all steps in x or y that are not 0: a coarse grid has far more of one unit
NEAR: Final = 8.0  # units: of longer steps, nobody can tell how many units they are
ASTRAY: Final = 0.125  # of a unit from the nearest whole number, on average; half of what steps of any length are
FINE: Final = 3  # places of a curve to a deviation
REACH: Final = 3.0  # deviations, beyond which the wider Gaussian is left out
NARROW: Final = 0.1  # median distances between points: what is narrower moves none visibly


def grain(sample: Strokes) -> float:
    """The unit q of the grid on which the device puts points, in the sample's units; 0 if there is none to be seen.

    Of the steps d = |dx| and |dy| > 0 between neighbours within strokes, the 5th percentile is a first guess of q. Then
    q = sum d n / sum n^2, n the whole number nearest to d / q, over the steps of at most 8 units, which corrects what
    was rounded once more. There is no grid where |d / q - n| is above 1 / 8 on average: steps of any length have 1 / 4.
    """
    steps = np.abs(np.diff(sample.points, axis=0))[~sample.last[:-1]]
    steps = np.sort(steps[steps > 0])
    if not len(steps):
        return 0.0
    guess = float(steps[int(LEAST * len(steps))])
    steps = steps[: np.searchsorted(steps, NEAR * guess, side="right")]
    units = np.maximum(1, np.round(steps / guess))
    unit = float(steps @ units / (units @ units))
    return unit if np.abs(steps / unit - units).mean() <= ASTRAY else 0.0


def smoothed(sample: Strokes, width: float) -> Strokes:
    """As many points, moved to p'(s) = sum_u K(u) p(s + u), with s the way along the stroke.

    K = 2 G_w - G_v, with G_w the Gaussian of deviation w = `width`, in the sample's units, and v = sqrt(2) w: what G_w
    takes away is smoothed too and put back, so that curves do not shrink. A stroke goes on beyond its ends as their
    reflection, p(-s) = 2 p(0) - p(s), so that its ends, and straight lines, stay where they are. A stroke shorter than
    w / 2 stays as it is, and so does a whole sample whose points lie more than 10 w apart, in the median.

    Raises:
        SpecError: the width is below 0 or not finite.
    """
    if not (width >= 0 and math.isfinite(width)):
        raise SpecError(f"the width of smoothing must be 0 or above, got {width}; choose another")
    steps = np.zeros(len(sample))
    steps[1:] = np.hypot(*np.diff(sample.points, axis=0).T)
    steps[sample.starts] = 0
    moved = steps[steps > 0]
    if not len(moved) or width < NARROW * float(np.median(moved)):
        return sample
    starts, ends = sample.starts, sample.ends
    stroke: NDArray[np.int64] = np.cumsum(sample.last) - sample.last  # [N]
    along = np.cumsum(steps)
    along -= along[starts][stroke]
    lengths = along[ends - 1]  # [S]
    share = along / np.where(lengths > 0, lengths, 1.0)[stroke]  # 0..1
    counts = np.maximum(1, np.round(lengths * (FINE / width))).astype(np.int64)  # [S]: equal parts of a stroke
    firsts = np.cumsum(counts + 1) - counts - 1
    place = firsts[stroke] + share * counts[stroke]  # among the ends of all parts of all strokes
    chord = (sample.points[ends - 1] - sample.points[starts])[stroke]
    bow = sample.points - sample.points[starts][stroke] - share[:, None] * chord  # [N, 2], 0 at both ends
    change = _change(bow, place, firsts, counts)
    change[starts] = change[ends - 1] = 0.0
    return replace(sample, points=sample.points + change)


def _change(
    bow: Points, place: NDArray[np.float64], firsts: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """K * bow - bow [N, 2], computed at equal distances."""
    kernel = _kernel()
    reach = len(kernel) // 2
    total = int((counts + 1).sum())
    padded = counts + 1 + 2 * reach
    stroke = np.repeat(np.arange(len(counts)), padded)
    offset = np.arange(len(stroke)) - (np.cumsum(padded) - padded)[stroke] - reach  # -reach..count + reach
    count = counts[stroke]
    fold = offset % (2 * count)
    turned = fold > count
    source = firsts[stroke] + np.where(turned, 2 * count - fold, fold)
    inner = (offset >= 0) & (offset <= count)
    change = np.empty_like(bow)
    for axis in (0, 1):
        even = np.interp(np.arange(total), place, bow[:, axis])
        wide = np.where(turned, -even[source], even[source])
        change[:, axis] = np.interp(place, np.arange(total), np.convolve(wide, kernel, "same")[inner] - even)
    return change


def _kernel() -> NDArray[np.float64]:
    """2 G_w - G_v, [2 R + 1], at a third of w from one value to the next."""
    reach = math.ceil(REACH * math.sqrt(2) * FINE)
    u = np.arange(-reach, reach + 1) / FINE
    narrow, wide = np.exp(-(u**2) / 2), np.exp(-(u**2) / 4)
    kernel: NDArray[np.float64] = 2 * narrow / narrow.sum() - wide / wide.sum()
    return kernel
