"""Handwriting: the pen's points in, a distribution over the next point out, with a text to write or without."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unspool.data.pen.alphabet import Alphabet
from unspool.data.pen.joining import joined
from unspool.data.pen.normalise import JITTER, SMOOTH, Normaliser
from unspool.data.pen.read import read_inks
from unspool.errors import SpecError
from unspool.nets.clipping import Clipping
from unspool.nets.noise import with_complexity, with_own_noise
from unspool.nets.scribe import PredictionNet, Scribe, SynthesisNet, shifted
from unspool.spec import replace
from unspool.tasks.batches import Gathered
from unspool.tasks.dependent import check_dependent
from unspool.tasks.holdout import fraction_of, judged_on, located, split_told
from unspool.tasks.inheriting import enlarged
from unspool.tasks.pen.batches import PenBatch, gathered, training_batches
from unspool.tasks.pen.measures import gaussian, measure
from unspool.tasks.pen.model import Pace, PenModel
from unspool.tasks.pen.options import HandwritingOptions
from unspool.tasks.pen.reading import Arrangement, PenData, Reader, divided, encoded_parts, fitted
from unspool.tasks.pen.sizing import handwriting_sizing
from unspool.tasks.specimens import batch_specimen, spread
from unspool.training.checkpoint import load_parameters, parameters
from unspool.training.options import Budget, TrainingOptions
from unspool.training.protocol import Loss, Specimen, Task

MOST = 1e6  # points of a sample, on average
LONG = 0.99  # of the samples are not longer than what counts as long
GENTLE = 10  # times less than the usual learning rate, which undoes what a network knows and few lines do not teach
UNCLIPPED = 1e9  # Graves bounds derivatives on their way, and no norm; his steps do not grow with it


class Handwriting(PenModel, Task):
    """A point after all the points before it, and what text they are to say; the loss is in nats a point."""

    name = "handwriting"
    grows = True
    unit = "nats a point"
    noun = "points"
    Options: ClassVar[type[TrainingOptions]] = HandwritingOptions
    options: HandwritingOptions
    model: Scribe

    def __init__(self, options: HandwritingOptions, reader: Reader, pace: Pace) -> None:
        self.options, self.reader, self.pace = options, reader, pace
        self.training: PenData | None = None
        self.held: PenData | None = None
        self.split = ""

    @classmethod
    def prepare(
        cls, options: TrainingOptions, data: Any, budget: Budget | None = None, base: Task | None = None
    ) -> Handwriting:
        """Read samples, hold out some writers, and choose each option that is None from the number of points."""
        assert isinstance(options, HandwritingOptions)
        if base is None or options != base.options:  # a training that goes on was asked for before
            check_dependent(options)
        _check(options)
        options = replace(options, validation=located(options.validation))
        division = divided(data, options.validation, options.seed)
        known = base.reader if isinstance(base, Handwriting) else None
        if options.jitter is None and options.resample == "length":
            options = replace(options, jitter=JITTER if known is None else known.normaliser.jitter)
        o = options
        normaliser = Normaliser(o.resample, upright=o.upright, level=o.upright, smooth=SMOOTH if o.smooth else 0.0)
        reader = known or fitted(
            division.training,
            o.points_per_letter,
            o.rarest,
            text=not o.prediction,
            normaliser=normaliser,
            blank=o.join > 1,
        )
        reader = reader.jittered(o.jitter or 0.0)
        if o.join > 1 and reader.alphabet is not None and " " not in reader.alphabet.symbols:
            raise SpecError("--join puts blanks between texts, but the model of --from has read none; leave it out")
        lines: Arrangement = list if o.join == 1 else partial(joined, most=o.join, longest=o.longest, seed=o.seed)
        training, held, reader = encoded_parts(division, reader, standardise=known is None, lines=lines)
        points, characters = len(training.rows), len(training.ids)
        long = float(np.quantile(training.lengths, LONG))
        if isinstance(base, Handwriting):  # a network that goes on with words still writes lines
            long = max(long, base.pace.long)
        pace = Pace(points / len(training), points / characters if characters else 0.0, long)
        task = cls(options, reader, pace)
        task.training, task.held, task.fingerprint = training, held, division.fingerprint
        task.split = _told(options, division.writers)
        task._resolve(budget, goes_on=isinstance(base, Handwriting))
        return task

    def _resolve(self, budget: Budget | None, *, goes_on: bool) -> None:
        """Choose what is left open, gently where a network goes on."""
        assert self.training is not None
        o = self.options
        proposal = handwriting_sizing(len(self.training), len(self.training.rows), o.batch_size, budget)
        graves = o.optimizer == "graves"
        self.options = replace(
            o,
            cell=o.cell or "lstm",
            hidden_size=o.hidden_size or proposal.hidden_size,
            layers=o.layers or proposal.layers,
            dropout=0.0,
            learning_rate=o.learning_rate or (1e-4 if graves else proposal.learning_rate / (GENTLE if goes_on else 1)),
            clip=UNCLIPPED if graves and o.clip == HandwritingOptions.clip else o.clip,
            weight_decay=0.0 if graves and o.weight_decay == HandwritingOptions.weight_decay else o.weight_decay,
            batch_size=proposal.batch_size,
        )
        self.budget = proposal.budget

    def build(self) -> nn.Module:
        """Return a new network, its weights drawn from the seed."""
        o = self.options
        if None in (o.cell, o.hidden_size, o.layers):
            raise SpecError("a network is built from options that are all set; prepare the task with data first")
        options: dict[str, Any] = {"peephole": o.peephole} if o.cell == "lstm" else {}
        if o.recurrent_dropout:
            options["recurrent_dropout"] = o.recurrent_dropout
        if o.precision != "float32":
            options["precision"] = o.precision
        options |= {
            "components": o.components,
            "cell": str(o.cell),
            "clipping": Clipping(o.clip_outputs or math.inf, o.clip_inputs or math.inf),
            "noise": o.weight_noise,
            "adaptive_noise": o.adaptive_weight_noise,
        }
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(o.seed)
            if not self.symbols:
                return PredictionNet(int(o.hidden_size or 0), int(o.layers or 0), **options)
            options |= {"window": o.window_components, "pace": 1 / self.pace.per_character}
            return SynthesisNet(self.symbols, int(o.hidden_size or 0), int(o.layers or 0), **options)

    def inherit(self, base: Task, origin: str) -> str:
        """Take the weights of a network that is no larger, and the noise of its weights where both have it."""
        tensors, told = enlarged(self, base, with_own_noise(self.model, parameters(base.model)))
        load_parameters(self.model, tensors, origin)
        return told

    def batches(self) -> Gathered[PenBatch]:
        """Return the training samples in batches of like length, long ones cut off."""
        assert self.training is not None
        o = self.options
        return training_batches(
            self.training,
            self.symbols,
            self.device,
            batch_size=int(o.batch_size or 1),
            longest=o.longest,
            seed=o.seed,
        )

    def gather(self, data: PenData, index: NDArray[np.int64]) -> PenBatch:
        """Return the named samples, whole, as one padded batch."""
        return gathered(data, index, self.symbols, self.device)

    def loss(self, batch: PenBatch, state: Any, generator: torch.Generator | None = None) -> Loss:
        """Return the summed nats over the points."""
        points, lengths, memory = batch
        nats, _ = self.model.nats(shifted(points), points, lengths=lengths, memory=memory, generator=generator)
        items, total = int(lengths.sum()), nats.sum()
        if self.training is not None:
            total = with_complexity(self.model, total, items / self._visited)
        return Loss(self._weighted(total), items, None, {})

    @cached_property
    def _visited(self) -> int:
        """The points of an epoch."""
        assert self.training is not None
        return int(self.training.lengths.clip(max=self.options.longest).sum())

    def _weighted(self, total: Tensor) -> Tensor:
        """The same number; for Graves's RMSProp its derivatives are those of the nats of a mean sample, not a point.

        The floor of 0.01 under the deviation of the derivatives is meant for such, see `GravesRMSProp`.
        """
        if self.options.optimizer != "graves":
            return total
        return total + (self.pace.points - 1) * (total - total.detach())

    def metrics(self) -> dict[str, Any]:
        """Return nats a point, a sequence and a character, and the squared error, over the held-out samples."""
        assert self.held is not None
        return self._measure(self.held)

    def _measure(self, data: PenData) -> dict[str, Any]:
        return measure(self.model, data, lambda index: self.gather(data, index))

    def evaluate(self, data: Any) -> dict[str, Any]:
        """Return the metrics on other samples; of the training data, only the held-out writers are used."""
        inks, told = read_inks(data), self.split
        if fraction_of(self.options.validation) is not None and inks.fingerprint() == self.fingerprint:
            inks = divided(inks, self.options.validation, self.options.seed).held
        else:
            told = judged_on(inks.fingerprint(), self.fingerprint, self.split)
        given = self.reader.encoded(inks)
        return {**self._measure(given), "left_out": dict(given.dropped), "split": told}

    def specimen(self, data: Any, steps: int) -> Specimen:
        """Return samples spread over the data."""
        given = self.held if data is None else self.reader.encoded(read_inks(data))
        assert given is not None
        return batch_specimen(self.gather(given, spread(given.lengths)), steps)

    def validation_cost(self) -> float:
        """Return the held-out points over the training points."""
        assert self.training is not None and self.held is not None
        return len(self.held.rows) / len(self.training.rows)

    def describe(self) -> dict[str, Any]:
        """Return counts, what was left out, the alphabet and the split."""
        alphabet = {} if self.reader.alphabet is None else {"alphabet": "".join(self.reader.alphabet.symbols)}
        if self.training is None or self.held is None:
            return alphabet
        dropped: Counter[str] = self.training.dropped + self.held.dropped
        pace: dict[str, Any] = {}
        if self.symbols:
            points = round(self.pace.per_character, 1)
            pace = {"points_per_character": points, "characters_in_one_go": round(self.learned)}
        return {
            "training_sequences": len(self.training),
            "validation_sequences": len(self.held),
            "training_points": len(self.training.rows),
            "validation_points": len(self.held.rows),
            **pace,
            **alphabet,
            "left_out": dict(dropped),
            "split": self.split,
        }

    def baseline(self) -> dict[str, float]:
        """Return the nats a point of one normal distribution for all offsets."""
        assert self.training is not None and self.held is not None
        return {"one Gaussian": gaussian(self.training.rows, self.held.rows)}

    def metadata(self) -> dict[str, Any]:
        """Return how samples are normalised, the alphabet, and how many points a character has."""
        alphabet = self.reader.alphabet
        return {
            "normaliser": self.reader.normaliser.to_dict(),
            "alphabet": None if alphabet is None else alphabet.to_dict(),
            "pace": self.pace._asdict(),
            "split": self.split,
        }

    @classmethod
    def from_metadata(cls, options: TrainingOptions, metadata: Mapping[str, Any]) -> Handwriting:
        """Return the task of a model file."""
        assert isinstance(options, HandwritingOptions)
        alphabet, pace = metadata["alphabet"], metadata["pace"]
        reader = Reader(
            Normaliser.from_dict(metadata["normaliser"]), None if alphabet is None else Alphabet.from_dict(alphabet)
        )
        found = Pace(*(float(pace[name]) for name in Pace._fields))
        if not (0 < found.points < MOST and 0 < found.long and (alphabet is None or 0 < found.per_character < MOST)):
            raise SpecError(f"samples and characters must have points, got {found}")
        # models from before there was smoothing or jitter say nothing of it in their options
        normaliser = reader.normaliser
        jitter = normaliser.jitter if normaliser.resample == "length" else None
        task = cls(replace(options, smooth=normaliser.smooth > 0, jitter=jitter), reader, found)
        task.split = str(metadata["split"])
        return task


def _check(options: HandwritingOptions) -> None:
    """Refuse what these networks do not have."""
    if options.dropout:
        raise SpecError(f"handwriting has no dropout, got --dropout {options.dropout:g}; try --adaptive-weight-noise")
    for name in ("window_components", "rarest") if options.prediction else ():
        if getattr(options, name) != getattr(HandwritingOptions, name):
            flag = name.replace("_", "-")
            raise SpecError(f"--{flag} is for networks that read a text, got --prediction; leave it out")
    if options.clip_inputs and options.cell not in (None, "lstm"):
        raise SpecError(
            f"--clip-inputs is for --cell lstm, got {options.clip_inputs:g} with {options.cell}; leave it out"
        )
    if options.clip_inputs and options.precision != "float32":
        raise SpecError(
            f"--clip-inputs is computed in float32, got --precision {options.precision}; leave one of them out"
        )


def _told(options: HandwritingOptions, writers: tuple[str, ...]) -> str:
    if fraction_of(options.validation) is None:
        return f"validation on {Path(options.validation).name}"
    return split_told(len(writers), "writer", "samples", options.validation, options.seed)
