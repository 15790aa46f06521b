"""Writing and reading with a trained language model: samples, searches, streams, prompts kept as states, surprise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.cells import state as trees
from unspool.data.vocabulary import Vocabulary
from unspool.decode import beam_search, generate
from unspool.draws import Draws
from unspool.engine.generator import Chosen, Generator, native_generator
from unspool.errors import SpecError
from unspool.nets.sequence import SequenceNet
from unspool.sampling import Sampling
from unspool.tasks.language.masks import BYTES, starting_mark, text_mask
from unspool.tasks.language.novelty import Novelty, novelty
from unspool.tasks.language.options import LanguageOptions
from unspool.tasks.language.pieces import Piece, ending, pieces
from unspool.tasks.language.writing import Writing, asked

ROWS = (
    8  # samples that the loop computes together: always as many, so that sample i never depends on how many were asked
)
NATIVE_ROWS = 64  # at most as many by the native generator, whose rows do not depend on each other
READ = 512  # symbols of a prompt that are read at once


class Prompted(NamedTuple):
    """A prompt that was read: keep it, and write from it as often as you like."""

    text: str
    state: Any
    scores: Tensor  # [1, V]


class Found(NamedTuple):
    """A text that beam search found."""

    text: str  # without the prompt
    pieces: list[Piece]
    log_prob: float  # nats, what it ends with included
    score: float  # what it is ranked by


class TextModel:
    """The reading and writing half of a language model; `Language` adds training."""

    options: LanguageOptions
    vocabulary: Vocabulary
    model: SequenceNet

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        return self.model.output.weight.device

    def read(self, prompt: str, after: Prompted | None = None, label: str | None = None) -> Prompted:
        """Read a text and return the state after it; `after` goes on from an earlier one.

        A model of documents reads the mark that stands before each first, that of the `label` if it has labels.

        Raises:
            DataError: a symbol that the model has never seen, unless `unknown` says otherwise.
        """
        ids = self.vocabulary.encode(prompt, self.options.unknown)
        if after is not None:
            if label is not None:
                raise SpecError(f"a label stands before a text, got {label!r} for one that goes on; leave it out")
            return self.read_ids(ids, after, prompt) if len(ids) else after
        mark = starting_mark(self.vocabulary, label)
        if mark is not None:
            ids = np.concatenate([[mark], ids])
        return self.read_ids(ids if len(ids) else self.vocabulary.start(), None, prompt)

    def read_ids(self, ids: NDArray[Any], after: Prompted | None, text: str) -> Prompted:
        """Read symbols by their numbers, at least one; `text` is what they say."""
        state, scores = (after.state, after.scores) if after else (None, None)
        self.model.eval()
        with torch.no_grad():
            for first in range(0, len(ids), READ):
                chunk = torch.from_numpy(ids[first : first + READ].astype(np.int64)).to(self.device)
                result = self.model(chunk[:, None], state)  # [T, 1, V]
                state, scores = result.state, result.raw[-1]
        assert scores is not None
        return Prompted((after.text if after else "") + text, state, scores)

    def stream(self, prompt: str | Prompted = "", *, sample: int = 0, **options: Any) -> Iterator[Piece]:
        """Write symbol by symbol, without end if `length` is None; the prompt is not repeated.

        Memory is constant, unless a repetition penalty or blocked n-grams look back to the beginning.
        """
        writing, sampling = asked(options)
        if writing.beam:
            raise SpecError("beam search knows its texts when all have ended, so it cannot stream; use search()")
        return self._tile(self._begun(prompt, writing), [sample], writing, sampling)[0]

    @overload
    def sample(self, prompt: str | Prompted = "", *, count: None = None, **options: Any) -> str: ...
    @overload
    def sample(self, prompt: str | Prompted = "", *, count: int, **options: Any) -> list[str]: ...
    def sample(
        self, prompt: str | Prompted = "", *, count: int | None = None, echo: bool = True, **options: Any
    ) -> str | list[str]:
        """Return a text, or a list of `count` texts, that go on from the prompt.

        Options are the fields of `Writing` and `Sampling`, such as length, seed, stop, until, label, alphabet, beam;
        temperature, top_k, top_p, min_p, greedy, repetition_penalty, block_ngrams. Sample i of a seed is the same text
        whatever `count` is; with `beam` the texts are the likeliest, best first.
        """
        head = (prompt.text if isinstance(prompt, Prompted) else prompt) if echo else ""
        number = 1 if count is None else count
        texts = [head + "".join(p.text for p in written) for written in self.samples(prompt, number, **options)]
        return texts if count is not None else texts[0]

    def samples(self, prompt: str | Prompted = "", count: int = 1, **options: Any) -> Iterator[list[Piece]]:
        """Yield the pieces of each of `count` samples; a few are computed at a time."""
        if count < 1:
            raise SpecError(f"--count must be at least 1, got {count}")
        writing, sampling = asked(options)
        if writing.beam:
            if count > writing.beam:
                raise SpecError(
                    f"--beam {writing.beam} finds {writing.beam} texts at most, got --count {count}; raise it"
                )
            yield from (found.pieces for found in self.search(prompt, **options)[:count])
            return
        if writing.length is None:
            raise SpecError("a sample is returned when it ends, got length=None; give a length, or use stream()")
        prompted = self._begun(prompt, writing)
        together = ROWS if isinstance(self.generator(writing.weights), str) else NATIVE_ROWS
        for first in range(0, count, together):
            numbers = list(range(first, min(first + together, count)))
            yield from _collect(self._tile(prompted, numbers, writing, sampling))

    def search(self, prompt: str | Prompted = "", *, beam: int, **options: Any) -> list[Found]:
        """Return the likeliest texts that go on from the prompt, at most `beam`, best first.

        Options: those of `Writing`, and block_ngrams. Nothing is random.
        """
        writing, sampling = asked({**options, "beam": beam})
        prompted, generator = self._begun(prompt, writing), self.generator(writing.weights)
        until = self._checked(writing)
        step = self._step if isinstance(generator, str) else generator.step
        end = len(self.vocabulary.base) if until != "length" else len(self.vocabulary)

        def next_scores(ids: Tensor, state: Any) -> tuple[Tensor, Any]:
            scores, state = step(ids, state)
            return one_end(scores, end), state

        hypotheses = beam_search(
            next_scores,
            prompted.state,
            one_end(prompted.scores, end),
            width=beam,
            length=writing.length or 0,
            ended=ending(self.vocabulary, until, writing.stop),
            length_penalty=writing.length_penalty,
            block_ngrams=sampling.block_ngrams,
            mask=text_mask(self.vocabulary, writing.alphabet, writing.raw, 1),
        )
        texts = []
        for hypothesis in hypotheses:
            steps = (Chosen([i], [p]) for i, p in zip(hypothesis.ids, hypothesis.log_probs, strict=True))
            written = list(pieces(steps, [0], self.vocabulary, after=prompted.text, stop=writing.stop, until=until)[0])
            text = "".join(piece.text for piece in written)
            texts.append(Found(text, written, hypothesis.log_prob, hypothesis.score))
        return texts

    def generator(self, weights: str = "f32") -> Generator | str:
        """The native generator of this model, or why it is stepped in Python instead."""
        self.model.eval()
        found = native_generator(self.model, weights)
        if isinstance(found, str) and weights != "f32":
            raise SpecError(f"--weights {weights} needs the native generator, but {found}; use f32")
        return found

    def _begun(self, prompt: str | Prompted, writing: Writing) -> Prompted:
        if isinstance(prompt, str):
            return self.read(prompt, label=writing.label)
        if writing.label is not None:
            raise SpecError(f"a prompt that was read has its label already, got {writing.label!r}; give it to read()")
        return prompt

    def _checked(self, writing: Writing) -> str:
        """Where a text ends; what this model cannot write is refused."""
        if writing.raw and self.vocabulary.unit != "byte":
            raise SpecError(
                f"--raw needs a model of --unit byte, this one is of --unit {self.vocabulary.unit}; leave it out"
            )
        documents = bool(self.vocabulary.marks)
        if writing.until == "document" and not documents:
            raise SpecError(
                "--until document needs a model that learned documents, this one did not; use line or --stop"
            )
        return writing.until or ("document" if documents else "length")

    def _tile(
        self, prompted: Prompted, numbers: list[int], writing: Writing, sampling: Sampling
    ) -> list[Iterator[Piece]]:
        """Return one stream for each sample number; they advance together.

        The native generator does all of it, or its steps for the rules that only the loop knows, or torch does.
        """
        until = self._checked(writing)
        utf8 = self.vocabulary.unit == "byte" and not writing.raw
        generator = self.generator(writing.weights)
        rows = list(range(len(numbers)))
        plain = not (sampling.scheduled or sampling.looks_back or writing.alphabet)
        if isinstance(generator, str):
            base = numbers[0] // ROWS * ROWS
            steps = self._loop(self._step, prompted, range(base, base + ROWS), writing, sampling)
            rows = [number - base for number in numbers]
        elif plain and (len(self.vocabulary) == BYTES or not utf8):
            Draws(writing.seed, numbers)  # refuses numbers that are no words
            scores, state = prompted.scores.expand(len(rows), -1), trees.expand(prompted.state, len(rows))
            steps = generator.generate(
                scores, state, sampling.at(0.0), numbers, seed=writing.seed, length=writing.length, utf8=utf8
            )
        else:
            steps = self._loop(generator.step, prompted, numbers, writing, sampling)
        return pieces(steps, rows, self.vocabulary, after=prompted.text, stop=writing.stop, until=until)

    def _loop(
        self, step: Any, prompted: Prompted, numbers: Sequence[int], writing: Writing, sampling: Sampling
    ) -> Iterator[Chosen]:
        count = len(numbers)
        scores, state = prompted.scores.expand(count, -1), trees.expand(prompted.state, count)
        mask = text_mask(self.vocabulary, writing.alphabet, writing.raw, count)
        draws = Draws(writing.seed, numbers)
        chosen = generate(step, state, scores, sampling, draws, length=writing.length, mask=mask)
        return (Chosen(found.ids.tolist(), found.log_probs.tolist()) for found in chosen)

    def _step(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        stack = self.model.stack
        output, state = stack.step(stack.project(self.model.embed(ids)), state)
        return self.model.scores(output.h), state

    def novelty(self, text: str, ids: NDArray[Any] | None = None, *, least: int | None = None) -> Novelty:
        """Return how much of a text stands in the training text, or in other `ids` of the same vocabulary.

        `least` is the length in symbols from which on a substring counts as copied: 20 characters or bytes, or 5 words.

        Raises:
            SpecError: the model has no training text at hand.
        """
        corpus = getattr(self, "train_ids", np.empty(0, np.int64)) if ids is None else ids
        if len(corpus) == 0:
            raise SpecError("novelty is measured against the training text, which this model has not at hand; pass it")
        return novelty(self.vocabulary.encode(text, "skip"), corpus, self.vocabulary, least)

    def score(self, text: str, label: str | None = None) -> NDArray[np.float64]:
        """Return the surprise of each symbol in nats, -log p(symbol | all before).

        The first has none: nan. A model of documents reads the mark that stands before each first, that of the `label`
        if it has labels, so there the first has one.
        """
        ids = self.vocabulary.encode(text, self.options.unknown).astype(np.int64)
        mark = starting_mark(self.vocabulary, label)
        if mark is not None:
            return self._surprise(np.concatenate([[mark], ids]))[1:]
        return self._surprise(ids)

    def _surprise(self, ids: NDArray[np.int64]) -> NDArray[np.float64]:
        nats = np.full(len(ids), np.nan)
        state, previous = None, None
        self.model.eval()
        with torch.no_grad():
            for first in range(0, len(ids), READ):
                chunk = torch.from_numpy(ids[first : first + READ])
                result = self.model(chunk[:, None].to(self.device), state)
                logs = result.raw[:, 0].double().log_softmax(-1).cpu()  # [T, V]
                before = logs[:-1] if previous is None else torch.cat([previous, logs[:-1]])
                targets = chunk[1:] if previous is None else chunk
                found = before.gather(1, targets[:, None])[:, 0]
                nats[first + len(chunk) - len(found) : first + len(chunk)] = -found.numpy()
                state, previous = result.state, logs[-1:]
        return nats


def one_end(scores: Tensor, first: int) -> Tensor:
    """Give the probability of all symbols from `first` on, any of which ends a text, to the first of them."""
    if first + 1 >= scores.shape[-1]:
        return scores
    merged = scores.clone()
    merged[..., first] = scores[..., first:].logsumexp(-1)
    merged[..., first + 1 :] = -math.inf
    return merged


def _collect(streams: list[Iterator[Piece]]) -> list[list[Piece]]:
    """Advance all streams together, so that only one step of each is ever waiting."""
    written: list[list[Piece]] = [[] for _ in streams]
    waiting = dict(enumerate(streams))
    while waiting:
        for number, stream in list(waiting.items()):
            piece = next(stream, None)
            if piece is None:
                del waiting[number]
            else:
                written[number].append(piece)
    return written
