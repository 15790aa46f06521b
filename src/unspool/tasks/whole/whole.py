"""What tasks share that read a whole sequence and give one answer: a class, or a number."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unspool.data.augment import augmented, dropped
from unspool.data.labelled import Labelled, split
from unspool.data.memory import is_frame
from unspool.data.sequence import Buckets, mask, pad
from unspool.data.sources import Text
from unspool.data.vocabulary import CharVocabulary, Vocabulary
from unspool.errors import DataError, SpecError
from unspool.figure import save
from unspool.nets.pooled import PooledNet
from unspool.spec import replace
from unspool.tasks.batches import Gathered, by_length
from unspool.tasks.dependent import check_dependent, check_kind
from unspool.tasks.holdout import fraction_of, is_given, judged_on, located
from unspool.tasks.specimens import sequences
from unspool.tasks.whole.committee import Committee, built
from unspool.tasks.whole.options import WholeOptions, check_frame, check_together
from unspool.tasks.whole.reading import (
    READ,
    READ_STEPS,
    Batch,
    Encoding,
    channels_from,
    check_columns,
    encoding_of,
    read,
    read_validation,
    remarks,
    told_split,
    with_names,
)
from unspool.tasks.whole.saliency import DRAWN, Saliency, draw_saliency, saliencies
from unspool.tasks.whole.sizing import WholeSizing, whole_sizing
from unspool.tasks.whole.stepper import WholeStepper
from unspool.training.options import Budget, TrainingOptions
from unspool.training.protocol import Loss, Specimen, Task

FEW = 200  # held-out sequences below which the last model is kept: the best of many is chance
LONG = 50  # steps of the longest sequence from which on gates begin with long memories, where only the last step counts


class Whole(Task):
    """One answer for each sequence. What the answer is, what it costs and how it is told is left to the subclass."""

    noun = "sequences"
    options: WholeOptions
    model: PooledNet | Committee
    numbers: ClassVar[bool] = False  # whether labels are numbers, not classes
    both_ends: ClassVar[bool] = True  # whether sequences are read from both ends, unless an option says otherwise
    outputs: int  # numbers that the network gives for one answer

    def __init__(self, options: WholeOptions, encoding: Encoding) -> None:
        self.options, self.encoding = options, encoding
        self.training: Labelled | None = None
        self.held: Labelled | None = None
        self.split = ""
        self.channels: tuple[str, ...] | None = None  # columns that a table's numbers came from
        self.longest = 0  # training sequence

    @classmethod
    @abstractmethod
    def builtin(cls) -> Any:
        """Return examples for a training without any data."""

    @classmethod
    @abstractmethod
    def fitted(cls, options: WholeOptions, training: Labelled, encoding: Encoding, known: Self | None) -> Self:
        """Return the task for the training part; where `known` is continued, it answers as that one does."""

    @abstractmethod
    def targets(self, data: Labelled) -> NDArray[Any] | None:
        """Return the right answers [N] as `cost` takes them, None where the data has none."""

    @abstractmethod
    def cost(self, raw: Tensor, targets: Tensor) -> Tensor:
        """Return the loss [B] of answers [B, outputs]."""

    @abstractmethod
    def decided(self, raw: Tensor) -> Tensor:
        """Return the number [B] that stands for the answer, to be led back to the input."""

    @abstractmethod
    def worded(self, raw: Tensor) -> list[dict[str, Any]]:
        """Return answers [B, outputs] ready for JSON."""

    @abstractmethod
    def guesses(self, raw: Tensor) -> Tensor:
        """Return answers [B, outputs] as targets [B]."""

    @abstractmethod
    def measure(self, data: Labelled) -> dict[str, Any]:
        """Return the metrics on data."""

    @classmethod
    def prepare(
        cls, options: TrainingOptions, data: Any, budget: Budget | None = None, base: Task | None = None
    ) -> Self:
        """Read labelled sequences, hold some out, and choose each option that is None from their number and length."""
        assert isinstance(options, WholeOptions)
        if base is None or options != base.options:  # a training that goes on was asked for before
            check_dependent(options)
            check_together(options)
            check_columns(options, data)
        options = replace(options, validation=located(options.validation))
        known = base if isinstance(base, cls) else None
        if known is not None:  # which may be from before there were several networks or n-grams
            ngrams = options.ngrams or (1 if known.text else None)
            options = replace(options, members=options.members or 1, ngrams=ngrams)
        classes = known.known_classes() if known else None
        names = known.channels if known else None
        whole = read(cls.numbers, options, data if is_given(data) else cls.builtin(), classes, names)
        if base is None or options != base.options:
            check_kind(options, whole.kind)
        fraction = fraction_of(options.validation)
        if fraction is None:
            training, held = whole, read_validation(cls.numbers, options, data, whole)
            told = f"validation on {Path(options.validation).name}"
        else:
            training, held = split(whole, fraction, options.seed)
            told = told_split(whole, held, fraction, options.seed)
        task = cls.fitted(options, training, known.encoding if known else encoding_of(training), known)
        task.expect(training)
        task.training, task.held, task.split, task.channels = training, held, told, whole.channels
        task.fingerprint = whole.fingerprint + (held.fingerprint if fraction is None else "")
        task.keeps = "best" if len(held) >= FEW else "last"
        task.longest = int(training.lengths.max())
        if known is None:  # which reads frames of its own, of whatever comes
            check_frame(options, task.longest)
        task._resolve(budget)
        return task

    def known_classes(self) -> Sequence[str] | None:
        """Return the classes that labels must be among, None where labels are numbers."""
        return None

    def sized(self, proposal: WholeSizing) -> WholeSizing:
        """Return the proposal as it suits the answers."""
        return proposal

    def _resolve(self, budget: Budget | None) -> None:
        assert self.training is not None
        o, lengths = self.options, self.training.lengths
        onward = o.causal or not self.both_ends  # read as it comes, step by step, and answered at the end
        framed = not onward and o.encoder != "conv" and o.frame != 1
        asked = {"text": self.text, "apart": o.flatten, "framed": framed}
        proposal = self.sized(whole_sizing(lengths, self.width, budget=budget, **asked))
        batch_size = min(o.batch_size or proposal.batch_size, len(lengths))
        per_epoch = -(-len(lengths) // batch_size)
        epochs = max(proposal.epochs, -(-proposal.updates // per_epoch))
        self.budget = budget or proposal.budget or Budget("epochs", epochs)
        hidden = o.hidden_size or proposal.hidden_size
        pooling = o.pooling or ("last" if onward else proposal.pooling)
        members = o.members or max(1 if onward else proposal.members, 2 if o.encoder == "both" else 1)
        encoder = o.encoder or ("linear" if onward or (o.frame or 1) > 1 else proposal.encoder)
        encoder = "linear" if encoder == "both" and members == 1 else encoder
        frame = o.frame or (1 if onward or encoder == "conv" else proposal.frame)
        remembers = pooling == "last" and frame == 1 and encoder == "linear" and self.longest >= LONG
        self.options = replace(
            o,
            cell=o.cell or "lstm",
            hidden_size=hidden,
            layers=o.layers or proposal.layers,
            dropout=proposal.dropout if o.dropout is None else o.dropout,
            learning_rate=o.learning_rate or proposal.learning_rate,
            batch_size=batch_size,
            pooling=pooling,
            bidirectional=not onward if o.bidirectional is None else o.bidirectional,
            augment=o.augment or proposal.augment,
            encoder=encoder,
            frame=frame,
            members=members,
            init=o.init or ("chrono" if remembers and o.cell != "rnn" else "plain"),
            embedding_size=(o.embedding_size or min(128, hidden)) if self.text else None,
            ngrams=(o.ngrams or (1 if onward else proposal.ngrams)) if self.text else None,
        )

    @property
    def text(self) -> bool:
        """Whether the sequences are texts."""
        return isinstance(self.encoding, Vocabulary)

    @property
    def unknown(self) -> Literal["fail", "skip", "replace"]:
        """What becomes of unknown characters; with `--causal` none is skipped, for in a stream each is a step."""
        skipped = self.options.causal and self.options.unknown == "skip"
        return "replace" if skipped else self.options.unknown

    @property
    def width(self) -> int:
        """Number of symbols, or of channels."""
        return len(self.encoding) if isinstance(self.encoding, Vocabulary) else self.encoding.channels

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        return next(self.model.parameters()).device

    def build(self) -> nn.Module:
        """Return a new network, its weights drawn from the seed."""
        return built(self.options, self.width, self.outputs, self.longest)

    def batches(self) -> Gathered[Batch]:
        """Return the training sequences in batches of like length, varied as `--augment` says."""
        training = self.training
        assert training is not None
        order = Buckets(training.lengths, int(self.options.batch_size or 1), self.options.seed)
        return Gathered(order, lambda index, rng: self.gather(training, index, rng))

    def gather(self, data: Labelled, index: NDArray[np.int64], rng: np.random.Generator | None = None) -> Batch:
        """Return the named sequences as one padded batch; with a generator they are varied."""
        encoded = [self.encode(data.sequences[i]) for i in index]
        if rng is not None:
            encoded = [self._varied(sequence, rng) for sequence in encoded]
        values, lengths = pad(encoded)
        if not values.shape[1]:  # nothing but empty sequences: the engine takes at least one step
            values = values.new_zeros(len(values), 1, *values.shape[2:])
        targets = self.targets(data)
        labels = np.zeros(len(index), np.int64) if targets is None else targets[index]
        return Batch(
            values.transpose(0, 1).contiguous().to(self.device),  # [T, B, ...]
            lengths.to(self.device),
            torch.from_numpy(labels).to(self.device),
        )

    def encode(self, sequence: Any) -> NDArray[Any]:
        """Return a text as ids [T], or channels [T, C] standardised as in training."""
        if isinstance(self.encoding, Vocabulary):
            return self.encoding.encode(sequence, self.unknown)
        return self.encoding.apply(sequence) if len(sequence) else np.zeros((0, self.width), np.float32)

    def _varied(self, encoded: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        strength = self.options.augment or "none"
        if isinstance(self.encoding, CharVocabulary):
            return dropped(encoded, rng, self.encoding.replacement, strength)
        return augmented(encoded, rng, strength)

    def loss(self, batch: Batch, state: Any, generator: torch.Generator | None = None) -> Loss:
        """Return the summed loss; with `--causal` that of the last step plus the mean over all steps, a sequence."""
        if not self.options.causal:
            return Loss(self._costs(batch, generator).sum(), batch.size, None, {})
        assert isinstance(self.model, PooledNet)
        every = self.model.every_step(batch.values, batch.lengths, generator=generator)  # [T, B, outputs]
        steps = len(every)
        costs = self.cost(every.flatten(0, 1), batch.labels.repeat(steps)).view(steps, -1)  # [T, B]
        counted = mask(batch.lengths, steps).t()
        last = costs.gather(0, (batch.lengths - 1).clamp(min=0)[None])[0]
        mean = (costs * counted).sum(0) / batch.lengths.clamp(min=1)
        return Loss((last + mean).sum(), batch.size, None, {})

    def _costs(self, batch: Batch, generator: torch.Generator | None) -> Tensor:
        """Return the loss [B] of each sequence, the mean of what each network has for itself.

        A network's gradient is a share of its own, which AdamW does not see; clipping measures all of them together.
        """
        if not isinstance(self.model, Committee):
            return self.cost(self.model(batch.values, batch.lengths, generator=generator), batch.labels)
        every = self.model.each(batch.values, batch.lengths, generator=generator)  # [M, B, outputs]
        costs = self.cost(every.flatten(0, 1), batch.labels.repeat(len(every)))
        return costs.view(len(every), -1).mean(0)

    def metrics(self) -> dict[str, Any]:
        """Return the metrics of the held-out sequences."""
        assert self.held is not None
        return self.measure(self.held)

    def raw(self, data: Labelled) -> NDArray[np.float64]:
        """Return what the network gives for each sequence, [N, outputs]."""
        found = np.empty((len(data), self.outputs))
        self.model.eval()
        with torch.no_grad():
            for index in by_length(data.lengths, READ, READ_STEPS):
                batch = self.gather(data, index)
                found[index] = self.model(batch.values, batch.lengths).double().cpu().numpy()
        return found

    def evaluate(self, data: Any) -> dict[str, Any]:
        """Return the metrics on other labelled sequences; of the training data, only the held-out part is used."""
        given = read(self.numbers, self.options, data, self.known_classes(), self.channels)
        self.expect(given)
        fraction = fraction_of(self.options.validation)
        if given.fingerprint == self.fingerprint and fraction is not None:
            _, self.held = split(given, fraction, self.options.seed)
            return {**self.metrics(), "split": told_split(given, self.held, fraction, self.options.seed)}
        return {**self.measure(given), "split": judged_on(given.fingerprint, self.fingerprint, self.split)}

    def answers(self, data: Any) -> list[dict[str, Any]]:
        """Return the answer for each sequence in files, in a text, or in Python."""
        given = self.unlabelled(data)
        return with_names(self.worded(torch.from_numpy(self.raw(given))), given.names)

    def saliency(self, data: Any, most: int | None = None) -> list[Saliency]:
        """Return which steps decided each answer, of all sequences or the first of them."""
        return saliencies(self, self.unlabelled(data), most)

    def draw_saliency(self, data: Any, path: Path) -> Path:
        """Draw what decided the first answers."""
        return save(draw_saliency(self.saliency(data, DRAWN)), path, flag="--saliency")

    def unlabelled(self, data: Any) -> Labelled:
        """Return sequences whose labels, if they have any, do not matter: of files, of a `Text`, or of Python data."""
        if isinstance(data, Text):
            if not self.text:
                raise SpecError(f"--text needs a {self.name} of texts, this one reads numeric sequences; give it files")
            return self.sequences_of([data.text])
        given = read(False, self.options, data, None, self.channels, labels=False)
        self.expect(given)
        return given

    def sequences_of(self, given: Any) -> Labelled:
        """Return a list of texts, of arrays [T, C] (or one array [N, T, C]), or rows, as the model reads them."""
        if isinstance(given, str | Text):
            raise DataError("predict takes a list of sequences, got one text; put it into a list")
        if not self.text or is_frame(given) or isinstance(given, Mapping):
            return self.unlabelled(given)
        options = replace(self.options, text_column="text")
        texts = read(False, options, {"text": list(given)}, None, labels=False)
        self.expect(texts)
        return texts

    def expect(self, data: Labelled) -> None:
        """Refuse sequences of another kind.

        Raises:
            DataError: they are not like those of the training.
        """
        if (data.kind == "text") != self.text:
            wanted = "texts" if self.text else "numeric sequences"
            raise DataError(f"this model reads {wanted}, got {data.kind} sequences; give it what it was trained on")
        came = self.width if self.text else next((a.shape[1] for a in data.arrays if len(a)), self.width)
        if came != self.width:  # empty sequences have as many as anybody asks for
            raise DataError(
                f"this model reads {self.width} channels, got {came}; give the same channels in their order"
            )

    def stepper(self) -> WholeStepper:
        """Return what answers a stream at every row."""
        if not self.options.causal:
            raise SpecError(f"a stream needs a model that was trained with --causal, this {self.name} reads whole "
                            "sequences; train it with --causal")  # fmt: skip
        return WholeStepper(self)

    def specimen(self, data: Any, steps: int) -> Specimen:
        """Return sequences spread over the data, with labels or without."""
        if data is None:
            assert self.held is not None
            return sequences(self, self.held, steps)
        if isinstance(data, Text):
            return sequences(self, self.unlabelled(data), steps)
        given = read(self.numbers, self.options, data, self.known_classes(), self.channels, labels=False)
        self.expect(given)
        return sequences(self, given, steps)

    def validation_cost(self) -> float:
        """Return the held-out sequences over the training sequences."""
        assert self.training is not None and self.held is not None
        return len(self.held) / len(self.training)

    def describe(self) -> dict[str, Any]:
        """Return counts, lengths and split."""
        if self.training is None or self.held is None:
            return {}
        lengths = self.training.lengths
        return {
            "training_sequences": len(lengths),
            "validation_sequences": len(self.held),
            "lengths": f"{lengths.min()} to {lengths.max()}, mean {lengths.mean():.1f}",
            "split": self.split,
            **remarks(self.training, self.held, self.encoding),
        }

    def metadata(self) -> dict[str, Any]:
        """Return the vocabulary or scaling, the names of the channels, and the split."""
        told = {"channels": self.channels and list(self.channels), "split": self.split}
        return {"vocabulary" if self.text else "scaling": self.encoding.to_dict(), **told}

    def restored(self, metadata: Mapping[str, Any]) -> Self:
        """Return the task with what every model file of this kind holds."""
        self.split = str(metadata.get("split", ""))
        self.channels = channels_from(metadata, self.encoding)
        return self
