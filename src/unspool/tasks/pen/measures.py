"""How well a network foretells the pen: in nats, and by the squared error; and what a single Gaussian would reach."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unspool.data.sequence import mask
from unspool.nets.scribe import Scribe, shifted
from unspool.tasks.batches import by_length
from unspool.tasks.pen.batches import PenBatch
from unspool.tasks.pen.reading import PenData

READ, READ_POINTS = 128, 1 << 14  # samples and points that are read at once, of one sample at least


def measure(model: Scribe, data: PenData, gather: Callable[[NDArray[np.int64]], PenBatch]) -> dict[str, Any]:
    """Return nats a point, a sample and a character, and the squared error a point, as Graves (2013), tables 3 and 4.

    All in the standardised units of the offsets, so that other sizes and numbers of points are other numbers.
    """
    model.eval()
    nats = error = 0.0
    with torch.no_grad():
        for places in by_length(data.lengths, READ, READ_POINTS):
            points, lengths, memory = gather(places)
            raw = model(shifted(points), lengths=lengths, memory=memory).raw
            inside = mask(lengths, len(points)).t().to(points.device)  # [T, B]
            nats -= float(model.head.log_prob(raw, points)[inside].double().sum())
            error += float(model.head.squared_error(raw, points)[inside].double().sum())
    found: dict[str, Any] = {"validation_loss": nats / len(data.rows), "nats_per_sequence": nats / len(data)}
    if len(data.ids):
        found["nats_per_character"] = nats / len(data.ids)
    counts = {"sequences": len(data), "points": len(data.rows), "characters": len(data.ids)}
    return {**found, "squared_error": error / len(data.rows), **counts}


def gaussian(training: NDArray[np.float32], held: NDArray[np.float32]) -> float:
    r"""Return the nats a point of held-out rows [N, 3] under one normal distribution and one probability of an end.

    .. math:: L = \log 2 \pi + \frac{1}{2} \log |\Sigma| + \frac{1}{2} (x - \mu)^\top \Sigma^{-1} (x - \mu) + H(e)
    """
    known, asked = training.astype(np.float64), held.astype(np.float64)
    mean, covariance = known[:, :2].mean(axis=0), np.cov(known[:, :2].T, bias=True) + 1e-12 * np.eye(2)
    away = asked[:, :2] - mean
    distance = np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away).mean()
    end = (known[:, 2].sum() + 1) / (len(known) + 2)  # Laplace: never 0
    share = asked[:, 2].mean()
    entropy = -share * math.log(end) - (1 - share) * math.log(1 - end)
    return float(math.log(2 * math.pi) + 0.5 * np.linalg.slogdet(covariance)[1] + 0.5 * distance + entropy)
