"""A causal transcriber while its input is still coming: rows of numbers in, newly said symbols out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.errors import DataError, SpecError
from unspool.nets.transcribing import Heard

if TYPE_CHECKING:
    from unspool.tasks.transcribing.transcriber import Transcriber


class Hearing(NamedTuple):
    """The network's state, and the outcome of the last frame of each stream, [B] in float32; V is the blank."""

    net: Heard
    last: Tensor


class Spoken(NamedTuple):
    """What the last step said, [B]: ids, V for nothing new, and the probability of each."""

    ids: Tensor
    probability: Tensor


class TranscriptStepper:
    """Many streams of rows, each at its own place; see `unspool.training.protocol.Stepper`.

    A symbol is said when the best path first has it (Graves et al. 2006, section 3.2), and is never taken back.
    """

    def __init__(self, task: Transcriber) -> None:
        self.task, self.net = task, task.model.eval()
        self.columns: Sequence[str] | None = task.source.columns

    def read(self, cells: Sequence[str]) -> NDArray[np.float32]:
        """Return a row of channels [C], scaled as in training."""
        if self.task.source.kind != "numbers":
            raise SpecError(f"rows of numbers came, but this model reads {self.task.source.kind}; give it a sound")
        try:
            numbers = np.array([float(cell) for cell in cells])
        except ValueError:
            numbers = np.empty(0)
        if len(numbers) != self.task.source.channels or not np.isfinite(numbers).all():
            shown = ",".join(cells)[:60]
            raise DataError(f"a row must be {self.task.source.channels} finite numbers, got {shown!r}; mend it")
        row: NDArray[np.float32] = self.task.source.scaling.apply(numbers[None])[0]
        return row

    def initial(self, streams: int) -> Hearing:
        """Return the state of streams that have not begun."""
        net = self.net.initial(streams)
        return Hearing(net, torch.full_like(net.filled, self.task.head.blank))

    def step(self, inputs: NDArray[np.float32], state: Hearing) -> tuple[list[dict[str, Any]], Hearing]:
        """Return what is newly said after rows [B, C], and the states after them."""
        spoken, state = self.advance(torch.from_numpy(inputs).to(self.task.device), state)
        return self.worded(spoken), state

    def advance(self, x: Tensor, state: Hearing) -> tuple[Spoken, Hearing]:
        """Take one more scaled step x [B, C] of each stream."""
        raw, full, net = self.net.step(x, state.net)
        return self._spoken(raw, full, net, state)

    def end(self, state: Hearing) -> list[dict[str, Any]]:
        """Return what is newly said where streams end; see `unspool.tasks.streaming.EndingStepper`."""
        return [answer if answer["text"] else {} for answer in self.worded(self.flush(state)[0])]

    def flush(self, state: Hearing) -> tuple[Spoken, Hearing]:
        """End every stream, a frame that is not full with it."""
        raw, started, net = self.net.flush(state.net)
        return self._spoken(raw, started, net, state)

    def _spoken(self, raw: Tensor, full: Tensor, net: Heard, state: Hearing) -> tuple[Spoken, Hearing]:
        found, best = raw.softmax(-1).max(-1)  # [B]
        new = full & (best != state.last)
        ids = torch.where(new, best, self.task.head.blank)
        return Spoken(ids, found), Hearing(net, torch.where(full, best.to(state.last), state.last))

    def worded(self, spoken: Spoken) -> list[dict[str, Any]]:
        """Return what is newly said in words, "" for nothing; behind a word stands a blank."""
        behind = "" if self.task.options.unit == "char" else " "
        answers: list[dict[str, Any]] = []
        for place, probability in zip(spoken.ids.tolist(), spoken.probability.tolist(), strict=True):
            if place == self.task.head.blank:
                answers.append({"text": ""})
            else:
                answers.append({"text": self.task.targets.symbols[place] + behind, "probability": probability})
        return answers

    def told(self, answer: Mapping[str, Any]) -> str:
        """Return an answer as one line."""
        return str(answer["text"])
