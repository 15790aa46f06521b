"""What a network is shown when it is probed: a few windows of a text, or a few sequences, as one batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from unspool.data.corpus import read_corpus
from unspool.data.labelled import Labelled, read_labelled
from unspool.data.stream import Window
from unspool.errors import CheckpointError, DataError, SpecError
from unspool.tasks.classifier import Batch, Classifier
from unspool.tasks.language import Language
from unspool.train.folder import LAST, RunFolder
from unspool.train.protocol import Task

WINDOWS, SEQUENCES = 16, 32


class Shown(NamedTuple):
    """One batch for `task.loss`, how many steps back it can be followed, and what it is in words."""

    batch: Any
    steps: int
    told: str


def show(run: str, task: Task, data: list[str], text: str | None, steps: int) -> Shown:
    """Return what `unspool probe` looks at: the text, the files, or else what the run held out.

    Raises:
        SpecError: the task cannot be probed, or it does not read text.
        DataError: there is too little to read.
    """
    if isinstance(task, Language):
        return _windows(_ids(run, task, data, text), steps, task.noun)
    if isinstance(task, Classifier):
        if text is not None and not task.text:
            raise SpecError(f"--text needs a classifier of texts, {run} reads numeric sequences; give it files")
        return _sequences(task, _labelled(run, task, data, text), steps)
    raise SpecError(f"probe knows language models and classifiers, {run} is a {task.name}; give one of those")


def _ids(run: str, task: Language, data: list[str], text: str | None) -> NDArray[Any]:
    if text is not None:
        return task.vocabulary.encode(text, task.options.unknown)
    if not data:
        prepared = _prepared(run, task)
        assert isinstance(prepared, Language)
        return prepared.validation_ids
    return read_corpus(data, task.options.unit, task.vocabulary, task.options.unknown).ids


def _windows(ids: NDArray[Any], steps: int, noun: str) -> Shown:
    """Windows spread evenly over a text; where it is long enough, `steps` symbols warm each of them up."""
    length = min(2 * steps + 1, len(ids) - 1)
    if length < 1:
        raise DataError(f"a probe needs at least 2 {noun}, got {len(ids)}; give a longer text")
    count = min(WINDOWS, (len(ids) - 1) // length)
    starts = np.linspace(0, len(ids) - 1 - length, count).astype(np.int64)
    cut = torch.from_numpy(np.stack([ids[start : start + length + 1] for start in starts]).astype(np.int64)).t()
    told = f"{count} window{'s' if count > 1 else ''} of {length} {noun}"
    return Shown(Window(cut[:-1].contiguous(), cut[1:].contiguous(), True, 0), min(steps, length - 1), told)  # [T, B]


def _labelled(run: str, task: Classifier, data: list[str], text: str | None) -> Labelled:
    columns = (task.options.text_column, task.options.label_column)
    if text is not None:
        found = read_labelled({"text": [text]}, "text", None, require_labels=False)
    elif data:
        found = read_labelled(data, *columns, classes=task.classes, require_labels=False)
    else:
        prepared = _prepared(run, task)
        assert isinstance(prepared, Classifier) and prepared.held is not None
        found = prepared.held
    if (found.kind == "text") != task.text:
        wanted = "texts" if task.text else "numeric sequences"
        raise DataError(f"this model reads {wanted}, got {found.kind} sequences; give it what it was trained on")
    return found


def _sequences(task: Classifier, data: Labelled, steps: int) -> Shown:
    """Sequences spread evenly over the data; one without a label counts as what the network takes it for."""
    filled = np.flatnonzero(data.lengths > 0)
    if not len(filled):
        raise DataError("a probe needs a sequence with at least one step, got empty ones only; give others")
    places = filled[np.linspace(0, len(filled) - 1, min(SEQUENCES, len(filled))).astype(np.int64)]
    batch: Batch = task.gather(data, places)
    if data.labels is None:
        task.model.eval()
        with torch.no_grad():
            batch = batch._replace(labels=task.model(batch.values, batch.lengths).argmax(1))
    longest = int(batch.lengths.max())
    if longest < 1:
        raise DataError("no symbol of these texts is known to the model; give it texts like those it was trained on")
    told = f"{len(places)} sequence{'s' if len(places) > 1 else ''} of up to {longest} steps"
    return Shown(batch, min(steps, longest - 1), told)


def _prepared(run: str, task: Task) -> Task:
    """Return the task with the data that the run was trained on.

    Raises:
        CheckpointError: the data is not known any more, or has changed.
    """
    known = (Path(run) / LAST).is_file()
    sources = RunFolder.open(run).read_last()[1].get("sources") if known else None
    if sources is None:
        raise CheckpointError(
            f"{run} does not know the data it was trained on; name the DATA to probe it with, or --text"
        )
    prepared = type(task).prepare(task.options, sources, None, task)
    if prepared.fingerprint != task.fingerprint:
        raise CheckpointError(f"the data of {run} has changed since it was trained; name the DATA to probe it with")
    return prepared
