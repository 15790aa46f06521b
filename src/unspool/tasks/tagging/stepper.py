"""A tagger that labels streams: one step of each stream in, its label out, at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.cells.base import State
from unspool.nets.tagging import TaggingNet
from unspool.tasks.tagging.encoding import Encoding


class TagStepper:
    """The network of a causal tagger, one step at a time; see `unspool.training.protocol.Stepper`."""

    def __init__(self, model: TaggingNet, encoding: Encoding, classes: Sequence[str]) -> None:
        self.model, self.encoding, self.classes = model.eval(), encoding, tuple(classes)
        self.columns: Sequence[str] | None = encoding.columns

    def read(self, cells: Sequence[str]) -> NDArray[np.float32]:
        """Return the input of one row, [I], scaled or numbered as in training."""
        return self.encoding.row(cells)

    def initial(self, streams: int) -> State:
        """Return the zero state of new streams."""
        return self.model.stack.init_state(streams)

    def step(self, inputs: NDArray[np.float32], state: State) -> tuple[list[dict[str, Any]], State]:
        """Return label and probability for each row of the inputs [B, I], and the next state."""
        device = self.model.output.weight.device
        raw, state = self.model.step(self.encoding.tensor(inputs).to(device), state)
        best = raw.softmax(-1).max(-1)  # [B]
        rows = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [{"label": self.classes[label], "probability": probability} for label, probability in rows], state

    def told(self, answer: Mapping[str, Any]) -> str:
        """Return an answer as one line."""
        return f"{answer['label']}\t{answer['probability']:.4f}"
