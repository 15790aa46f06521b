"""Bézier curves: elliptical arcs as cubics, and curves as points.

A curve is its control points [d + 1, 2], of degree d = 1 (a line), 2 or 3: an affine map of them maps the curve.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from math import comb

import numpy as np
from numpy.typing import NDArray

from unspool.data.pen.strokes import Points


def flatten(curves: list[Points], tolerance: float) -> Points:
    """Points [N, 2] along curves of which each begins where the one before ends, nowhere off by more than tolerance.

    n = ceil(sqrt(d (d - 1) / 8 max_i |c_i - 2 c_{i+1} + c_{i+2}| / tolerance)) equal steps of t suffice for a curve of
    degree d (Wang's formula: Goldman 2003, "Pyramid Algorithms", section 5.6.3).
    """
    parts = [curves[0][:1]]
    for curve in curves:
        degree = len(curve) - 1
        bend = np.hypot(*np.diff(curve, n=2, axis=0).T).max(initial=0.0)
        steps = max(1, math.ceil(math.sqrt(degree * (degree - 1) / 8 * bend / tolerance)))
        parts.append(_along(curve, np.arange(1, steps + 1) / steps))
    return np.concatenate(parts)


def _along(curve: Points, t: NDArray[np.float64]) -> Points:
    """sum_i comb(d, i) (1 - t)^(d - i) t^i c_i, for t [n]."""
    degree = len(curve) - 1
    weights = np.stack([comb(degree, i) * (1 - t) ** (degree - i) * t**i for i in range(degree + 1)], axis=1)
    points: Points = weights @ curve
    points[-1] = curve[-1]
    return points


def arc(
    start: Points, radii: tuple[float, float], tilt: float, large: bool, sweep: bool, end: Points
) -> Iterator[Points]:
    """An SVG arc from start to end [2] as cubics of at most a quarter turn, off by less than 0.03 % of the radius.

    From the endpoints to the centre: SVG 1.1, appendix F.6.5 and, for radii that are too small, F.6.6. `tilt` in
    degrees.
    """
    rx, ry = abs(radii[0]), abs(radii[1])
    if (start == end).all():
        return
    if rx == 0 or ry == 0:
        yield np.stack([start, end])
        return
    angle = math.radians(tilt)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    x, y = turn.T @ (start - end) / 2
    grow = math.sqrt(max(1.0, (x / rx) ** 2 + (y / ry) ** 2))
    rx, ry = rx * grow, ry * grow
    under = (rx * ry) ** 2 / ((rx * y) ** 2 + (ry * x) ** 2) - 1
    side = math.sqrt(max(0.0, under)) * (-1 if large == sweep else 1)
    centre = side * np.array([rx * y / ry, -ry * x / rx])
    first = math.atan2((y - centre[1]) / ry, (x - centre[0]) / rx)
    second = math.atan2((-y - centre[1]) / ry, (-x - centre[0]) / rx)
    swept = (second - first) % (2 * math.pi) if sweep else -((first - second) % (2 * math.pi))
    middle = turn @ centre + (start + end) / 2
    pieces = max(1, math.ceil(abs(swept) / (math.pi / 2) - 1e-9))
    for number in range(pieces):
        unit = _unit_arc(first + swept * number / pieces, swept / pieces)
        piece = unit * [rx, ry] @ turn.T + middle
        piece[0], piece[-1] = (start if number == 0 else piece[0]), (end if number == pieces - 1 else piece[-1])
        yield piece


def _unit_arc(first: float, swept: float) -> Points:
    """A part of the unit circle as a cubic: handles of length 4/3 tan(swept / 4) along the tangents."""
    handle = 4 / 3 * math.tan(swept / 4)
    (c0, s0), (c1, s1) = ((math.cos(angle), math.sin(angle)) for angle in (first, first + swept))
    return np.array([[c0, s0], [c0 - handle * s0, s0 + handle * c0], [c1 + handle * s1, s1 - handle * c1], [c1, s1]])
