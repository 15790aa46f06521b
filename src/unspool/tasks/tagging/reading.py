"""What a trained tagger says of whole sequences: log-probabilities, the measures of them, and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.data.classes import UNSCORED
from unspool.data.stepwise import Stepwise
from unspool.errors import DataError
from unspool.nets.tagging import TaggingNet
from unspool.tasks.batches import by_length
from unspool.tasks.confusion import class_f1, confusion_matrix, report
from unspool.tasks.tagging.batches import Batch

READ, READ_STEPS = 256, 1 << 14  # sequences and steps that are read at once, of one sequence at least


class Part(NamedTuple):
    """Some of the sequences: their places in the data, their batch, and log-probabilities [T, B, K] in float64."""

    places: NDArray[np.int64]
    batch: Batch
    logs: Tensor


class Tagging(NamedTuple):
    """The likeliest label of each step [T], and the probabilities [T, K] in the order of `Tagger.classes`."""

    labels: list[str]
    probabilities: NDArray[np.float64]


def read_whole(
    model: TaggingNet, data: Stepwise, gather: Callable[[Stepwise, NDArray[np.int64]], Batch]
) -> Iterator[Part]:
    """Read whole sequences without gradients, those of like length together."""
    model.eval()
    with torch.no_grad():
        for places in by_length(data.lengths, READ, READ_STEPS):
            batch = gather(data, places)
            yield Part(places, batch, model(batch.values, batch.lengths).raw.double().log_softmax(-1))


def measure(parts: Iterable[Part], classes: Sequence[str]) -> dict[str, Any]:
    """Return loss, accuracy, macro-F1, F1 of each class and confusion matrix over all steps that have a label.

    Raises:
        DataError: no step has one.
    """
    matrix, nats, sequences = np.zeros((len(classes),) * 2, np.int64), 0.0, 0
    for places, batch, logs in parts:
        scored = batch.labels != UNSCORED
        truth, chosen = batch.labels[scored].cpu().numpy(), logs[scored].cpu().numpy()  # [n], [n, K]
        nats -= float(chosen[np.arange(len(truth)), truth].sum())
        matrix += confusion_matrix(truth, chosen.argmax(1), len(classes))
        sequences += len(places)
    if not matrix.any():
        raise DataError("a tagger is measured on steps that have a label, got none; add labels to some steps")
    f1 = {name: float(value) for name, value in zip(classes, class_f1(matrix), strict=True) if not np.isnan(value)}
    counts = {"sequences": sequences, "steps": int(matrix.sum())}
    loss = nats / counts["steps"]
    return {"validation_loss": loss, **report(matrix), "f1": f1, "confusion": matrix.tolist(), **counts}


def taggings(parts: Iterable[Part], classes: Sequence[str]) -> list[Tagging]:
    """Return what is said of each sequence, in the order of the data."""
    found: dict[int, Tagging] = {}
    for places, batch, logs in parts:
        for column, (place, length) in enumerate(zip(places.tolist(), batch.lengths.tolist(), strict=True)):
            probabilities = logs[:length, column].exp().cpu().numpy()  # [T, K]
            found[place] = Tagging([classes[k] for k in probabilities.argmax(1)], probabilities)
    return [found[place] for place in sorted(found)]
