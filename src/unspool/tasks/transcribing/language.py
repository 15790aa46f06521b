"""A character language model of ours beside a transcriber: how likely each next symbol of its texts is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.cells import state as trees
from unspool.data.vocabulary import CharVocabulary
from unspool.errors import SpecError
from unspool.tasks.language.language import Language
from unspool.training.protocol import Task

FLOOR: Final = -10.0  # nats, of a symbol that the language model has never seen: rare, but not ruled out


class Read(NamedTuple):
    """A text that the language model has read."""

    state: Any  # of batch 1
    log_probs: NDArray[np.float64]  # nats [L], of each of its own symbols coming next


class LanguageScorer:
    """What prefix beam search asks of a language model (`unspool.decode.LanguageModel`), of one of ours.

    A text stands where a line begins, behind a newline, and is at its end where a newline comes; of a model of
    documents, where a document begins and ends. A symbol that the model has never seen has the probability e^-10, and
    is read as the model's replacement.

    Args:
        task: a language model of characters.
        symbols: those of the transcriber, V characters.

    Raises:
        SpecError: the model is another one, or the symbols are words.
    """

    def __init__(self, task: Task, symbols: Sequence[str]) -> None:
        if not isinstance(task, Language) or not isinstance(task.vocabulary.base, CharVocabulary):
            came = f"--unit {task.options.unit}" if isinstance(task, Language) else f"the task {task.name}"
            raise SpecError(
                f"--language must be a language model of --unit char, got one of {came}; train one with "
                "`unspool train language`"
            )
        words = [symbol for symbol in symbols if len(symbol) != 1]
        if words:
            raise SpecError(
                f"a language model of characters knows single characters, but the transcriber writes symbols such as "
                f"{words[0]!r}; train the transcriber with --unit char, or leave --language out"
            )
        self.task = task
        characters, every = task.vocabulary.base, task.vocabulary.symbols
        numbers = {symbol: number for number, symbol in enumerate(characters.symbols)}
        self._known = np.array([symbol in numbers for symbol in symbols])  # [V]
        self._ids = np.array([numbers.get(symbol, characters.replacement) for symbol in symbols])  # [V]
        marks = range(len(characters), len(every))  # one stands at the start of each document
        self._ends = [*marks, *([numbers["\n"]] if "\n" in numbers else [])]
        generator = task.generator()
        self._step = self._by_torch if isinstance(generator, str) else generator.step

    def start(self) -> Read:
        """Return the state at the start of a line or document."""
        begun = self.task.read("")
        return Read(begun.state, _log_probs(begun.scores)[0])

    @torch.no_grad()
    def extend(self, states: Sequence[Read], symbols: Sequence[int]) -> list[Read]:
        """Read one symbol more in each of N texts, all at once."""
        ids = torch.from_numpy(self._ids[list(symbols)]).to(self.task.device)
        scores, state = self._step(ids, trees.join([text.state for text in states]))
        rows = _log_probs(scores)
        return [Read(trees.select(state, slice(row, row + 1)), rows[row]) for row in range(len(rows))]

    def scores(self, states: Sequence[Read]) -> NDArray[np.float64]:
        """Return the log-probabilities of the transcriber's symbols coming next, nats [N, V]."""
        found = np.stack([text.log_probs for text in states])[:, self._ids]
        return np.where(self._known, found, FLOOR)

    def end(self, states: Sequence[Read]) -> NDArray[np.float64]:
        """Return the log-probability that the line or document ends, nats [N]; 0 where the model knows no ends."""
        if not self._ends:
            return np.zeros(len(states))
        found = np.stack([text.log_probs for text in states])[:, self._ends]
        return np.asarray(np.logaddexp.reduce(found, axis=1))

    def _by_torch(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        read = self.task.model(ids[None], state)  # [1, N, L]
        return read.raw[0], read.state


def _log_probs(scores: Tensor) -> NDArray[np.float64]:
    return scores.detach().to("cpu", torch.float64).log_softmax(-1).numpy()
