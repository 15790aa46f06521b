"""Classifiers of whole sequences, many-to-one: a text or channels over time in, a class out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from unspool.data.builtin import builtin_labelled
from unspool.data.labelled import Labelled
from unspool.errors import DataError
from unspool.tasks.confusion import confusion_matrix, draw_confusion, report
from unspool.tasks.whole.calibration import (
    calibration_error,
    crossed,
    draw_reliability,
    fit_temperature,
    reliability,
    softened,
)
from unspool.tasks.whole.classifier_options import ClassifierOptions
from unspool.tasks.whole.options import WholeOptions
from unspool.tasks.whole.reading import Batch, Encoding, behind_name, encoding_from
from unspool.tasks.whole.whole import FEW, Whole
from unspool.training.options import TrainingOptions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Batch", "Classifier", "Prediction"]


class Prediction(NamedTuple):
    """The likeliest class and the probability of each, in the order of `Classifier.classes`."""

    label: str
    probabilities: NDArray[np.float64]


class Classifier(Whole):
    """A class for each sequence; the loss is the cross-entropy in nats a sequence.

    Probabilities are calibrated where at least 200 sequences are held out: scores are divided by a temperature that
    makes the held-out labels likeliest. `validation_loss` is that of the network as it is trained, without it.
    """

    name = "classifier"
    unit = "nats a sequence"
    Options: ClassVar[type[TrainingOptions]] = ClassifierOptions
    options: ClassifierOptions

    def __init__(self, options: ClassifierOptions, classes: Sequence[str], encoding: Encoding) -> None:
        super().__init__(options, encoding)
        self.classes, self.outputs = tuple(classes), len(classes)
        self.class_weights = torch.ones(len(self.classes))
        self.temperature = 1.0

    @classmethod
    def builtin(cls) -> Any:
        """Return lines of prose and of code."""
        return builtin_labelled()

    @classmethod
    def fitted(cls, options: WholeOptions, training: Labelled, encoding: Encoding, known: Self | None) -> Self:
        """Return the task with the classes of the training part, and their weights."""
        assert isinstance(options, ClassifierOptions)
        task = cls(options, training.classes, encoding)
        if options.class_weights == "balanced":
            counts = np.bincount(_labels(training), minlength=len(task.classes)).clip(min=1)
            task.class_weights = torch.tensor(counts.sum() / (len(counts) * counts), dtype=torch.float32)
        return task

    def known_classes(self) -> Sequence[str]:
        """Return the model's classes."""
        return self.classes

    def targets(self, data: Labelled) -> NDArray[np.int64] | None:
        """Return the place of each class among all."""
        return data.labels

    def cost(self, raw: Tensor, targets: Tensor) -> Tensor:
        """Return the weighted cross-entropy in nats."""
        return functional.cross_entropy(raw, targets, self.class_weights.to(raw.device), reduction="none")

    def decided(self, raw: Tensor) -> Tensor:
        r"""Return the log-odds of the likeliest class k against all others, :math:`z_k - \log \sum_{j \ne k} e^{z_j}`.

        Its own score alone would also lead back what raises all classes alike, and changes no answer.
        """
        best = raw.argmax(dim=1, keepdim=True)
        return raw.gather(1, best)[:, 0] - raw.scatter(1, best, -torch.inf).logsumexp(dim=1)

    def guesses(self, raw: Tensor) -> Tensor:
        """Return the likeliest class."""
        return raw.argmax(dim=1)

    def worded(self, raw: Tensor) -> list[dict[str, Any]]:
        """Return label and calibrated probabilities."""
        rows = (raw / self.temperature).softmax(dim=1)
        return [
            {"label": self.classes[place], "probabilities": dict(zip(self.classes, row, strict=True))}
            for place, row in zip(rows.argmax(dim=1).tolist(), rows.tolist(), strict=True)
        ]

    def told(self, answer: Mapping[str, Any]) -> str:
        """Return label and probability, behind the name of the sequence if it has one."""
        return behind_name(answer, f"{answer['label']}\t{answer['probabilities'][answer['label']]:.4f}")

    def predict(self, sequences: Any) -> list[Prediction]:
        """Return a prediction for each of a list of texts, of arrays [T, C] (or one array [N, T, C]), or of rows."""
        return self._predictions(self.sequences_of(sequences))

    def predict_files(self, paths: Sequence[str]) -> list[Prediction]:
        """Return a prediction for each sequence in files, with labels or without."""
        return self._predictions(self.unlabelled(list(paths)))

    def _predictions(self, data: Labelled) -> list[Prediction]:
        probabilities = np.exp(softened(self.raw(data), self.temperature))
        return [Prediction(self.classes[int(row.argmax())], row) for row in probabilities]

    def metrics(self) -> dict[str, Any]:
        """Return the metrics of the held-out sequences, and fit the temperature on them.

        What is told of calibrated probabilities is measured on one half with the temperature of the other.
        """
        assert self.held is not None
        logs, labels = softened(self.raw(self.held), 1.0), _labels(self.held)
        if not self.options.calibrate or len(labels) < FEW:
            return self._report(logs, labels, None)
        self.temperature = fit_temperature(logs, labels)
        return self._report(logs, labels, crossed(logs, labels))

    def measure(self, data: Labelled) -> dict[str, Any]:
        """Return loss, accuracy, macro-F1, confusion matrix and calibration; without a temperature only as trained."""
        logs = softened(self.raw(data), 1.0)
        calibrated = None if self.temperature == 1.0 else softened(logs, self.temperature)
        return self._report(logs, _labels(data), calibrated)

    def _report(
        self, logs: NDArray[np.float64], labels: NDArray[np.int64], calibrated: NDArray[np.float64] | None
    ) -> dict[str, Any]:
        matrix = confusion_matrix(labels, logs.argmax(axis=1), len(self.classes))
        bins = {"before": reliability(logs, labels)}
        told = {
            "validation_loss": float(-logs[np.arange(len(logs)), labels].mean()),
            **report(matrix),
            "confusion": matrix.tolist(),
            "sequences": len(logs),
            "temperature": self.temperature,
            "calibration_error": calibration_error(bins["before"]),
        }
        if calibrated is not None:
            bins["after"] = reliability(calibrated, labels)
            told["calibrated_error"] = calibration_error(bins["after"])
            told["calibrated_loss"] = float(-calibrated[np.arange(len(logs)), labels].mean())
        return {**told, "reliability": bins}

    def evaluate(self, data: Any) -> dict[str, Any]:
        """Return the metrics and the classes."""
        return {**super().evaluate(data), "classes": list(self.classes)}

    def figures(self, metrics: Mapping[str, Any]) -> dict[str, Callable[[], Figure]]:
        """Return the confusion matrix and the reliability of the probabilities."""
        if "confusion" not in metrics:
            return {}
        bins = metrics["reliability"]
        return {
            "confusion": lambda: draw_confusion(np.array(metrics["confusion"]), self.classes),
            "reliability": lambda: draw_reliability(bins["before"], bins.get("after")),
        }

    def describe(self) -> dict[str, Any]:
        """Return classes, counts and split."""
        return {"classes": list(self.classes), **super().describe()}

    def baseline(self) -> dict[str, float]:
        """Return the accuracy of simple classifiers on the same held-out sequences."""
        from unspool.tasks.whole.baselines import accuracies  # only a training that is reported needs it

        assert self.training is not None and self.held is not None
        return accuracies(self.training, self.held)

    def metadata(self) -> dict[str, Any]:
        """Return the classes, the vocabulary or scaling, and the temperature."""
        return {"classes": list(self.classes), **super().metadata(), "temperature": self.temperature}

    @classmethod
    def from_metadata(cls, options: TrainingOptions, metadata: Mapping[str, Any]) -> Classifier:
        """Return the task of a model file."""
        assert isinstance(options, ClassifierOptions)
        task = cls(options, [str(name) for name in metadata["classes"]], encoding_from(metadata))
        task.temperature = float(metadata.get("temperature", 1.0))
        if not 0.0 < task.temperature < np.inf:
            raise DataError(f"a temperature must be finite and above 0, got {task.temperature}; use a backup")
        return task.restored(metadata)


def _labels(data: Labelled) -> NDArray[np.int64]:
    assert data.labels is not None  # read_labelled refuses data without, unless told otherwise
    return data.labels
