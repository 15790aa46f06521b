"""Writing and reading with a trained language model: samples, streams, prompts kept as states, surprise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.cells import state as trees
from unspool.data.utf8 import Utf8Mask
from unspool.data.vocabulary import Vocabulary
from unspool.decode import generate
from unspool.draws import Draws
from unspool.engine.generator import Chosen, Generator, native_generator
from unspool.errors import SpecError
from unspool.nets.sequence import SequenceNet
from unspool.sampling import Sampling
from unspool.tasks.language_options import LanguageOptions
from unspool.tasks.pieces import Piece, pieces

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


class _Writing(NamedTuple):
    """What to write, beside the prompt."""

    length: int | None
    seed: int
    stop: str
    raw: bool
    weights: str
    sampling: Sampling


class TextModel:
    """The reading and writing half of a language model; `Language` adds training."""

    options: LanguageOptions
    vocabulary: Vocabulary
    model: SequenceNet

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        return self.model.output.weight.device

    def read(self, prompt: str, after: Prompted | None = None) -> Prompted:
        """Read a text and return the state after it; `after` goes on from an earlier one.

        Raises:
            DataError: a symbol that the model has never seen, unless `unknown` says otherwise.
        """
        ids = self.vocabulary.encode(prompt, self.options.unknown)
        if after is None and len(ids) == 0:
            ids = self.vocabulary.start()
        if len(ids) == 0 and after is not None:
            return after
        state, scores = (after.state, after.scores) if after else (None, None)
        self.model.eval()
        with torch.no_grad():
            for first in range(0, len(ids), READ):
                chunk = torch.from_numpy(ids[first : first + READ].astype(np.int64)).to(self.device)
                result = self.model(chunk[:, None], state)  # [T, 1, V]
                state, scores = result.state, result.raw[-1]
        assert scores is not None
        return Prompted((after.text if after else "") + prompt, state, scores)

    def stream(
        self,
        prompt: str | Prompted = "",
        *,
        length: int | None = 400,
        sample: int = 0,
        seed: int = 0,
        stop: str = "",
        raw: bool = False,
        weights: str = "f32",
        **sampling: Any,
    ) -> Iterator[Piece]:
        """Write symbol by symbol, without end if `length` is None, in constant memory; the prompt is not repeated."""
        writing = _Writing(length, seed, stop, raw, weights, _sampling(sampling))
        return self._tile(prompt, [sample], writing)[0]

    @overload
    def sample(self, prompt: str | Prompted = "", *, count: None = None, **options: Any) -> str: ...
    @overload
    def sample(self, prompt: str | Prompted = "", *, count: int, **options: Any) -> list[str]: ...
    def sample(
        self, prompt: str | Prompted = "", *, count: int | None = None, echo: bool = True, **options: Any
    ) -> str | list[str]:
        """Return a text, or a list of `count` texts, that go on from the prompt.

        Options: `length` (400), `seed` (0), `stop`, `raw`, `weights` ("f32", "bf16" or "int8", in which the native
        generator computes), and those of `Sampling`: temperature, top_k, top_p, min_p, greedy. Sample i of a seed is
        the same text whatever `count` is.
        """
        head = (prompt.text if isinstance(prompt, Prompted) else prompt) if echo else ""
        number = 1 if count is None else count
        texts = [head + "".join(p.text for p in written) for written in self.samples(prompt, number, **options)]
        return texts if count is not None else texts[0]

    def samples(
        self,
        prompt: str | Prompted = "",
        count: int = 1,
        *,
        length: int | None = 400,
        seed: int = 0,
        stop: str = "",
        raw: bool = False,
        weights: str = "f32",
        **sampling: Any,
    ) -> Iterator[list[Piece]]:
        """Yield the pieces of each of `count` samples; a few are computed at a time."""
        if count < 1:
            raise SpecError(f"--count must be at least 1, got {count}")
        if length is None:
            raise SpecError("a sample is returned when it ends, got length=None; give a length, or use stream()")
        writing = _Writing(length, seed, stop, raw, weights, _sampling(sampling))
        prompted = self.read(prompt) if isinstance(prompt, str) else prompt
        together = ROWS if isinstance(self.generator(weights), str) else NATIVE_ROWS
        for first in range(0, count, together):
            numbers = list(range(first, min(first + together, count)))
            yield from _collect(self._tile(prompted, numbers, writing))

    def generator(self, weights: str = "f32") -> Generator | str:
        """The native generator of this model, or why it is stepped in Python instead."""
        self.model.eval()
        found = native_generator(self.model, weights)
        if isinstance(found, str) and weights != "f32":
            raise SpecError(f"--weights {weights} needs the native generator, but {found}; use f32")
        return found

    def _tile(self, prompt: str | Prompted, numbers: list[int], writing: _Writing) -> list[Iterator[Piece]]:
        """Return one stream for each sample number; they advance together."""
        prompted = self.read(prompt) if isinstance(prompt, str) else prompt
        utf8 = self.options.unit == "byte" and not writing.raw
        generator = self.generator(writing.weights)
        if isinstance(generator, str):
            base = numbers[0] // ROWS * ROWS
            steps: Iterator[Chosen] = self._loop(prompted, range(base, base + ROWS), utf8, writing)
            rows = [number - base for number in numbers]
        else:
            Draws(writing.seed, numbers)  # refuses numbers that are no words
            rows = list(range(len(numbers)))
            scores, state = prompted.scores.expand(len(rows), -1), trees.expand(prompted.state, len(rows))
            steps = generator.generate(
                scores, state, writing.sampling, numbers, seed=writing.seed, length=writing.length, utf8=utf8
            )
        return pieces(steps, rows, self.vocabulary, stop=writing.stop)

    def _loop(self, prompted: Prompted, samples: range, utf8: bool, writing: _Writing) -> Iterator[Chosen]:
        scores, state = prompted.scores.expand(ROWS, -1), trees.expand(prompted.state, ROWS)
        mask = Utf8Rows(ROWS) if utf8 else None
        draws = Draws(writing.seed, samples)
        steps = generate(self._step, state, scores, writing.sampling, draws, length=writing.length, mask=mask)
        return (Chosen(step.ids.tolist(), step.log_probs.tolist()) for step in steps)

    def _step(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        stack = self.model.stack
        output, state = stack.step(stack.project(self.model.embed(ids)), state)
        return self.model.output(output.h), state

    def score(self, text: str) -> NDArray[np.float64]:
        """Return the surprise of each symbol in nats, -log p(symbol | all before); the first has none: nan."""
        ids = self.vocabulary.encode(text, self.options.unknown).astype(np.int64)
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


class Utf8Rows:
    """The UTF-8 rules for several texts side by side."""

    def __init__(self, rows: int) -> None:
        self.rows = [Utf8Mask() for _ in range(rows)]

    def allowed(self, remaining: int) -> NDArray[np.bool_]:
        """Return bool [N, 256]."""
        return np.stack([row.allowed(remaining) for row in self.rows])

    def push(self, ids: Tensor) -> None:
        """Take note of one byte for each text."""
        for row, byte in zip(self.rows, ids.tolist(), strict=True):
            row.push(byte)


def _sampling(values: dict[str, Any]) -> Sampling:
    try:
        return replace(Sampling(), **values)
    except TypeError as error:
        known = "temperature, top_k, top_p, min_p, greedy"
        raise SpecError(f"there is no such option of sampling ({error}); known: {known}") from error


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
