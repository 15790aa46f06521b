"""A sound written down while it is still coming."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from unspool.errors import SpecError
from unspool.tasks.transcribing.sound import SoundInput
from unspool.tasks.transcribing.stepper import TranscriptStepper

if TYPE_CHECKING:
    from unspool.tasks.transcribing.transcriber import Transcriber


class Listener:
    """A causal transcriber of sound, fed with samples as they arrive.

    What it says of a sound is what the best path says of the whole.

    Raises:
        SpecError: the model reads other input, or recordings from both ends.
    """

    def __init__(self, task: Transcriber, rate: int) -> None:
        if not isinstance(task.source, SoundInput):
            raise SpecError(f"a model that listens must read sound, this one reads {task.source.kind}; give it files")
        stepper = task.stepper()
        assert isinstance(stepper, TranscriptStepper)
        self.stepper = stepper
        self.source, self.features = task.source, task.source.mel.stream(rate)
        self.state = self.stepper.initial(1)
        self.steps = 0

    @property
    def seconds(self) -> float:
        """How much of the sound has been read."""
        return self.steps * self.source.mel.shift

    def accept(self, samples: NDArray[np.float32]) -> Iterator[dict[str, Any]]:
        """Yield what is newly said in a block of samples [N]: time in seconds, text, probability."""
        yield from self._read(self.features.accept(samples))

    def finish(self) -> Iterator[dict[str, Any]]:
        """Yield what the end of the sound says."""
        yield from self._read(self.features.finish())
        spoken, self.state = self.stepper.flush(self.state)
        yield from self._answers(spoken)

    def _read(self, frames: NDArray[np.float32]) -> Iterator[dict[str, Any]]:
        if not len(frames):
            return
        for row in torch.from_numpy(self.source.scaling.apply(frames)).to(self.stepper.task.device):
            self.steps += 1
            spoken, self.state = self.stepper.advance(row[None], self.state)
            yield from self._answers(spoken)

    def _answers(self, spoken: Any) -> Iterator[dict[str, Any]]:
        for answer in self.stepper.worded(spoken):
            if answer["text"]:
                yield {"time": round(self.seconds, 3), **answer}
