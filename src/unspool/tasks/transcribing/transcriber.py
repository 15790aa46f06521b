"""Transcribers: strokes, sounds or series of numbers in, what they say out, with no word of when it is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from unspool.data.owners import split_by_owner
from unspool.data.sequence import Buckets
from unspool.data.sources import Text
from unspool.errors import DataError, SpecError
from unspool.figure import save
from unspool.heads.ctc import CTC
from unspool.nets.series import SHORTER
from unspool.nets.transcribing import TranscribingNet
from unspool.spec import replace
from unspool.tasks.batches import Gathered
from unspool.tasks.dependent import check_dependent
from unspool.tasks.holdout import fraction_of, is_given, judged_on, located, split_told
from unspool.tasks.specimens import batch_specimen, spread
from unspool.tasks.transcribing.inputs import Given, Input
from unspool.tasks.transcribing.kinds import built_in, input_class, kind_of, read
from unspool.tasks.transcribing.measures import commonest, error_rates
from unspool.tasks.transcribing.options import TranscriberOptions, check_kind, check_together
from unspool.tasks.transcribing.samples import Batch, Samples, fitting, gathered, sampled
from unspool.tasks.transcribing.search import Search, Transcript, found_ids, read_samples, transcripts
from unspool.tasks.transcribing.sizing import transcriber_sizing
from unspool.tasks.transcribing.targets import Targets
from unspool.training.options import Budget, TrainingOptions
from unspool.training.protocol import Loss, Specimen, Stepper, Task

SHOWN = 60  # symbols in a remark
OWNERS = {"sound": "speaker", "pen": "writer", "numbers": "group"}  # whose recordings stay together


class Division(NamedTuple):
    """What is trained on, what is held out, and how that was drawn, in words."""

    training: Given
    held: Given
    told: str


class Transcriber(Task):
    """The text of each recording, by connectionist temporal classification; the loss is in nats a symbol of the text.

    Graves, Fernández, Gomez and Schmidhuber 2006, Connectionist temporal classification: labelling unsegmented sequence
    data with recurrent neural networks.
    """

    name = "transcriber"
    Options: ClassVar[type[TrainingOptions]] = TranscriberOptions
    options: TranscriberOptions
    model: TranscribingNet

    def __init__(self, options: TranscriberOptions, source: Input, targets: Targets) -> None:
        self.options, self.source, self.targets = options, source, targets
        self.head = CTC(len(targets))
        self.training: Samples | None = None
        self.held: Samples | None = None
        self.split = ""
        self.remarks: Mapping[str, str] = {}
        self.noun = "characters" if options.unit == "char" else "words"
        self.unit = f"nats a {self.noun[:-1]}"

    @classmethod
    def prepare(
        cls, options: TrainingOptions, data: Any, budget: Budget | None = None, base: Task | None = None
    ) -> Transcriber:
        """Read recordings, hold some out, and choose each option that is None from their number and length."""
        assert isinstance(options, TranscriberOptions)
        if base is None or options != base.options:  # a training that goes on was asked for before
            check_dependent(options)
            check_together(options)
        options = replace(options, validation=located(options.validation))
        known = base if isinstance(base, Transcriber) else None
        kind = options.input or (known.source.kind if known else kind_of(data) if is_given(data) else "sound")
        check_kind(options, kind)
        options = replace(options, input=kind)
        source = known.source if known else None
        columns = source.columns if source else None
        whole = read(kind, data, options, columns) if is_given(data) else built_in(kind)
        division = _divided(whole, options)
        targets = known.targets if known else Targets.of(division.training.texts, options.unit, options.rarest)
        fresh = source or input_class(kind).fitted(division.training, options)
        samples, source = sampled(division.training, fresh, texts=True, fit=known is None)
        task = cls(options, source, targets)
        task._resolve(samples, budget)
        task.training = fitting(samples, targets, task.steps_per_frame)
        task.held = sampled(division.held, source, texts=True).samples
        task.split, task.fingerprint = division.told, whole.fingerprint
        task.remarks = {**division.held.remarks, **whole.remarks}
        if fraction_of(options.validation) is None:
            task.fingerprint += division.held.fingerprint
        return task

    def _resolve(self, samples: Samples, budget: Budget | None) -> None:
        o = self.options
        symbols = sum(len(self.targets.encode(text or "")) for text in samples.texts)
        proposal = transcriber_sizing(
            len(samples), len(samples.rows), symbols, budget, causal=o.causal, frame=o.frame, encoder=o.encoder
        )
        self.options = replace(
            o,
            cell=o.cell or "lstm",
            hidden_size=o.hidden_size or proposal.hidden_size,
            layers=o.layers or proposal.layers,
            dropout=proposal.dropout if o.dropout is None else o.dropout,
            learning_rate=o.learning_rate or proposal.learning_rate,
            batch_size=o.batch_size or proposal.batch_size,
            encoder=proposal.encoder,
            frame=proposal.frame,
            augment=o.augment or proposal.augment,
        )
        self.budget = proposal.budget

    @property
    def steps_per_frame(self) -> int:
        """Steps of the input that become one row of scores."""
        return SHORTER if self.options.encoder == "conv" else int(self.options.frame or 1)

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        return self.model.output.weight.device

    def build(self) -> nn.Module:
        """Return a new network, its weights drawn from the seed."""
        o = self.options
        if None in (o.cell, o.hidden_size, o.layers, o.dropout, o.encoder, o.frame):
            raise SpecError("a network is built from options that are all set; prepare the task with data first")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(o.seed)
            return TranscribingNet(
                self.source.channels,
                self.head.size,
                cell=str(o.cell),
                hidden_size=int(o.hidden_size or 0),
                layers=int(o.layers or 0),
                dropout=float(o.dropout or 0.0),
                encoder=str(o.encoder),
                frame=int(o.frame or 1),
                recurrent_dropout=o.recurrent_dropout,
                bidirectional=not o.causal,
                skip=o.skip,
                peephole=o.peephole,
                reset=o.reset,
                nonlinearity=o.nonlinearity,
                precision=o.precision,
            )

    def batches(self) -> Gathered[Batch]:
        """Return the training samples in batches of like length, varied as the options ask."""
        assert self.training is not None
        o, samples = self.options, self.training

        def vary(features: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
            return self.source.varied(features, generator, str(o.augment))

        def gather(index: NDArray[np.int64], generator: np.random.Generator) -> Batch:
            changed = None if o.augment == "none" else vary
            return gathered(samples, self.targets, index, self.device, changed, generator)

        return Gathered(Buckets(samples.lengths, int(o.batch_size or 1), o.seed), gather)

    def gather(self, samples: Samples, index: NDArray[np.int64]) -> Batch:
        """Return the named samples as one padded batch."""
        return gathered(samples, self.targets, index, self.device)

    def loss(self, batch: Batch, state: Any, generator: torch.Generator | None = None) -> Loss:
        """Return the summed nats of the texts; one that a varied sample has become too short for counts for nothing."""
        raw, frames = self.model(batch.values, batch.lengths, generator=generator)
        nats = -self.head.log_prob(raw, batch.ids, lengths=frames, widths=batch.widths)  # [B]
        fits = nats.isfinite()
        return Loss(nats.masked_fill(~fits, 0.0).sum(), max(1, int(batch.widths[fits].sum())), None, {})

    def metrics(self, search: Search | None = None) -> dict[str, Any]:
        """Return nats a symbol, character and word error rate over the held-out recordings."""
        assert self.held is not None
        return self._measure(self.held, search)

    def _measure(self, samples: Samples, search: Search | None) -> dict[str, Any]:
        nats, symbols, left = 0.0, 0, 0
        read: dict[int, str] = {}
        for part in read_samples(self.model, samples, self.gather):
            ids, widths = part.batch.ids, part.batch.widths
            found = -self.head.log_prob(part.raw.double(), ids, lengths=part.frames, widths=widths)
            fits = found.isfinite()
            nats, symbols = nats + float(found[fits].sum()), symbols + int(widths[fits].sum())
            left += int((~fits).sum())
            for place, best in zip(part.places.tolist(), found_ids(self.head, part, search or Search()), strict=True):
                read[place] = self.targets.decode(best)
        said = [str(text) for text in samples.texts]
        rates = error_rates(said, [read[place] for place in range(len(said))])
        counts = {"sequences": len(samples), "steps": len(samples.rows), self.noun: symbols}
        unfit = {"without_loss": left} if left else {}  # a text that no path of so few frames can say
        return {"validation_loss": nats / max(1, symbols), **rates, **counts, **unfit}

    def evaluate(self, data: Any, search: Search | None = None) -> dict[str, Any]:
        """Return the metrics on other recordings; of the training data, only the held-out part is used."""
        whole = read(self.source.kind, data, self.options, self.source.columns)
        given, told = held_out(self, whole), self.split
        if given is whole:
            told = judged_on(whole.fingerprint, self.fingerprint, self.split)
        samples = sampled(given, self.source, texts=True).samples
        about = {"left_out": dict(samples.dropped), **given.remarks, "split": told}
        return {**self._measure(samples, search), **about}

    def transcribe(self, data: Any, search: Search | None = None) -> list[Transcript]:
        """Return the text of each recording of files, folders or Python objects, with confidence and alignment."""
        return self._read(self._given(data), search)[1]

    def _given(self, data: Any) -> Given:
        if isinstance(data, Text):
            raise SpecError(f"a transcriber of {self.source.kind} reads files, got --text; name the files")
        return read(self.source.kind, data, self.options, self.source.columns, texts=False)

    def _read(self, given: Given, search: Search | None) -> tuple[Samples, list[Transcript]]:
        samples = sampled(given, self.source, texts=False).samples
        parts = read_samples(self.model, samples, self.gather)
        return samples, transcripts(parts, self.head, self.targets, search or Search())

    def answers(self, data: Any, search: Search | None = None) -> list[dict[str, Any]]:
        """Return name, text and confidence of each recording, and where its symbols are said.

        A symbol has its first step, the step behind its last, and its mean probability; of sounds they are in seconds.
        """
        given = self._given(data)
        return self._worded(given, self._read(given, search)[1])

    def _worded(self, given: Given, found: Sequence[Transcript]) -> list[dict[str, Any]]:
        scale = self.steps_per_frame * (self.source.seconds_per_step or 1)
        return [
            {
                "sequence": name,
                "text": transcript.text,
                "confidence": transcript.confidence,
                "symbols": [
                    {"symbol": self.targets.symbols[symbol], "from": first * scale, "to": (last + 1) * scale, "p": p}
                    for symbol, first, last, p in zip(transcript.ids, *transcript.alignment[:3], strict=True)
                ],
            }
            for name, transcript in zip(given.names, found, strict=True)
        ]

    def told(self, answer: Mapping[str, Any]) -> str:
        """Return a text behind the name of its recording and a tab."""
        return f"{answer['sequence']}\t{answer['text']}"

    def draw_answers(self, data: Any, path: Path, search: Search | None = None) -> list[dict[str, Any]]:
        """Draw recordings, the probability of their symbols over time, and where each is said; return the answers."""
        from unspool.tasks.transcribing.picture import draw_alignments

        given = self._given(data)
        samples, found = self._read(given, search)
        save(draw_alignments(self, given, samples, found), path)
        return self._worded(given, found)

    def stepper(self) -> Stepper:
        """Return what writes down a stream row by row.

        Raises:
            SpecError: the model reads strokes, or sequences from both ends.
        """
        from unspool.tasks.transcribing.stepper import TranscriptStepper

        if self.source.kind == "pen":
            raise SpecError(
                "strokes are read when their line is whole, as only then size and slant are known, got a stream; name "
                "files"
            )
        if not self.options.causal:
            raise SpecError(
                "a stream is written down by a model that needs nothing of what comes later, but this one reads "
                "sequences from both ends; train it with --causal"
            )
        return TranscriptStepper(self)

    def specimen(self, data: Any, steps: int) -> Specimen:
        """Return samples spread over the data."""
        given = self.held if data is None else sampled(self._given(data), self.source, texts=True).samples
        assert given is not None
        given = fitting(given, self.targets, self.steps_per_frame)
        return batch_specimen(self.gather(given, spread(given.lengths)), steps)

    def validation_cost(self) -> float:
        """Return the held-out steps over the training steps."""
        assert self.training is not None and self.held is not None
        return len(self.held.rows) / max(1, len(self.training.rows))

    def describe(self) -> dict[str, Any]:
        """Return counts, symbols, what was left out, and the split."""
        symbols = self.targets.symbols[:SHOWN]
        shown = ("" if self.options.unit == "char" else " ").join(symbols)
        more = f" and {len(self.targets) - SHOWN} more" if len(self.targets) > SHOWN else ""
        what = {"input": self.source.kind, "symbols": shown + more}
        if self.training is None or self.held is None:
            return what
        steps, texts = len(self.training.rows), self.training.texts
        written = sum(len(self.targets.parts(text or "")) for text in texts)
        unknown = self.targets.unknown(str(text) for text in self.held.texts)
        return {
            **what,
            "training_sequences": len(self.training),
            "validation_sequences": len(self.held),
            f"training_{self.source.noun}": steps,
            f"{self.source.noun}_per_{self.noun[:-1]}": round(steps / max(1, written), 1),
            "left_out": dict(self.training.dropped + self.held.dropped),
            **({"not_learned": " ".join(unknown)[:SHOWN]} if unknown else {}),
            **self.remarks,
            "split": self.split,
        }

    def baseline(self) -> dict[str, float]:
        """Return the error rate of one text for all."""
        assert self.training is not None and self.held is not None
        return commonest([str(text) for text in self.training.texts], [str(text) for text in self.held.texts])

    def metadata(self) -> dict[str, Any]:
        """Return the symbols, and how a recording is read."""
        return {"targets": self.targets.to_dict(), "source": self.source.stored(), "split": self.split}

    @classmethod
    def from_metadata(cls, options: TrainingOptions, metadata: Mapping[str, Any]) -> Transcriber:
        """Return the task of a model file."""
        assert isinstance(options, TranscriberOptions)
        stored = metadata["source"]
        task = cls(options, input_class(stored["kind"]).from_dict(stored), Targets.from_dict(metadata["targets"]))
        task.split = str(metadata["split"])
        return task


def held_out(task: Transcriber, data: Any) -> Given:
    """Return the recordings of the training data that a model was not trained on; all of other data."""
    given = data if isinstance(data, Given) else read(task.source.kind, data, task.options, task.source.columns)
    known = given.fingerprint == task.fingerprint[: len(given.fingerprint)]
    divisible = task.options.hold_out is not None or fraction_of(task.options.validation) is not None
    return _divided(given, task.options).held if known and divisible else given


def _divided(whole: Given, options: TranscriberOptions) -> Division:
    """Hold out what a pattern names, a fraction of the speakers or writers, or nothing where a file is named."""
    if options.hold_out is not None:
        held = np.array([_matches(options.hold_out, pair) for pair in zip(whole.names, whole.groups, strict=True)])
        if held.all() or not held.any():
            raise DataError(
                f"--hold-out must hold out some recordings and leave some, but {options.hold_out!r} matches "
                f"{int(held.sum())} of {len(held)}, the first of which is {whole.names[0]!r}; change the pattern"
            )
        told = f"validation on the {int(held.sum())} of {len(held)} recordings that match {options.hold_out}"
        return Division(whole.select(np.flatnonzero(~held)), whole.select(np.flatnonzero(held)), told)
    fraction = fraction_of(options.validation)
    if fraction is None:
        strangers = read(str(options.input), [options.validation], options, whole.columns)
        return Division(whole, strangers, f"validation on {Path(options.validation).name}")
    split = split_by_owner(whole.groups, fraction, options.seed)
    owner = OWNERS[str(options.input)]
    told = split_told(len(split.held_out), owner, "recordings", options.validation, options.seed)
    return Division(whole.select(split.training), whole.select(split.validation), told)


def _matches(pattern: str, names: tuple[str, str | None]) -> bool:
    """By the name of the file alone, so that it does not matter where the files lie, or by speaker or writer."""
    name, group = names
    return fnmatchcase(PurePath(name).name, pattern) or fnmatchcase(group or "", pattern)
