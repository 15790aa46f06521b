"""Classifiers of whole sequences, many-to-one: a text or channels over time in, a class out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from unspool.data.builtin import builtin_labelled
from unspool.data.labelled import Labelled, read_labelled, split
from unspool.data.memory import is_frame
from unspool.data.sequence import Buckets, Standardiser, pad
from unspool.data.sources import Text
from unspool.data.vocabulary import CharVocabulary, Vocabulary, vocabulary_from_dict
from unspool.errors import DataError, SpecError
from unspool.nets.pooled import PooledNet
from unspool.spec import replace
from unspool.tasks.classifier_options import ClassifierOptions
from unspool.tasks.confusion import confusion_matrix, draw_confusion, report
from unspool.tasks.dependent import check_dependent
from unspool.tasks.holdout import fraction_of, located
from unspool.tasks.sizing import classifier_sizing
from unspool.tasks.specimens import sequences
from unspool.training.folder import CONFUSION
from unspool.training.options import Budget, TrainingOptions
from unspool.training.protocol import Loss, Specimen, Task

FEW = 200  # held-out sequences below which the last model is kept: the best of many is chance
READ = 256  # sequences that are read at once without gradients


class Batch(NamedTuple):
    """Sequences side by side: values [T, B] or [T, B, C], lengths [B], labels [B]."""

    values: Tensor
    lengths: Tensor
    labels: Tensor


class Prediction(NamedTuple):
    """The likeliest class and the probability of each, in the order of `Classifier.classes`."""

    label: str
    probabilities: NDArray[np.float64]


class Classifier(Task):
    """A class for each sequence; the loss is the cross-entropy in nats a sequence."""

    name = "classifier"
    unit = "nats a sequence"
    noun = "sequences"
    Options: ClassVar[type[TrainingOptions]] = ClassifierOptions
    options: ClassifierOptions
    model: PooledNet

    def __init__(self, options: ClassifierOptions, classes: Sequence[str], encoding: Vocabulary | Standardiser) -> None:
        self.options, self.classes, self.encoding = options, tuple(classes), encoding
        self.training: Labelled | None = None
        self.held: Labelled | None = None
        self.split = ""
        self.class_weights = torch.ones(len(self.classes))

    @classmethod
    def prepare(
        cls,
        options: TrainingOptions,
        data: Any,
        budget: Budget | None = None,
        base: Task | None = None,
    ) -> Classifier:
        """Read labelled sequences, hold some out, and choose each option that is None from their number and length."""
        assert isinstance(options, ClassifierOptions)
        if base is None or options != base.options:  # a training that goes on was asked for before
            check_dependent(options)
        options = replace(options, validation=located(options.validation))
        known = base if isinstance(base, Classifier) else None
        whole = _read(options, data if _given(data) else builtin_labelled(), known.classes if known else None)
        fraction = fraction_of(options.validation)
        if fraction is None:
            training, held = whole, _read(options, [options.validation], whole.classes)
            told = f"validation on {Path(options.validation).name}"
        else:
            training, held = split(whole, fraction, options.seed)
            told = f"validation on {fraction:g} of each class, drawn by seed {options.seed}"
        task = cls(options, training.classes, known.encoding if known else _encoding_of(training))
        task._expect(training)
        task.training, task.held, task.split = training, held, told
        task.fingerprint = whole.fingerprint + (held.fingerprint if fraction is None else "")
        task.keeps = "best" if len(held.sequences) >= FEW else "last"
        task._resolve(budget)
        if task.options.class_weights == "balanced":
            counts = np.bincount(_labels(training), minlength=len(task.classes)).clip(min=1)
            task.class_weights = torch.tensor(counts.sum() / (len(counts) * counts), dtype=torch.float32)
        return task

    def _resolve(self, budget: Budget | None) -> None:
        assert self.training is not None
        o, lengths = self.options, self.training.lengths
        proposal = classifier_sizing(len(lengths))
        batch_size = min(o.batch_size or proposal.batch_size, len(lengths))
        per_epoch = -(-len(lengths) // batch_size)
        self.budget = budget or Budget("epochs", max(proposal.epochs, -(-proposal.steps // per_epoch)))
        hidden = o.hidden_size or proposal.hidden_size
        self.options = replace(
            o,
            cell=o.cell or "lstm",
            hidden_size=hidden,
            layers=o.layers or proposal.layers,
            dropout=proposal.dropout if o.dropout is None else o.dropout,
            learning_rate=o.learning_rate or proposal.learning_rate,
            batch_size=batch_size,
            pooling=o.pooling or proposal.pooling,
            embedding_size=(o.embedding_size or min(128, hidden)) if self.text else None,
        )

    @property
    def text(self) -> bool:
        """Whether the sequences are texts."""
        return isinstance(self.encoding, Vocabulary)

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        return self.model.output.weight.device

    def build(self) -> nn.Module:
        """Return a new network, its weights drawn from the seed."""
        o = self.options
        if None in (o.cell, o.hidden_size, o.layers, o.dropout, o.pooling):
            raise SpecError("a network is built from options that are all set; prepare the task with data first")
        size = len(self.encoding) if isinstance(self.encoding, Vocabulary) else len(self.encoding.mean)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(o.seed)
            return PooledNet(
                size,
                len(self.classes),
                cell=str(o.cell),
                hidden_size=int(o.hidden_size or 0),
                layers=int(o.layers or 0),
                embedding_size=int(o.embedding_size or 0),
                pooling=str(o.pooling),
                dropout=float(o.dropout or 0.0),
                recurrent_dropout=o.recurrent_dropout,
                bidirectional=o.bidirectional,
                skip=o.skip,
                peephole=o.peephole,
                reset=o.reset,
                nonlinearity=o.nonlinearity,
                precision=o.precision,
            )

    def batches(self) -> BatchesOf:
        """Return the training sequences in batches of like length."""
        assert self.training is not None
        order = Buckets(self.training.lengths, int(self.options.batch_size or 1), self.options.seed)
        return BatchesOf(self, self.training, order)

    def gather(self, data: Labelled, index: NDArray[np.int64]) -> Batch:
        """Return the named sequences as one padded batch."""
        values, lengths = pad([self.encode(data.sequences[i]) for i in index])
        if not values.shape[1]:  # nothing but empty sequences: the engine takes at least one step
            values = values.new_zeros(len(values), 1, *values.shape[2:])
        labels = np.zeros(len(index), np.int64) if data.labels is None else data.labels[index]
        return Batch(
            values.transpose(0, 1).contiguous().to(self.device),  # [T, B, ...]
            lengths.to(self.device),
            torch.from_numpy(labels).to(self.device),
        )

    def encode(self, sequence: Any) -> NDArray[Any]:
        """Return a text as ids [T], or channels [T, C] standardised as in training."""
        if isinstance(self.encoding, Vocabulary):
            return self.encoding.encode(sequence, self.options.unknown)
        return self.encoding.apply(sequence)

    def loss(self, batch: Batch, state: Any, generator: torch.Generator | None = None) -> Loss:
        """Return the summed, weighted cross-entropy."""
        raw = self.model(batch.values, batch.lengths, generator=generator)  # [B, classes]
        weights = self.class_weights.to(raw.device)
        total = functional.cross_entropy(raw, batch.labels, weights, reduction="sum")
        return Loss(total, len(batch.labels), None, {})

    def metrics(self) -> dict[str, Any]:
        """Return loss, accuracy, macro-F1 and the confusion matrix of the held-out sequences."""
        assert self.held is not None
        return self._measure(self.held)

    def _measure(self, data: Labelled) -> dict[str, Any]:
        labels = _labels(data)
        logs = self._log_probabilities(data)  # [N, classes]
        loss = float(-logs[np.arange(len(logs)), labels].mean())
        matrix = confusion_matrix(labels, logs.argmax(1), len(self.classes))
        return {"validation_loss": loss, **report(matrix), "confusion": matrix.tolist(), "sequences": len(logs)}

    def _log_probabilities(self, data: Labelled) -> NDArray[np.float64]:
        logs = np.empty((len(data.sequences), len(self.classes)))
        order = np.argsort(data.lengths, kind="stable")
        self.model.eval()
        with torch.no_grad():
            for first in range(0, len(order), READ):
                index = order[first : first + READ]
                batch = self.gather(data, index)
                logs[index] = self.model(batch.values, batch.lengths).double().log_softmax(-1).cpu().numpy()
        return logs

    def evaluate(self, data: Any) -> dict[str, Any]:
        """Return the metrics on other labelled sequences; of the training data, only the held-out part is used."""
        given = _read(self.options, data, self.classes)
        self._expect(given)
        fraction, told = fraction_of(self.options.validation), "the whole of the given data"
        if given.fingerprint == self.fingerprint and fraction is not None:
            (_, given), told = split(given, fraction, self.options.seed), self.split
        return {**self._measure(given), "classes": list(self.classes), "split": told}

    def predict(self, sequences: Any) -> list[Prediction]:
        """Return a prediction for each of a list of texts, of arrays [T, C] (or one array [N, T, C]), or of rows."""
        if isinstance(sequences, str | Text):
            raise DataError("predict takes a list of sequences, got one text; put it into a list")
        if not self.text or is_frame(sequences) or isinstance(sequences, Mapping):
            return self._predict(sequences, self.options.text_column)
        return self._predict({"text": list(sequences)}, "text")

    def predict_files(self, paths: Sequence[str]) -> list[Prediction]:
        """Return a prediction for each sequence in files, with labels or without."""
        return self._predict(list(paths), self.options.text_column)

    def _predict(self, data: Any, text_column: str | None) -> list[Prediction]:
        probabilities = np.exp(self._log_probabilities(self._given(data, text_column)))
        return [Prediction(self.classes[int(row.argmax())], row) for row in probabilities]

    def _given(self, data: Any, text_column: str | None, classes: Sequence[str] | None = None) -> Labelled:
        """Return sequences that need no labels."""
        if isinstance(data, Text):
            data, text_column = {"text": [data.text]}, "text"
        label_column = self.options.label_column
        given = read_labelled(data, text_column, label_column, classes=classes, require_labels=False)
        self._expect(given)
        return given

    def _expect(self, data: Labelled) -> None:
        if (data.kind == "text") != self.text:
            wanted = "texts" if self.text else "numeric sequences"
            raise DataError(f"this model reads {wanted}, got {data.kind} sequences; give it what it was trained on")
        if isinstance(self.encoding, Standardiser) and data.arrays[0].shape[1] != self.encoding.channels:
            came, known = data.arrays[0].shape[1], self.encoding.channels
            raise DataError(f"this model reads {known} channels, got {came}; give the same channels in the same order")

    def specimen(self, data: Any, steps: int) -> Specimen:
        """Return sequences spread over the data, with labels or without."""
        if data is None:
            assert self.held is not None
            return sequences(self, self.held, steps)
        return sequences(self, self._given(data, self.options.text_column, self.classes), steps)

    def validation_cost(self) -> float:
        """Return the held-out sequences over the training sequences."""
        assert self.training is not None and self.held is not None
        return len(self.held.sequences) / len(self.training.sequences)

    def describe(self) -> dict[str, Any]:
        """Return counts, classes and split."""
        if self.training is None or self.held is None:
            return {"classes": list(self.classes)}
        lengths = self.training.lengths
        return {
            "classes": list(self.classes),
            "training_sequences": len(lengths),
            "validation_sequences": len(self.held.sequences),
            "lengths": f"{lengths.min()} to {lengths.max()}, mean {lengths.mean():.1f}",
            "split": self.split,
        }

    def baseline(self) -> dict[str, float]:
        """Return the accuracy of simple classifiers on the same held-out sequences."""
        from unspool.tasks.baselines import accuracies  # only a training that is reported needs it

        assert self.training is not None and self.held is not None
        return accuracies(self.training, self.held)

    def metadata(self) -> dict[str, Any]:
        """Return the classes, and the vocabulary or scaling."""
        kind = "vocabulary" if self.text else "scaling"
        return {"classes": list(self.classes), kind: self.encoding.to_dict(), "split": self.split}

    @classmethod
    def from_metadata(cls, options: TrainingOptions, metadata: Mapping[str, Any]) -> Classifier:
        """Return the task of a model file."""
        assert isinstance(options, ClassifierOptions)
        stored = metadata.get("vocabulary")
        encoding = vocabulary_from_dict(stored) if stored else _scaling_of(metadata["scaling"])
        task = cls(options, [str(name) for name in metadata["classes"]], encoding)
        task.split = str(metadata.get("split", ""))
        return task

    def pictures(self, folder: Path, metrics: Mapping[str, Any]) -> list[Path]:
        """Draw the confusion matrix of the held-out sequences."""
        if "confusion" not in metrics:
            return []
        return [draw_confusion(np.array(metrics["confusion"]), self.classes, folder / CONFUSION)]


class BatchesOf:
    """The batches of some labelled sequences in the order of `Buckets`."""

    def __init__(self, task: Classifier, data: Labelled, order: Buckets) -> None:
        self.task, self.data, self.order = task, data, order
        self.steps_per_epoch = order.steps_per_epoch
        self.part: Callable[[int], range] = range
        self.rows, self.whole = range(0), 0  # of the last batch: those in it, and how many it has in all

    def divide(self, part: Callable[[int], range]) -> None:
        """Leave all but the rows `part(n)` of each batch of n to other processes."""
        self.part = part

    @property
    def epoch(self) -> int:
        """Epochs that are complete."""
        return self.order.epoch

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        batch = self.task.gather(self.data, next(self.order))  # padded to the longest of all, for equal noise
        self.rows, self.whole = self.part(len(batch.labels)), len(batch.labels)
        own = slice(self.rows.start, self.rows.stop)
        return Batch(batch.values[:, own].contiguous(), batch.lengths[own], batch.labels[own])

    def state_dict(self) -> dict[str, Any]:
        """Return the place in the data."""
        return dict(self.order.state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to a place."""
        self.order.load_state_dict(state)


def _scaling_of(stored: Mapping[str, Any]) -> Standardiser:
    scaling = Standardiser.from_dict(stored)
    usable = scaling.mean.ndim == 1 and scaling.mean.shape == scaling.std.shape
    if not usable or not np.isfinite(scaling.mean).all() or not ((scaling.std > 0) & np.isfinite(scaling.std)).all():
        raise DataError("a scaling holds a finite mean and a deviation above 0 for each channel, got something else")
    return scaling


def _given(data: Any) -> bool:
    return data is not None and not (isinstance(data, list) and not data)


def _read(options: ClassifierOptions, data: Any, classes: Sequence[str] | None = None) -> Labelled:
    if isinstance(data, Labelled):
        return data
    return read_labelled(data, options.text_column, options.label_column, classes=classes)


def _labels(data: Labelled) -> NDArray[np.int64]:
    assert data.labels is not None  # read_labelled refuses data without, unless told otherwise
    return data.labels


def _encoding_of(training: Labelled) -> Vocabulary | Standardiser:
    if training.kind == "text":
        return CharVocabulary.of([*training.texts, " "])
    return Standardiser.fit(training.arrays)
