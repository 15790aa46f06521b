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
from unspool.errors import SpecError
from unspool.nets.sequence import SequenceNet
from unspool.sampling import Sampling
from unspool.tasks.language_options import LanguageOptions
from unspool.tasks.pieces import Piece, pieces

ROWS = 8  # samples that are computed together: always as many, so that sample i never depends on how many were asked
READ = 512  # symbols of a prompt that are read at once


class Prompted(NamedTuple):
    """A prompt that was read: keep it, and write from it as often as you like."""

    text: str
    state: Any
    scores: Tensor  # [1, V]


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
        **sampling: Any,
    ) -> Iterator[Piece]:
        """Write symbol by symbol, without end if `length` is None, in constant memory; the prompt is not repeated."""
        return next(iter(self._tile(prompt, [sample], length, seed, stop, raw, _sampling(sampling))))

    @overload
    def sample(self, prompt: str | Prompted = "", *, count: None = None, **options: Any) -> str: ...
    @overload
    def sample(self, prompt: str | Prompted = "", *, count: int, **options: Any) -> list[str]: ...
    def sample(
        self, prompt: str | Prompted = "", *, count: int | None = None, echo: bool = True, **options: Any
    ) -> str | list[str]:
        """Return a text, or a list of `count` texts, that go on from the prompt.

        Options: `length` (400), `seed` (0), `stop`, `raw`, and those of `Sampling`: temperature, top_k, top_p, min_p,
        greedy. Sample i of a seed is the same text whatever `count` is.
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
        **sampling: Any,
    ) -> Iterator[list[Piece]]:
        """Yield the pieces of each of `count` samples; eight are computed at a time."""
        if count < 1:
            raise SpecError(f"--count must be at least 1, got {count}")
        if length is None:
            raise SpecError("a sample is returned when it ends, got length=None; give a length, or use stream()")
        prompted = self.read(prompt) if isinstance(prompt, str) else prompt
        for first in range(0, count, ROWS):
            numbers = list(range(first, min(first + ROWS, count)))
            streams = self._tile(prompted, numbers, length, seed, stop, raw, _sampling(sampling))
            yield from _collect(streams)

    def _tile(
        self,
        prompt: str | Prompted,
        numbers: list[int],
        length: int | None,
        seed: int,
        stop: str,
        raw: bool,
        sampling: Sampling,
    ) -> list[Iterator[Piece]]:
        """Return one stream for each sample number; they advance together, as row `number % 8` of eight."""
        prompted = self.read(prompt) if isinstance(prompt, str) else prompt
        base = numbers[0] // ROWS * ROWS
        draws = Draws(seed, range(base, base + ROWS))
        mask = Utf8Rows(ROWS) if self.options.unit == "byte" and not raw else None
        steps = generate(
            self._step,
            trees.expand(prompted.state, ROWS),
            prompted.scores.expand(ROWS, -1),
            sampling,
            draws,
            length=length,
            mask=mask,
        )
        rows = [number - base for number in numbers]
        return pieces(steps, rows, self.vocabulary, stop=stop)

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
