"""Language models over characters or bytes: a text in, more of it out (Graves 2013 section 3; Karpathy 2015)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unspool.data.builtin import builtin_text
from unspool.data.corpus import Corpus, read_corpus
from unspool.data.stream import Lanes, Window, single_pass
from unspool.data.vocabulary import Vocabulary, vocabulary_from_dict
from unspool.errors import DataError, SpecError
from unspool.heads.categorical import Categorical
from unspool.nets.sequence import SequenceNet
from unspool.spec import replace
from unspool.tasks.holdout import fraction_of, listed, located
from unspool.tasks.language_options import LanguageOptions
from unspool.tasks.language_text import TextModel
from unspool.tasks.sizing import language_sizing
from unspool.tasks.specimens import windows
from unspool.training.options import Budget, TrainingOptions
from unspool.training.protocol import Loss, Specimen, Task

SHORT = 200  # symbols below which nothing is held out
DEFAULT_BUDGET = Budget("minutes", 10)


class Language(TextModel, Task):
    """A recurrent language model over one endless text.

    The loss is the cross-entropy of the next symbol in nats; training is truncated back-propagation through time in
    contiguous lanes, the state carried from window to window (Williams and Peng 1990; Karpathy's char-rnn).
    """

    name = "language"
    carries_state = True
    Options: ClassVar[type[TrainingOptions]] = LanguageOptions
    options: LanguageOptions
    model: SequenceNet

    def __init__(self, options: LanguageOptions, vocabulary: Vocabulary) -> None:
        self.options, self.vocabulary = options, vocabulary
        self.unit = f"nats a {'character' if options.unit == 'char' else 'byte'}"
        self.noun = "characters" if options.unit == "char" else "bytes"
        self.train_ids: NDArray[Any] = np.empty(0, np.uint8)
        self.validation_ids: NDArray[Any] = np.empty(0, np.uint8)
        self.split = ""

    @classmethod
    def prepare(
        cls,
        options: TrainingOptions,
        data: Any,
        budget: Budget | None = None,
        base: Task | None = None,
    ) -> Language:
        """Read the text, split it, and choose each option that is None from its length and the budget."""
        assert isinstance(options, LanguageOptions)
        options = replace(options, validation=located(options.validation))
        known = base.vocabulary if isinstance(base, Language) else None
        items = list(data or [builtin_text(options.corpus)])
        fraction = fraction_of(options.validation)
        held = [] if fraction is not None else [options.validation]
        vocabulary = known
        if vocabulary is None and held:  # symbols of both files are known
            vocabulary = read_corpus([*items, *held], options.unit).vocabulary
        corpus = read_corpus(items, options.unit, vocabulary, options.unknown)
        task = cls(options, corpus.vocabulary)
        task._split(corpus, fraction, held)
        task.budget = budget or DEFAULT_BUDGET
        task.options = task._resolve()
        return task

    def _split(self, corpus: Corpus, fraction: float | None, held: list[str]) -> None:
        ids = corpus.ids
        self.fingerprint = corpus.fingerprint
        if fraction is None:
            other = read_corpus(held, self.options.unit, self.vocabulary, self.options.unknown)
            self.train_ids, self.validation_ids = ids, other.ids
            self.fingerprint += other.fingerprint
            self.split = f"validation on {Path(held[0]).name}"
        elif len(ids) < SHORT:
            self.train_ids = self.validation_ids = ids
            self.split = f"validation on the training text itself: it has fewer than {SHORT} {self.noun}"
        else:
            border = int(len(ids) * (1.0 - fraction))
            self.train_ids, self.validation_ids = ids[:border], ids[border:]
            self.split = f"validation on the last {fraction:g} of the text"
        for name, part in (("training", self.train_ids), ("validation", self.validation_ids)):
            if len(part) < 2:
                raise DataError(f"the {name} text needs at least 2 {self.noun}, got {len(part)}; give a longer text")

    def _resolve(self) -> LanguageOptions:
        o, symbols = self.options, len(self.train_ids)
        proposal = language_sizing(symbols, len(self.vocabulary), self.budget)
        lanes = o.batch_size or proposal.batch_size
        window = o.window or max(1, min(proposal.window, (symbols - 1) // lanes))
        if symbols < lanes * window + 1:
            raise DataError(
                f"the training text must be longer than one window ({lanes} lanes x {window} steps), got {symbols} "
                f"{self.noun}; lower --window or --batch-size, or give a longer text"
            )
        hidden = o.hidden_size or proposal.hidden_size
        layers = o.layers or proposal.layers
        embedding = o.embedding_size
        if embedding is None:
            embedding = (hidden * layers if o.skip else hidden) if o.tied else min(128, hidden)
        return replace(
            o,
            cell=o.cell or "lstm",
            hidden_size=hidden,
            layers=layers,
            dropout=proposal.dropout if o.dropout is None else o.dropout,
            learning_rate=o.learning_rate or proposal.learning_rate,
            batch_size=lanes,
            window=window,
            embedding_size=embedding,
        )

    def build(self) -> nn.Module:
        """Return a new network, its weights drawn from the seed."""
        o = self.options
        if None in (o.cell, o.hidden_size, o.layers, o.dropout, o.embedding_size):
            raise SpecError("a network is built from options that are all set; prepare the task with data first")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(o.seed)
            return SequenceNet(
                len(self.vocabulary),
                cell=str(o.cell),
                hidden_size=int(o.hidden_size or 0),
                layers=int(o.layers or 0),
                embedding_size=int(o.embedding_size or 0),
                tied=o.tied,
                dropout=float(o.dropout or 0.0),
                recurrent_dropout=o.recurrent_dropout,
                skip=o.skip,
                peephole=o.peephole,
                reset=o.reset,
                nonlinearity=o.nonlinearity,
                precision=o.precision,
                recompute=o.recompute,
            )

    def batches(self) -> Lanes:
        """Return the training text in contiguous lanes."""
        o = self.options
        return Lanes(self.train_ids, int(o.batch_size or 1), int(o.window or 1), seed=o.seed)

    def initial_state(self) -> Any:
        """Return the zero state of all lanes."""
        noise = torch.Generator(self.device)  # for dropout masks, which whoever loads a state puts others in place of
        return self.model.stack.init_state(int(self.options.batch_size or 1), generator=noise)

    def loss(self, batch: Window, state: Any, generator: torch.Generator | None = None) -> Loss:
        """Return the summed cross-entropy of a window; a fresh window starts from the zero state."""
        device = self.device
        inputs, targets = batch.inputs.to(device), batch.targets.to(device)  # [T, B]
        if batch.fresh or state is None:
            state = self.model.stack.init_state(inputs.shape[1], generator=generator)
        result = self.model(inputs, state, generator=generator)
        return Loss(_nats(result.raw, targets), targets.numel(), result.state, {})

    def metrics(self) -> dict[str, Any]:
        """Return the loss on the held-out text: one pass, at most 20 lanes, zero start state, state carried."""
        return self._measure(self.validation_ids)

    def _measure(self, ids: NDArray[Any]) -> dict[str, Any]:
        nats, count = 0.0, 0
        self.model.eval()
        with torch.no_grad():
            for inputs, targets, state in self._read(ids):
                result = self.model(inputs, state[0])
                state[0] = result.state
                nats += float(_nats(result.raw, targets))
                count += targets.numel()
        loss = nats / count
        per_character = len(ids) / max(1, self.vocabulary.count_characters(ids))
        return {
            "validation_loss": loss,
            "bits_per_character": loss * per_character / math.log(2.0),
            "perplexity": math.exp(min(loss, 700.0)),
            "symbols": count,
        }

    def _read(self, ids: NDArray[Any]) -> Iterator[tuple[Tensor, Tensor, list[Any]]]:
        state: list[Any] = [None]
        for window in single_pass(ids):
            yield window.inputs.to(self.device), window.targets.to(self.device), state

    def evaluate(self, data: Any) -> dict[str, Any]:
        """Return the metrics on a text; of the text it was trained on, only the held-out part is used."""
        corpus = read_corpus(listed(data), self.options.unit, self.vocabulary, self.options.unknown)
        fraction = fraction_of(self.options.validation)
        if corpus.fingerprint == self.fingerprint and fraction is not None:
            self._split(corpus, fraction, [])
            return {**self.metrics(), "split": self.split}
        return {**self._measure(corpus.ids), "split": "the whole of the given text"}

    def specimen(self, data: Any, steps: int) -> Specimen:
        """Return windows spread over a text."""
        o = self.options
        ids = self.validation_ids if data is None else read_corpus(listed(data), o.unit, self.vocabulary, o.unknown).ids
        return windows(ids, steps, self.noun)

    def validation_cost(self) -> float:
        """Return the length of the held-out text over the training text's."""
        return len(self.validation_ids) / len(self.train_ids)

    def describe(self) -> dict[str, Any]:
        """Return counts and split."""
        return {
            "symbols": len(self.vocabulary),
            f"training_{self.noun}": len(self.train_ids),
            f"validation_{self.noun}": len(self.validation_ids),
            "split": self.split,
        }

    def baseline(self) -> dict[str, float]:
        """Return the loss of an interpolated 5-gram model of the same text, the bar for any network."""
        from unspool.data.ngram import witten_bell  # only a training that is reported needs it

        return {"5-gram": witten_bell(self.train_ids, self.validation_ids, len(self.vocabulary), order=5)}

    def metadata(self) -> dict[str, Any]:
        """Return the vocabulary."""
        return {"vocabulary": self.vocabulary.to_dict(), "split": self.split}

    @classmethod
    def from_metadata(cls, options: TrainingOptions, metadata: Mapping[str, Any]) -> Language:
        """Return the task of a model file."""
        assert isinstance(options, LanguageOptions)
        vocabulary = vocabulary_from_dict(metadata["vocabulary"])
        if vocabulary.unit != options.unit:
            raise DataError(f"the unit must be that of the vocabulary, {vocabulary.unit}, got {options.unit}")
        task = cls(options, vocabulary)
        task.split = str(metadata.get("split", ""))
        return task

    def preview(self, step: int) -> str | None:
        """Return a line or two of what the network writes now."""
        return self.sample(length=160, seed=step)


def _nats(raw: Tensor, targets: Tensor) -> Tensor:
    return -Categorical(raw.shape[-1]).log_prob(raw, targets).sum()
