"""What a transcriber reads: one kind of input, from recordings to rows of features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from unspool.data.sequence import Standardiser
from unspool.tasks.transcribing.options import TranscriberOptions

Features = NDArray[np.float32]  # [T, C]


@dataclass(frozen=True, eq=False)
class Given:
    """S recordings as they came, with what each says, whose it is and what it is called; None where that is unknown.

    `columns` are those of a table that the channels of numbers came from, `remarks` what a person should know of the
    reading, by what they are about.
    """

    items: Sequence[Any]
    texts: tuple[str | None, ...]
    groups: tuple[str | None, ...]
    names: tuple[str, ...]
    fingerprint: str
    columns: tuple[str, ...] | None = None
    remarks: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.items)

    def select(self, places: NDArray[np.int64]) -> Given:
        """Some of them, in the order of the places."""
        chosen = places.tolist()
        pick = getattr(self.items, "select", None)  # sequences that hold places of files, not what is in them
        return Given(
            pick(places) if pick else [self.items[place] for place in chosen],
            tuple(self.texts[place] for place in chosen),
            tuple(self.groups[place] for place in chosen),
            tuple(self.names[place] for place in chosen),
            self.fingerprint,
            self.columns,
            self.remarks,
        )


class Input(ABC):
    """From recordings to what a network reads, the same in training, in prediction and in a stream."""

    kind: ClassVar[str]
    noun: ClassVar[str]  # what a recording's steps are, plural
    scaling: Standardiser

    @classmethod
    @abstractmethod
    def fitted(cls, given: Given, options: TranscriberOptions) -> Input:
        """Return the input for training recordings, its scaling 0 and 1 until `scaled` finds it."""

    @classmethod
    @abstractmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Input:
        """Return the input that `stored` described."""

    @abstractmethod
    def features(self, items: Sequence[Any]) -> Iterator[Features]:
        """Return the features [T, C] of one recording after the other, not scaled yet.

        Raises:
            DataError: one cannot be read.
        """

    @abstractmethod
    def varied(self, features: Features, generator: np.random.Generator, strength: str) -> Features:
        """Return scaled features of a training sample, changed as much as asked: light or strong."""

    @abstractmethod
    def picture(self, axes: Any, item: Any, features: Features) -> None:
        """Draw one recording above its alignment, over its steps from 0 to T."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return what a model file stores."""

    def stored(self) -> dict[str, Any]:
        """Return that with the kind and the scaling."""
        return {"kind": self.kind, "scaling": self.scaling.to_dict(), **self.to_dict()}

    @property
    def seconds_per_step(self) -> float | None:
        """Seconds that a step stands for, None where it does not stand for any."""
        return None

    @property
    def channels(self) -> int:
        """C."""
        return self.scaling.channels

    @property
    def columns(self) -> Sequence[str] | None:
        """Columns of a table that the channels are, None where they are none."""
        return None


def scaling_of(stored: Mapping[str, Any]) -> Standardiser:
    """Return the scaling of a model file."""
    return Standardiser.from_dict(stored["scaling"])
