"""Points along the strokes, at equal or uneven distances, or at equal steps of time."""

from __future__ import annotations

from dataclasses import replace
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from unspool.data.pen.strokes import Strokes
from unspool.data.shuffle import normals
from unspool.errors import DataError, SpecError


def by_length(sample: Strokes, step: float, jitter: float = 0.0) -> Strokes:
    """Each stroke of length L as n = max(1, round(L / step)) steps along its way; its two ends stay where they are.

    Step i has the part w_i / (w_1 + ... + w_n) of the way, w_i = exp(jitter z_i), z_i standard normal: without jitter
    all are equal. The z_i depend on the text and the number of points of each stroke, so the same sample has the same
    steps again, wherever it lies and however large it is. A stroke without length is one point.
    """
    _check(step, "step")
    steps = np.hypot(*np.diff(sample.points, axis=0, prepend=sample.points[:1]).T)
    steps[sample.starts] = 0
    return _along(sample, np.cumsum(steps), step, jitter)


def by_time(sample: Strokes, rate: float) -> Strokes:
    """Each stroke of duration D as max(1, round(D rate)) equal steps of time; its two ends stay where they are."""
    _check(rate, "rate")
    if sample.times is None:
        raise DataError(
            "resampling by time needs times, but the sample has none; give strokes that were recorded with times"
        )
    return _along(sample, sample.times, 1 / rate)


def _along(sample: Strokes, along: NDArray[np.float64], step: float, jitter: float = 0.0) -> Strokes:
    """Points at steps of a parameter [N] that never falls within a stroke."""
    first, past = along[sample.starts], along[sample.ends - 1]
    counts = np.where(past > first, np.maximum(1, np.round((past - first) / step)), 0).astype(np.int64)  # [S]: steps
    stroke = np.repeat(np.arange(len(counts)), counts + 1)
    ends = np.cumsum(counts + 1)
    starts = ends - counts - 1
    weights = np.ones(ends[-1])
    if jitter:
        seed = crc32((sample.text or "").encode("utf-8", "surrogatepass"), crc32(sample.ends.astype("<i8").tobytes()))
        weights = np.exp(jitter * normals(ends[-1], seed, 0))
    weights[starts] = 0
    place = np.cumsum(weights)
    place -= place[starts][stroke]
    wanted = first[stroke] + (past - first)[stroke] * place / np.where(counts > 0, place[ends - 1], 1)[stroke]
    # each stroke gets its own stretch of one axis, so that one interpolation does for all
    stretch = float(past.max() - first.min()) + 1.0
    own = (np.cumsum(sample.last) - sample.last) * stretch + along
    new = stroke * stretch + wanted
    last = np.zeros(len(new), dtype=np.bool_)
    last[ends - 1] = True

    def interpolated(values: NDArray[np.float64]) -> NDArray[np.float64]:
        result: NDArray[np.float64] = np.interp(new, own, values)
        result[ends - 1], result[starts] = values[sample.ends - 1], values[sample.starts]
        return result

    return replace(
        sample,
        points=np.stack([interpolated(column) for column in sample.points.T], axis=1),
        last=last,
        times=None if sample.times is None else np.maximum.accumulate(interpolated(sample.times)),
        pressure=None if sample.pressure is None else interpolated(sample.pressure),
    )


def _check(value: float, name: str) -> None:
    if not value > 0:
        raise SpecError(f"the {name} of resampling must be above 0, got {value}; choose a positive number")
