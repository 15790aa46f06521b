"""The pen's way through the points of a stroke, as Bézier curves."""

from __future__ import annotations

import numpy as np

from unspool.data.pen.curves import flatten
from unspool.data.pen.strokes import Points


def smooth(points: Points) -> list[Points]:
    """The centripetal Catmull-Rom curve through points [n, 2], a cubic [4, 2] between each two; a dot has none.

    Between p1 and p2, with p0 before and p3 behind and d_i = |p_i - p_{i-1}|^(1/2),
    b1 = (d1^2 p2 - d2^2 p0 + (2 d1^2 + 3 d1 d2 + d2^2) p1) / (3 d1 (d1 + d2)), b2 the same from the other side.
    At the ends, where a neighbour is missing, b1 = p1 and b2 = p2. It makes no loops or cusps within a segment.

    Yuksel, Schaefer and Keyser 2011, "Parameterization and applications of Catmull-Rom curves", section 2, alpha = 1/2.
    """
    distinct = points[np.append(True, np.diff(points, axis=0).any(axis=1))]
    root = np.sqrt(np.hypot(*np.diff(distinct, axis=0).T))  # [n - 1]
    starts, ends = distinct[:-1].copy(), distinct[1:].copy()
    if len(distinct) > 2:
        starts[1:] = _handle(distinct[:-2], distinct[1:-1], distinct[2:], root[:-1, None], root[1:, None])
        ends[:-1] = _handle(distinct[2:], distinct[1:-1], distinct[:-2], root[1:, None], root[:-1, None])
    return list(np.stack([distinct[:-1], starts, ends, distinct[1:]], axis=1))


def _handle(p0: Points, p1: Points, p2: Points, d1: Points, d2: Points) -> Points:
    """b1 for many segments at once: p [n, 2], d [n, 1]."""
    weighted = d1**2 * p2 - d2**2 * p0 + (2 * d1**2 + 3 * d1 * d2 + d2**2) * p1
    handle: Points = weighted / (3 * d1 * (d1 + d2))
    return handle


def drawn(points: Points, tolerance: float) -> Points:
    """Points [m, 2] along the smooth curve, off by no more than tolerance; all points of the stroke are among them."""
    curves = smooth(points)
    return flatten(curves, tolerance) if curves else points[:1]


def length(points: Points) -> float:
    """The way of the pen: sum of |p_t - p_{t-1}|."""
    return float(np.hypot(*np.diff(points, axis=0).T).sum())
