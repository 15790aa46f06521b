"""How far apart two sequences are where time may pass faster in one of them: dynamic time warping."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

BAND: Final = 0.1  # of its length, by which time may be warped


def band(steps: int) -> int:
    """Return the width of the band, w, for sequences of T steps."""
    return max(1, round(BAND * steps))


def warped_distances(one: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    r"""Return the distances [N] by dynamic time warping of a sequence [T, C] from others [N, T, C].

    .. math:: D_{ij} = |a_i - b_j|^2 + \min(D_{i-1,j}, D_{i,j-1}, D_{i-1,j-1}), \quad |i - j| \le w

    The distance is :math:`\sqrt{D_{TT}}`, w a tenth of T, at least 1: Sakoe and Chiba 1978, Dynamic programming
    algorithm optimization for spoken word recognition, the symmetric form without weights.
    """
    steps, width = len(one), band(len(one))
    above = np.full((steps + 1, len(others)), np.inf, dtype=np.float32)  # D[i - 1], shifted by one
    above[0] = 0.0
    for i in range(steps):
        low, high = max(0, i - width), min(steps, i + width + 1)
        costs = np.square(others[:, low:high] - one[i]).sum(axis=2).T  # [high - low, N]
        row = np.full_like(above, np.inf)
        for j in range(low, high):
            row[j + 1] = costs[j - low] + np.minimum(np.minimum(above[j], above[j + 1]), row[j])
        above = row
    distances: NDArray[np.float32] = np.sqrt(above[steps])
    return distances
