"""Language models over characters, bytes or words: a text in, more of it out (Graves 2013 section 3; Karpathy 2015)."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unspool.data.corpus import Corpus
from unspool.data.ids import counts_of, pieces_of
from unspool.data.marks import border
from unspool.data.stream import Lanes, Window, single_pass
from unspool.data.vocabulary import Vocabulary, vocabulary_from_dict
from unspool.data.words import WordVocabulary
from unspool.errors import DataError, SpecError
from unspool.nets.growth import grown, grown_clusters, places_of
from unspool.nets.noise import with_complexity, with_own_noise
from unspool.nets.sequence import SequenceNet
from unspool.nets.softmax import Clusters, clusters_of
from unspool.spec import replace
from unspool.tasks.dependent import check_dependent
from unspool.tasks.holdout import fraction_of, judged_on, located
from unspool.tasks.inheriting import enlarged
from unspool.tasks.language.advice import advise
from unspool.tasks.language.dynamic import dynamic_losses, slow_pass
from unspool.tasks.language.options import LanguageOptions
from unspool.tasks.language.reading import read_text
from unspool.tasks.language.sizing import language_sizing
from unspool.tasks.language.text import TextModel
from unspool.tasks.specimens import windows
from unspool.training.checkpoint import load_parameters, parameters
from unspool.training.options import Budget, TrainingOptions
from unspool.training.protocol import Loss, Specimen, Task

NOUNS = {"char": "character", "byte": "byte", "word": "word", "bpe": "token"}
SHORT = 200  # symbols below which nothing is held out
SHOWN = 10  # new symbols that are named
DEFAULT_BUDGET = Budget("minutes", 10)


class Language(TextModel, Task):
    """A recurrent language model over one endless text.

    The loss is the cross-entropy of the next symbol in nats; training is truncated back-propagation through time in
    contiguous lanes, the state carried from window to window (Williams and Peng 1990; Karpathy's char-rnn).
    """

    name = "language"
    carries_state = True
    grows = True
    Options: ClassVar[type[TrainingOptions]] = LanguageOptions
    options: LanguageOptions
    model: SequenceNet

    def __init__(self, options: LanguageOptions, vocabulary: Vocabulary) -> None:
        self.options, self.vocabulary = options, vocabulary
        self.unit, self.noun = f"nats a {NOUNS[options.unit]}", f"{NOUNS[options.unit]}s"
        self.train_ids: NDArray[Any] = np.empty(0, np.uint8)
        self.validation_ids: NDArray[Any] = np.empty(0, np.uint8)
        self.split = ""
        self.documents = 0
        self.unknown_share = 0.0
        self.clusters: Clusters | None = None  # of an adaptive softmax

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
        if base is None or options != base.options:  # a training that goes on was asked for before
            _check(options, data)
        options = replace(options, validation=located(options.validation))
        known = base.vocabulary if isinstance(base, Language) else None
        grow = known is None or options.unknown == "fail"  # symbols that the base does not know are added to it
        fraction = fraction_of(options.validation)
        held = [] if fraction is not None else [options.validation]
        if held and grow and options.unit == "char":  # the characters of both files are known
            known = read_text(options, held, known, grow).vocabulary
        corpus = read_text(options, data, known, grow)
        task = cls(options, corpus.vocabulary)
        task._split(corpus, fraction, held)
        task.budget = budget or DEFAULT_BUDGET
        task.options = task._resolve()
        if task.options.softmax == "adaptive":
            task.clusters = task._clusters(base)
        return task

    def _split(self, corpus: Corpus, fraction: float | None, held: list[str]) -> None:
        ids = corpus.ids
        self.fingerprint, self.documents = corpus.fingerprint, corpus.documents
        if fraction is None:
            other = read_text(self.options, held, self.vocabulary)
            self.train_ids, self.validation_ids = ids, other.ids
            self.fingerprint += other.fingerprint
            self.split = f"validation on {Path(held[0]).name}"
        elif len(ids) < SHORT:
            self.train_ids = self.validation_ids = ids
            self.split = f"validation on the training text itself: it has fewer than {SHORT} {self.noun}"
        else:
            wanted = int(len(ids) * (1.0 - fraction))
            place = border(ids, wanted, len(self.vocabulary.base)) if corpus.documents else None
            self.train_ids, self.validation_ids = np.split(ids, [wanted if place is None else place])
            what = "documents, which are shuffled" if self.options.condition else "documents"
            self.split = f"validation on the last {fraction:g} of the {'text' if place is None else what}"
        if isinstance(words := self.vocabulary.base, WordVocabulary):
            unknown = sum(int(np.count_nonzero(part == words.unknown)) for part in pieces_of(self.validation_ids))
            self.unknown_share = unknown / max(1, len(self.validation_ids))
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
        if not o.hidden_sizes:
            o = replace(o, hidden_size=o.hidden_size or proposal.hidden_size, layers=o.layers or proposal.layers)
        tied = proposal.tied if o.tied is None else o.tied
        embedding = o.embedding_size
        if embedding is None:
            embedding = o.sizes[-1] if tied else min(128, o.sizes[0])
        return replace(
            o,
            cell=o.cell or "lstm",
            dropout=proposal.dropout if o.dropout is None else o.dropout,
            learning_rate=o.learning_rate or proposal.learning_rate,
            batch_size=lanes,
            window=window,
            embedding_size=embedding,
            tied=tied,
            softmax=o.softmax or proposal.softmax,
        )

    def _clusters(self, base: Task | None) -> Clusters:
        """Return the clusters of the base, with one for new symbols, or else those of the training text."""
        known = self.vocabulary
        if isinstance(base, Language) and base.options.softmax == "adaptive":
            before = base.clusters or clusters_of(len(base.vocabulary))
            return grown_clusters(before, _places(base.vocabulary, known))
        numbered = known.unit in ("word", "bpe") and not known.marks  # by falling frequency
        return clusters_of(len(known), None if numbered else counts_of(self.train_ids, len(known)).tolist())

    def build(self) -> nn.Module:
        """Return a new network, its weights drawn from the seed."""
        return self._network(self.options.sizes)

    def _network(self, sizes: list[int]) -> SequenceNet:
        """A new network of layers of these sizes."""
        o = self.options
        if not sizes or None in (o.cell, o.dropout, o.embedding_size):
            raise SpecError("a network is built from options that are all set; prepare the task with data first")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(o.seed)
            return SequenceNet(
                len(self.vocabulary),
                cell=str(o.cell),
                hidden_size=sizes,
                layers=len(sizes),
                embedding_size=int(o.embedding_size or 0),
                tied=bool(o.tied),
                softmax=o.softmax or "full",
                clusters=self.clusters,
                init_range=o.init_range,
                dropout=float(o.dropout or 0.0),
                recurrent_dropout=o.recurrent_dropout,
                skip=o.skip,
                peephole=o.peephole,
                reset=o.reset,
                nonlinearity=o.nonlinearity,
                precision=o.precision,
                recompute=o.recompute,
                residual=o.residual,
                layer_norm=o.layer_norm,
                transition_layers=o.transition_layers,
                weight_dropout=o.weight_dropout,
                embedding_dropout=o.embedding_dropout,
                noise=o.weight_noise,
                adaptive_noise=o.adaptive_weight_noise,
            )

    def inherit(self, base: Task, origin: str) -> str:
        """Take the weights of a model that is no larger; symbols that it did not have start plainly, and are named."""
        assert isinstance(base, Language)
        places = _places(base.vocabulary, self.vocabulary)
        new = [symbol for symbol, place in zip(self.vocabulary.symbols, places.tolist(), strict=True) if place < 0]
        tensors: Mapping[str, Tensor] = with_own_noise(self.model, parameters(base.model))
        if self.vocabulary != base.vocabulary:
            tensors = grown(self._network(base.options.sizes), tensors, places)
        tensors, told = enlarged(self, base, tensors)
        load_parameters(self.model, tensors, origin)
        if not new:
            return told
        shown = ", ".join(map(repr, new[:SHOWN])) + (f" and {len(new) - SHOWN} more" if len(new) > SHOWN else "")
        count = "1 symbol is" if len(new) == 1 else f"{len(new)} symbols are"
        return "; ".join(filter(None, (told, f"{count} new to the model: {shown}; it has {len(self.vocabulary)} now")))

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
        nats, state = self.model.nats(inputs, targets, state, generator=generator)
        total = with_complexity(self.model, nats.sum(), targets.numel() / max(1, len(self.train_ids)))
        return Loss(total, targets.numel(), state, {})

    def metrics(self, dynamic_rate: float | None = None) -> dict[str, Any]:
        """Return the loss on the held-out text: one pass, at most 20 lanes, zero start state, state carried.

        With a `dynamic_rate` a copy of the network goes on learning while it reads, and the loss without that in the
        same lanes stands beside it; see `unspool.tasks.language.dynamic`.
        """
        return self._measure(self.validation_ids, dynamic_rate)

    def _measure(self, ids: NDArray[Any], dynamic_rate: float | None = None) -> dict[str, Any]:
        if dynamic_rate is None:
            loss, count = _mean(self._losses(single_pass(ids)))
        else:
            static, _ = _mean(self._losses(slow_pass(ids)))
            loss, count = _mean(dynamic_losses(self.model, slow_pass(ids), rate=dynamic_rate))
        bits = len(ids) / max(1, self.vocabulary.count_characters(ids)) / math.log(2.0)
        beside = {} if dynamic_rate is None else {"static_loss": static, "gained_bits": (static - loss) * bits}
        return {
            "validation_loss": loss,
            **beside,
            "bits_per_character": loss * bits,
            "perplexity": math.exp(min(loss, 700.0)),
            "symbols": count,
        }

    @torch.no_grad()
    def _losses(self, windows: Iterable[Window]) -> Iterator[tuple[Tensor, int]]:
        """The summed nats of each window, and its number of symbols."""
        self.model.eval()
        state = None
        for window in windows:
            found, state = self.model.nats(window.inputs.to(self.device), window.targets.to(self.device), state)
            yield found.sum(), window.targets.numel()

    def evaluate(self, data: Any, dynamic_rate: float | None = None) -> dict[str, Any]:
        """Return the metrics on a text; of the text it was trained on, only the held-out part is used."""
        corpus = read_text(self.options, data, self.vocabulary)
        fraction = fraction_of(self.options.validation)
        if corpus.fingerprint == self.fingerprint and fraction is not None:
            self._split(corpus, fraction, [])
            return {**self.metrics(dynamic_rate), "split": self.split}
        told = judged_on(corpus.fingerprint, self.fingerprint, self.split, "text")
        return {**self._measure(corpus.ids, dynamic_rate), "split": told}

    def specimen(self, data: Any, steps: int) -> Specimen:
        """Return windows spread over a text."""
        o = self.options
        ids = self.validation_ids if data is None else read_text(o, data, self.vocabulary).ids
        return windows(ids, steps, self.noun)

    def validation_cost(self) -> float:
        """Return the length of the held-out text over the training text's."""
        return len(self.validation_ids) / len(self.train_ids)

    def describe(self) -> dict[str, Any]:
        """Return counts and split."""
        told: dict[str, Any] = {"documents": self.documents} if self.documents else {}
        if self.options.condition:
            told["labels"] = len(self.vocabulary.marks)
        if self.options.unit == "word":
            told["unknown_words"] = f"{self.unknown_share:.1%} of the held-out text"
        return {
            "symbols": len(self.vocabulary),
            **told,
            f"training_{self.noun}": len(self.train_ids),
            f"validation_{self.noun}": len(self.validation_ids),
            "split": self.split,
        }

    def baseline(self) -> dict[str, float]:
        """Return the loss of an interpolated 5-gram model of the same text, the bar for any network."""
        from unspool.data.ngram import witten_bell  # only a training that is reported needs it

        return {"5-gram": witten_bell(self.train_ids, self.validation_ids, len(self.vocabulary), order=5)}

    def advice(self) -> list[str]:
        """Return a line on over- or underfitting, one on a baseline that is better, one on the window."""
        window, dropout = int(self.options.window or 1), float(self.options.dropout or 0.0)
        return advise(self.model, self.train_ids, self.validation_ids, window, dropout, self.baselines)

    def metadata(self) -> dict[str, Any]:
        """Return the vocabulary, and how an adaptive softmax divides it."""
        told = {"vocabulary": self.vocabulary.to_dict(), "split": self.split}
        if self.clusters is None:
            return told
        return {**told, "clusters": {name: list(places) for name, places in self.clusters._asdict().items()}}

    @classmethod
    def from_metadata(cls, options: TrainingOptions, metadata: Mapping[str, Any]) -> Language:
        """Return the task of a model file."""
        assert isinstance(options, LanguageOptions)
        vocabulary = vocabulary_from_dict(metadata["vocabulary"])
        if vocabulary.unit != options.unit:
            raise DataError(f"the unit must be that of the vocabulary, {vocabulary.unit}, got {options.unit}")
        task = cls(options, vocabulary)
        task.split = str(metadata.get("split", ""))
        if "clusters" in metadata:
            stored = metadata["clusters"]
            task.clusters = Clusters(*(tuple(map(int, stored[name])) for name in Clusters._fields))
        return task

    def preview(self, step: int) -> str | None:
        """Return a line or two of what the network writes now."""
        marks = self.vocabulary.marks
        label = marks[step % len(marks)] if self.options.condition else None
        return self.sample(length=160 if self.options.unit in ("char", "byte") else 40, seed=step, label=label)


def _mean(losses: Iterable[tuple[Tensor, int]]) -> tuple[float, int]:
    """The mean of summed losses, and how many there are."""
    nats, count = 0.0, 0
    for found, symbols in losses:
        nats += float(found)
        count += symbols
    return nats / count, count


def _check(options: LanguageOptions, data: Any) -> None:
    """Refuse options that would do nothing."""
    check_dependent(options)
    given = data is not None and not (isinstance(data, list | tuple) and not data)
    if options.corpus != "docs" and given:
        raise SpecError(f"--corpus {options.corpus} is built-in text in place of DATA, got both; leave one of them out")


def _places(old: Vocabulary, new: Vocabulary) -> Tensor:
    """Where each symbol and mark of a vocabulary stood in an old one; a word and a mark may be written alike."""
    return places_of(_names(old, new), _names(new, old))


def _names(vocabulary: Vocabulary, other: Vocabulary) -> list[Hashable]:
    same = vocabulary.base == other.base  # subwords may be written alike too, and never grow
    base: list[Hashable] = list(range(len(vocabulary.base)) if same else vocabulary.base.symbols)
    return [*base, *(("mark", mark) for mark in vocabulary.marks)]
