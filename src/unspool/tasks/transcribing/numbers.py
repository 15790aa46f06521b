"""Series of numbers as a transcriber reads them: channels over time, each sequence with a text in place of a class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from unspool.data.augment import augmented, jitter, scale, time_warp
from unspool.data.labelled import read_labelled
from unspool.data.sequence import Standardiser
from unspool.errors import DataError
from unspool.tasks.transcribing.inputs import Features, Given, Input, scaling_of
from unspool.tasks.transcribing.options import TranscriberOptions


@dataclass(frozen=True, eq=False)
class NumbersInput(Input):
    """Channels [T, C] as they come, scaled; `names` are the columns of a table that they came from."""

    kind: ClassVar[str] = "numbers"
    noun: ClassVar[str] = "steps"
    scaling: Standardiser
    names: tuple[str, ...] | None = None

    @classmethod
    def fitted(cls, given: Given, options: TranscriberOptions) -> NumbersInput:
        """The input for training sequences; the scaling is found from them."""
        channels = given.items[0].shape[1]
        return cls(Standardiser(np.zeros(channels), np.ones(channels)), given.columns)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> NumbersInput:
        """The input of a model file."""
        names = stored["names"]
        return cls(scaling_of(stored), None if names is None else tuple(str(name) for name in names))

    @property
    def columns(self) -> Sequence[str] | None:
        return self.names

    def features(self, items: Sequence[NDArray[Any]]) -> Iterator[Features]:
        for number, item in enumerate(items, start=1):
            if not len(item):
                raise DataError(f"a sequence must have at least one step, but number {number} has none; leave it out")
            yield np.asarray(item)

    def varied(self, features: Features, generator: np.random.Generator, strength: str) -> Features:
        """Noise and scale (light), and the speed too (strong); nothing is cut off, as its text would stay."""
        if strength == "light":
            return augmented(features, generator, "light")
        for change in (time_warp, jitter, scale):
            features = change(features, generator)
        return features

    def picture(self, axes: Any, item: NDArray[Any], features: Features) -> None:
        """The channels as lines, scaled."""
        axes.plot(features, linewidth=0.8)
        axes.set_ylabel("scaled", fontsize=7)

    def to_dict(self) -> dict[str, Any]:
        return {"names": None if self.names is None else list(self.names)}


def read_numbers(
    data: Any, options: TranscriberOptions, *, columns: Sequence[str] | None = None, texts: bool = True
) -> Given:
    """Sequences of all formats of labelled data, whose label is the text.

    Raises:
        DataError: the sequences are texts themselves.
    """
    found = read_labelled(
        data,
        None,
        options.label_column,
        key=options.key,
        group=options.group if texts else None,
        channels=columns,
        require_labels=texts,
        fewest=1,  # one recording has one text
    )
    if found.kind != "numeric":
        raise DataError(
            "a transcriber reads strokes, sounds or series of numbers, got texts; name the columns of a long table "
            "(--key, --label-column), or for texts train a language model, a classifier or a tagger"
        )
    said: tuple[str | None, ...] = (None,) * len(found)
    if found.labels is not None:
        said = tuple(found.classes[place] for place in found.labels.tolist())
    groups: tuple[str | None, ...] = (None,) * len(found)
    if found.groups is not None:
        groups = tuple(found.group_names[place] for place in found.groups.tolist())
    names = found.names or tuple(f"sequence {number}" for number in range(1, len(found) + 1))
    return Given(found.arrays, said, groups, names, found.fingerprint, found.channels)
