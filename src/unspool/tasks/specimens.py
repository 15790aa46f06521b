"""What a network is shown when it is probed: a few windows of a text, or a few sequences, as one batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from unspool.data.labelled import Labelled
from unspool.data.stream import Window
from unspool.errors import DataError
from unspool.training.protocol import Specimen

if TYPE_CHECKING:
    from unspool.tasks.whole.whole import Whole

WINDOWS, SEQUENCES = 16, 32


def windows(ids: NDArray[Any], steps: int, noun: str) -> Specimen:
    """Windows spread evenly over a text; where it is long enough, `steps` symbols warm each of them up."""
    length = min(2 * steps + 1, len(ids) - 1)
    if length < 1:
        raise DataError(f"a probe needs at least 2 {noun}, got {len(ids)}; give a longer text")
    count = min(WINDOWS, (len(ids) - 1) // length)
    starts = np.linspace(0, len(ids) - 1 - length, count).astype(np.int64)
    cut = torch.from_numpy(np.stack([ids[start : start + length + 1] for start in starts]).astype(np.int64)).t()
    told = f"{count} window{'s' if count > 1 else ''} of {length} {noun}"
    return Specimen(
        Window(cut[:-1].contiguous(), cut[1:].contiguous(), True, 0), min(steps, length - 1), told
    )  # [T, B]


def sequences(task: Whole, data: Labelled, steps: int) -> Specimen:
    """Sequences spread evenly over the data; one without a label counts as what the network takes it for."""
    batch = task.gather(data, spread(data.lengths))
    if task.targets(data) is None:
        task.model.eval()
        with torch.no_grad():
            batch = batch._replace(labels=task.guesses(task.model(batch.values, batch.lengths)))
    return batch_specimen(batch, steps)


def spread(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of some sequences that have a step, spread evenly over all of them."""
    filled = np.flatnonzero(lengths > 0)
    if not len(filled):
        raise DataError("a probe needs a sequence with at least one step, got empty ones only; give others")
    return filled[np.linspace(0, len(filled) - 1, min(SEQUENCES, len(filled))).astype(np.int64)]


def batch_specimen(batch: Any, steps: int) -> Specimen:
    """A batch of sequences with its `lengths` [B]."""
    longest, count = int(batch.lengths.max()), len(batch.lengths)
    if longest < 1:
        raise DataError("no symbol of these texts is known to the model; give it texts like those it was trained on")
    told = f"{count} sequence{'s' if count > 1 else ''} of up to {longest} steps"
    return Specimen(batch, min(steps, longest - 1), told)
