"""Whether a score finds what is out of the ordinary: the area under its curve, and the simple score beside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unspool.errors import DataError

ROUNDING = 1e-12  # of a sum of squares: less of it is no variance


def auc(scores: NDArray[np.float64], anomalous: NDArray[np.bool_]) -> float:
    r"""Return the area under the receiver operating characteristic; both [N], NaN scores are left out.

    .. math:: P(s_a > s_n) + P(s_a = s_n) / 2

    for an anomaly a and a normal row n drawn at random: 0.5 by chance, 1 if all anomalies score higher.

    Source: Hanley and McNeil 1982, The meaning and use of the area under a receiver operating characteristic curve.

    Raises:
        DataError: all rows are anomalies, or none is.
    """
    known = ~np.isnan(scores)
    scores, anomalous = scores[known], np.asarray(anomalous, dtype=bool)[known]
    anomalies, normals = int(anomalous.sum()), int((~anomalous).sum())
    if not anomalies or not normals:
        raise DataError(
            f"an area under the curve needs anomalies and normal rows, got {anomalies} and {normals} with a score; "
            "mark some rows"
        )
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2)[place]  # from 1; equals share their mean rank
    return float((ranks[anomalous].sum() - anomalies * (anomalies + 1) / 2) / (anomalies * normals))


def z_scores(values: NDArray[np.float64], window: int | None = None) -> NDArray[np.float64]:
    r"""Return how many standard deviations each value lies from the mean of those before it, [T] or [T, C].

    .. math:: z_t = |y_t - \bar y_{<t}| / s_{<t}

    over the `window` steps before t, all of them if None. Only the past is looked at, as a stream allows. NaN where
    the value is missing or fewer than two came before; after values that never changed, 0 for the same one again.
    """
    known = np.isfinite(values)
    first = np.take_along_axis(values, known.argmax(0, keepdims=True), 0)  # taken off, so that squares lose less
    away = np.where(known, values - first, 0.0)
    count, total, squares = (_before(part, window) for part in (known.astype(np.float64), away, away**2))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / count
        variance = np.maximum(squares - count * mean**2, ROUNDING * squares) / (count - 1)
        distance = np.abs(away - mean)
        z: NDArray[np.float64] = np.where(distance > 0, distance / np.sqrt(variance), 0.0)
    return np.where(known & (count >= 2), z, np.nan)


def _before(numbers: NDArray[np.float64], window: int | None) -> NDArray[np.float64]:
    """Return the sum of the numbers before each, of `window` of them at most."""
    sums = np.concatenate([np.zeros_like(numbers[:1]), numbers.cumsum(0)])[:-1]
    if window is None:
        return sums
    dropped: NDArray[np.float64] = np.concatenate([np.zeros_like(sums[:window]), sums[:-window]])
    return sums - dropped
