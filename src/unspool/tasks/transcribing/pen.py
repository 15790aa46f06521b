"""Strokes as a transcriber reads them: the way from point to point, the end of a stroke, the height on the line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np

from unspool.data.pen.made import made_inks
from unspool.data.pen.normalise import Normaliser
from unspool.data.pen.read import read_inks
from unspool.data.pen.strokes import Inks, Strokes
from unspool.data.sequence import Standardiser
from unspool.tasks.transcribing.inputs import Features, Given, Input, scaling_of
from unspool.tasks.transcribing.options import TranscriberOptions

# of a sample: slant, width and height, noise of a point; each in the unit of its kind
SHAKEN: Final = {"light": (0.15, 0.1, 0.02), "strong": (0.3, 0.2, 0.04)}


@dataclass(frozen=True, eq=False)
class PenInput(Input):
    """Rows (dx, dy, e, y): the way from the point before, 1 where the stroke ends, and the height above the baseline.

    All in sizes of the writer (`Normaliser`), whose size and slant are measured over all samples given of that writer.
    """

    kind: ClassVar[str] = "pen"
    noun: ClassVar[str] = "points"
    normaliser: Normaliser
    scaling: Standardiser

    @classmethod
    def fitted(cls, given: Given, options: TranscriberOptions) -> PenInput:
        """The input for training samples; the scaling is found from their features."""
        inks = given.items if isinstance(given.items, Inks) else Inks(given.items)
        normaliser = Normaliser().paced(inks, options.points_per_letter)  # its mean 0 and deviation 1 stay
        return cls(normaliser, Standardiser(np.zeros(4), np.ones(4)))

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> PenInput:
        """The input of a model file."""
        return cls(Normaliser.from_dict(stored["normaliser"]), scaling_of(stored))

    def features(self, items: Sequence[Strokes]) -> Iterator[Features]:
        for sample in self.normaliser.apply(items):
            rows = self.normaliser.encode(sample.strokes)
            yield np.column_stack([rows, sample.strokes.points[:, 1]]).astype(np.float32)

    def varied(self, features: Features, generator: np.random.Generator, strength: str) -> Features:
        """Sheared, stretched in both directions, and shaken; the pen's speed is the step between its points."""
        slant, stretch, noise = SHAKEN[strength]
        rows = self.scaling.invert(features)
        along, up = np.exp(generator.normal(0.0, stretch, 2))
        rows[:, 0] = along * rows[:, 0] + generator.normal(0.0, slant) * rows[:, 1]
        rows[:, [1, 3]] *= up
        rows[:, :2] += generator.normal(0.0, noise * self.normaliser.step, (len(rows), 2))
        return self.scaling.apply(rows)

    def picture(self, axes: Any, item: Strokes, features: Features) -> None:
        """The ink, drawn over the points that it was read as: a stroke's x is the number of its point."""
        rows = self.scaling.invert(features)
        height = rows[:, 3]
        ends = np.flatnonzero(rows[:, 2] > 0.5) + 1
        for stroke in np.split(np.arange(len(rows)), ends[:-1] if len(ends) else []):
            axes.plot(stroke, height[stroke], color="k", linewidth=1)
        axes.set_ylabel("height, sizes", fontsize=7)

    def to_dict(self) -> dict[str, Any]:
        return {"normaliser": self.normaliser.to_dict()}


def read_pen(data: Any) -> Given:
    """Samples of all formats of a pen, by their writers."""
    return pen_given(read_inks(data))


def pen_given(inks: Inks) -> Given:
    """Samples with their texts and writers."""
    known: list[tuple[str | None, str | None]] = [(sample.text, sample.writer) for sample in inks]
    texts, writers = zip(*known, strict=True)
    names = tuple(f"sample {number}" for number in range(1, len(inks) + 1))
    return Given(inks, texts, writers, names, inks.fingerprint())


def written_words(count: int = 600, seed: int = 0) -> Inks:
    """Words that the handwriting model of the package writes; made letters where the package has none."""
    from unspool.tasks import shipped

    if "handwriting" not in shipped.names():
        return made_inks(seed=seed)
    from unspool.tasks.transcribing.copybook import copied

    return copied(count, seed)
