"""A causal model of whole sequences, row by row: after every row the answer so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from unspool.data.vocabulary import Vocabulary
from unspool.errors import DataError
from unspool.nets.pooled import PooledNet
from unspool.training.protocol import State

if TYPE_CHECKING:
    from unspool.tasks.whole.whole import Whole


class WholeStepper:
    """Many streams, each at its own place; the state is the stack's."""

    def __init__(self, task: Whole) -> None:
        self.task = task
        self.columns: Sequence[str] | None = task.channels  # of a row, in their order
        assert isinstance(task.model, PooledNet)  # one network: so it is with --causal
        self.net = task.model.eval()

    def read(self, cells: Sequence[str]) -> NDArray[np.float32]:
        """Return a row of channels [C], standardised as in training, or the number of one character [1]."""
        encoding = self.task.encoding
        if isinstance(encoding, Vocabulary):
            if len(cells) != 1 or len(cells[0]) != 1:
                raise DataError(f"a row must be one character, got {','.join(cells)[:60]!r}; give one a row")
            return encoding.encode(cells[0], self.task.unknown).astype(np.float32)  # exact: there are fewer than 2^24
        try:
            numbers = np.array([float(cell) for cell in cells])
        except ValueError:
            numbers = np.empty(0)
        if len(numbers) != encoding.channels or not np.isfinite(numbers).all():
            shown = ",".join(cells)[:60]
            raise DataError(f"a row must be {encoding.channels} finite numbers, got {shown!r}; mend it")
        row: NDArray[np.float32] = encoding.apply(numbers[None])[0]
        return row

    def initial(self, streams: int) -> State:
        """Return the state of sequences that have not begun."""
        return self.net.stack.init_state(streams)

    def step(self, inputs: NDArray[np.float32], state: State) -> tuple[list[dict[str, Any]], State]:
        """Return the answers so far after rows [B, C], and the states after them."""
        x = torch.from_numpy(inputs).to(self.task.device)
        raw, state = self.net.step(x[:, 0].long() if self.task.text else x, state)
        return self.task.worded(raw.double()), state

    def told(self, answer: Mapping[str, Any]) -> str:
        """Return an answer as one line."""
        return self.task.told(answer)
