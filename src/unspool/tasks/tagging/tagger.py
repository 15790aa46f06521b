"""Taggers, many-to-many and aligned: channels, pictures or symbols over time in, a label for every step out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from unspool.data.builtin import builtin_stepwise
from unspool.data.classes import UNSCORED
from unspool.data.groups import check_apart
from unspool.data.memory import is_frame
from unspool.data.sequence import Buckets, mask
from unspool.data.sources import Text
from unspool.data.stepwise import Stepwise, read_stepwise, split
from unspool.data.text import text_of
from unspool.errors import DataError, SpecError
from unspool.figure import save
from unspool.nets.tagging import TaggingNet
from unspool.spec import replace
from unspool.tasks.batches import Gathered
from unspool.tasks.confusion import draw_confusion
from unspool.tasks.dependent import check_dependent
from unspool.tasks.holdout import fraction_of, is_given, judged_on, listed, located, paths_of
from unspool.tasks.specimens import batch_specimen, spread
from unspool.tasks.tagging.batches import Batch, batch_of, cut
from unspool.tasks.tagging.encoding import Encoding, Symbols, encoding_from_dict, encoding_of
from unspool.tasks.tagging.options import TaggerOptions
from unspool.tasks.tagging.reading import Part, Tagging, measure, read_whole, taggings
from unspool.tasks.tagging.sizing import tagger_sizing
from unspool.tasks.whole.reading import check_columns, unmeasured
from unspool.training.options import Budget, TrainingOptions
from unspool.training.protocol import Loss, Specimen, Stepper, Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEW = 2000  # held-out labels below which the last model is kept: the best of many is chance


class Tagger(Task):
    """A label for every step of each sequence; the loss is the cross-entropy in nats a labelled step."""

    name = "tagger"
    unit = "nats a step"
    noun = "steps"
    Options: ClassVar[type[TrainingOptions]] = TaggerOptions
    options: TaggerOptions
    model: TaggingNet

    def __init__(self, options: TaggerOptions, classes: Sequence[str], encoding: Encoding) -> None:
        self.options, self.classes, self.encoding = options, tuple(classes), encoding
        self.training: Stepwise | None = None
        self.held: Stepwise | None = None
        self.split = ""
        self.class_weights = torch.ones(len(self.classes))

    @classmethod
    def prepare(
        cls,
        options: TrainingOptions,
        data: Any,
        budget: Budget | None = None,
        base: Task | None = None,
    ) -> Tagger:
        """Read labelled sequences, hold some out, and choose each option that is None from their number and length."""
        assert isinstance(options, TaggerOptions)
        if base is None or options != base.options:  # a training that goes on was asked for before
            check_dependent(options)
            check_columns(options, data)
        options = replace(options, validation=located(options.validation))
        known = base if isinstance(base, Tagger) else None
        classes, columns = (known.classes, known.encoding.columns) if known else (None, None)
        if not is_given(data):
            data = read_stepwise(builtin_stepwise(), group="module", classes=classes)
        whole = _read(options, data, classes, columns)
        fraction = fraction_of(options.validation)
        if fraction is None:
            training, held = whole, _read(options, [options.validation], whole.classes, whole.channels)
            _check_apart(options, data, training, held)
            told = f"validation on {Path(options.validation).name}"
        else:
            training, held = split(whole, fraction, options.seed)
            what = "the sequences" if whole.groups is None else "each class's steps, as near as whole groups allow"
            told = f"validation on {fraction:g} of {what}, drawn by seed {options.seed}"
        task = cls(options, training.classes, known.encoding if known else encoding_of(training))
        for part in (training, held):
            task.encoding.check(part)
        task.training, task.held, task.split = training, held, told
        task.fingerprint = whole.fingerprint + (held.fingerprint if fraction is None else "")
        task.keeps = "best" if len(_scored(held)) >= FEW else "last"
        task._resolve(budget)
        if task.options.class_weights == "balanced":
            counts = np.bincount(_scored(training), minlength=len(task.classes)).clip(min=1)
            task.class_weights = torch.tensor(counts.sum() / (len(counts) * counts), dtype=torch.float32)
        return task

    def _resolve(self, budget: Budget | None) -> None:
        assert self.training is not None
        o, pictures = self.options, self.encoding.pictures
        if o.encoder is not None and not pictures:
            raise SpecError(f"--encoder is for pictures [T, H, W], got {self.encoding.noun}; leave it out")
        encoder = (o.encoder or "conv") if pictures else None
        proposal = tagger_sizing(self.training.lengths, o.window)
        batch_size = o.batch_size or proposal.batch_size
        hidden = o.hidden_size or proposal.hidden_size
        embedded = isinstance(self.encoding, Symbols) or encoder == "conv"
        self.options = replace(
            o,
            cell=o.cell or "lstm",
            hidden_size=hidden,
            layers=o.layers or proposal.layers,
            dropout=proposal.dropout if o.dropout is None else o.dropout,
            learning_rate=o.learning_rate or proposal.learning_rate,
            window=proposal.window,
            batch_size=batch_size,
            encoder=encoder,
            embedding_size=(o.embedding_size or min(128, hidden)) if embedded else None,
        )
        per_epoch = -(-proposal.windows // batch_size)
        self.budget = budget or Budget("epochs", max(proposal.epochs, -(-proposal.updates // per_epoch)))

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        return self.model.output.weight.device

    def build(self) -> nn.Module:
        """Return a new network, its weights drawn from the seed."""
        o = self.options
        if None in (o.cell, o.hidden_size, o.layers, o.dropout):
            raise SpecError("a network is built from options that are all set; prepare the task with data first")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(o.seed)
            front, width = self.encoding.front(o.encoder, int(o.embedding_size or 0))
            return TaggingNet(
                front,
                width,
                len(self.classes),
                cell=str(o.cell),
                hidden_size=int(o.hidden_size or 0),
                layers=int(o.layers or 0),
                dropout=float(o.dropout or 0.0),
                recurrent_dropout=o.recurrent_dropout,
                bidirectional=not o.causal,
                skip=o.skip,
                peephole=o.peephole,
                reset=o.reset,
                nonlinearity=o.nonlinearity,
                precision=o.precision,
            )

    def batches(self) -> Gathered[Batch]:
        """Return the training sequences, cut into windows, in batches of like length."""
        assert self.training is not None and self.options.window is not None
        windows = cut(self.training, self.options.window)
        order = Buckets(windows.lengths, int(self.options.batch_size or 1), self.options.seed)

        def gather(index: NDArray[np.int64], generator: np.random.Generator) -> Batch:
            return self.gather(windows, index, generator)

        return Gathered(order, gather)

    def gather(self, data: Stepwise, index: NDArray[np.int64], generator: np.random.Generator | None = None) -> Batch:
        """Return the named sequences as one padded batch, augmented as the options ask where a generator is given."""
        encoded = [self.encoding.encode(data.sequences[i]) for i in index]
        if generator is not None:
            encoded = [self.encoding.varied(sequence, generator, self.options.augment) for sequence in encoded]
        labels = None if data.labels is None else [data.labels[i] for i in index]
        return batch_of(encoded, labels, self.device)

    def loss(self, batch: Batch, state: Any, generator: torch.Generator | None = None) -> Loss:
        """Return the summed, weighted cross-entropy over the steps that have a label."""
        raw = self.model(batch.values, batch.lengths, generator=generator).raw  # [T, B, K]
        weights = self.class_weights.to(raw.device)
        total = functional.cross_entropy(
            raw.flatten(0, 1), batch.labels.flatten(), weights, ignore_index=UNSCORED, reduction="sum"
        )
        return Loss(total, int((batch.labels != UNSCORED).sum()), None, {})

    def metrics(self) -> dict[str, Any]:
        """Return loss, accuracy, macro-F1, F1 of each class and the confusion matrix over the held-out steps."""
        assert self.held is not None
        return self._measure(self.held)

    def _measure(self, data: Stepwise) -> dict[str, Any]:
        return measure(self._read(data), self.classes)

    def _read(self, data: Stepwise) -> Iterator[Part]:
        return read_whole(self.model, data, self.gather)

    def evaluate(self, data: Any) -> dict[str, Any]:
        """Return the metrics on other labelled sequences; of the training data, only the held-out part is used."""
        given = _read(self.options, data, self.classes, self.encoding.columns)
        self.encoding.check(given)
        fraction, told = fraction_of(self.options.validation), self.split
        if given.fingerprint == self.fingerprint and fraction is not None:
            _, given = split(given, fraction, self.options.seed)
        else:
            told = judged_on(given.fingerprint, self.fingerprint, self.split)
        return {**self._measure(given), "classes": list(self.classes), "split": told}

    def predict(self, data: Any) -> list[Tagging]:
        """Return the labels of each of a list of arrays [T, ...], texts, or lists of tokens, or of rows of a table."""
        if isinstance(data, str | Text):
            raise DataError("predict takes a list of sequences, got one text; put it into a list")
        listed = not is_frame(data) and not isinstance(data, Mapping | Stepwise)
        return self._predict(self._given((list(data), None) if listed else data))

    def answers(self, data: Any) -> list[dict[str, Any]]:
        """Return labels [T] and probabilities [T, K] of each sequence, the K classes, and its name, if it has one."""
        given = self._given(data)
        return self._worded(given, self._predict(given))

    def _worded(self, given: Stepwise, found: Sequence[Tagging]) -> list[dict[str, Any]]:
        names = [{}] * len(given) if given.names is None else [{"sequence": name} for name in given.names]
        return [
            {
                **name,
                "labels": tagging.labels,
                "probabilities": tagging.probabilities.tolist(),
                "classes": list(self.classes),
            }
            for name, tagging in zip(names, found, strict=True)
        ]

    def told(self, answer: Mapping[str, Any]) -> str:
        """Return the labels of a sequence, a space between two of them, behind its name and a tab if it has one."""
        labels = " ".join(answer["labels"])
        return f"{answer['sequence']}\t{labels}" if "sequence" in answer else labels

    def draw_answers(self, data: Any, path: Path) -> list[dict[str, Any]]:
        """Draw sequences, the probabilities of the classes over time, and the chosen and the true label of a step.

        Returns the answers.
        """
        from unspool.tasks.tagging.picture import draw_tags

        given = self._given(data)
        found = self._predict(given)
        save(draw_tags([tagging.probabilities for tagging in found], self.classes, given), path)
        return self._worded(given, found)

    def _predict(self, given: Stepwise) -> list[Tagging]:
        return taggings(self._read(given), self.classes)

    def _given(self, data: Any, classes: Sequence[str] | None = None) -> Stepwise:
        """Return sequences that need no labels; without classes theirs do not matter."""
        if isinstance(data, Text):
            if not isinstance(self.encoding, Symbols):
                raise SpecError(f"--text needs a tagger of text, this one reads {self.encoding.noun}; give it files")
            data = ([self.encoding.steps_of(text_of(data))], None)
        given = _read(self.options, data, classes, self.encoding.columns, require_labels=False)
        self.encoding.check(given)
        return given

    def stepper(self) -> Stepper:
        """Return what labels a stream row by row.

        Raises:
            SpecError: the model reads sequences from both ends.
        """
        from unspool.tasks.tagging.stepper import TagStepper

        if not self.options.causal:
            raise SpecError(
                "a stream is labelled by a model that needs nothing of what comes later, but this one reads sequences "
                "from both ends; train it with --causal"
            )
        return TagStepper(self.model, self.encoding, self.classes)

    def specimen(self, data: Any, steps: int) -> Specimen:
        """Return sequences spread over the data, with labels or without."""
        given = self.held if data is None else self._given(data, self.classes)
        assert given is not None
        batch = self.gather(given, spread(given.lengths))
        if given.labels is None:  # then what the network takes each step for
            self.model.eval()
            with torch.no_grad():
                guess = self.model(batch.values, batch.lengths).raw.argmax(-1)
            batch = batch._replace(labels=guess.where(mask(batch.lengths, len(guess)).t(), UNSCORED))
        return batch_specimen(batch, steps)

    def validation_cost(self) -> float:
        """Return the held-out steps over the training steps."""
        assert self.training is not None and self.held is not None
        return float(self.held.lengths.sum() / max(1, self.training.lengths.sum()))

    def describe(self) -> dict[str, Any]:
        """Return counts, classes and split."""
        if self.training is None or self.held is None:
            return {"classes": list(self.classes)}
        lengths, constant = self.training.lengths, self.encoding.constant
        missing = unmeasured(self.classes, _scored(self.held))
        return {
            "classes": list(self.classes),
            **({"constant_channels": constant} if constant else {}),
            "training_sequences": len(lengths),
            "validation_sequences": len(self.held),
            "training_steps": len(_scored(self.training)),
            "validation_steps": len(_scored(self.held)),
            "lengths": f"{lengths.min()} to {lengths.max()}, mean {lengths.mean():.1f}",
            "split": self.split,
            **({"not_held_out": missing} if missing else {}),
        }

    def baseline(self) -> dict[str, float]:
        """Return the accuracy of answers that look at one step alone, over the same held-out steps."""
        from unspool.tasks.tagging.baselines import accuracies  # only a training that is reported needs it

        assert self.training is not None and self.held is not None
        return accuracies(self.training, self.held, self.encoding)

    def metadata(self) -> dict[str, Any]:
        """Return the classes, and how a step is read."""
        return {"classes": list(self.classes), "encoding": self.encoding.to_dict(), "split": self.split}

    @classmethod
    def from_metadata(cls, options: TrainingOptions, metadata: Mapping[str, Any]) -> Tagger:
        """Return the task of a model file."""
        assert isinstance(options, TaggerOptions)
        task = cls(options, [str(name) for name in metadata["classes"]], encoding_from_dict(metadata["encoding"]))
        task.split = str(metadata.get("split", ""))
        return task

    def figures(self, metrics: Mapping[str, Any]) -> dict[str, Callable[[], Figure]]:
        """Return the confusion matrix."""
        if "confusion" not in metrics:
            return {}
        return {"confusion": lambda: draw_confusion(np.array(metrics["confusion"]), self.classes, "steps")}


def _read(
    options: TaggerOptions,
    data: Any,
    classes: Sequence[str] | None,
    columns: Sequence[str] | None,
    *,
    require_labels: bool = True,
) -> Stepwise:
    if isinstance(data, Stepwise):
        return data
    return read_stepwise(
        data,
        options.text_column,
        options.label_column,
        key=options.key,
        group=options.group if require_labels else None,
        channels=columns,
        classes=classes,
        require_labels=require_labels,
    )


def _check_apart(options: TaggerOptions, data: Any, training: Stepwise, held: Stepwise) -> None:
    if options.validation in (paths_of(listed(data)) or []):
        raise DataError(
            f"validation must be on other data than the training, but {Path(options.validation).name} is among the "
            "training files; name another file, or a fraction to hold out"
        )
    check_apart(training, held, Path(options.validation).name)


def _scored(data: Stepwise) -> NDArray[np.int64]:
    """The labels of all steps that have one."""
    labels: NDArray[np.int64] = np.concatenate(data.labels or [np.empty(0, np.int64)])
    return labels[np.flatnonzero(labels != UNSCORED)]
