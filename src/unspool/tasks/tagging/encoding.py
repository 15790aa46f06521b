"""How a tagger reads a step: channels and pictures scaled, tokens and characters numbered."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unspool.data.augment import Augmentation, channel_dropout, dropped, jitter, scale
from unspool.data.examples import LARGEST
from unspool.data.examples import Numbers as Values
from unspool.data.sequence import Standardiser
from unspool.data.stepwise import Stepwise
from unspool.errors import DataError
from unspool.nets.frames import FrameEncoder

UNKNOWN: Final = 0  # the number of every symbol that is not known
RARE: Final = 1  # symbols that come so seldom in training are read as unknown, so that the unknown is learned too

# What leaves every label at its step; nothing may move in time.
ALIGNED: Final[dict[str, tuple[Augmentation, ...]]] = {
    "none": (),
    "light": (jitter, scale),
    "strong": (partial(jitter, deviation=0.1), partial(scale, deviation=0.2), channel_dropout),
}


class Encoding(ABC):
    """From the steps of a sequence to what the network reads, the same in training, in prediction and in a stream."""

    noun: str  # what a sequence is made of, for sentences
    pictures: bool = False
    columns: tuple[str, ...] | None = None  # of a table, where channels came from one
    constant: tuple[str, ...] = ()  # channels that never change in the training part, by name or by number from 1

    @abstractmethod
    def check(self, data: Stepwise) -> None:
        """Refuse sequences of another kind.

        Raises:
            DataError: they are not like those of the training.
        """

    @abstractmethod
    def encode(self, sequence: Any) -> NDArray[Any]:
        """Return symbols as ids [T], anything else as float32 [T, I]."""

    def varied(self, encoded: NDArray[Any], generator: np.random.Generator, strength: str) -> NDArray[Any]:
        """Return an encoded training sequence, changed a little; every label stays where it is."""
        for change in ALIGNED[strength]:
            encoded = change(encoded, generator)
        return encoded

    @abstractmethod
    def front(self, encoder: str | None, size: int) -> tuple[nn.Module | None, int]:
        """Return a new front of the network, drawn from torch's generator, and how wide its vectors are."""

    @abstractmethod
    def row(self, cells: Sequence[str]) -> NDArray[np.float32]:
        """Return one row of a stream as the network's input, [I].

        Raises:
            DataError: the row is not one that the model reads.
        """

    def tensor(self, rows: NDArray[np.float32]) -> Tensor:
        """Return rows [B, I] of streams as one step of the network's input, [B, ...]."""
        return torch.from_numpy(rows)

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """What a model file stores; `encoding_from_dict` reads it."""


class Symbols(Encoding):
    """Tokens or characters as places in a list; the first place is that of the unknown."""

    def __init__(self, kind: str, symbols: Iterable[str]) -> None:
        self.kind, self.symbols = kind, tuple(symbols)
        self.noun = "characters" if kind == "text" else "tokens"
        self._numbers = {symbol: number for number, symbol in enumerate(self.symbols, start=UNKNOWN + 1)}

    @classmethod
    def of(cls, training: Stepwise) -> Symbols:
        """The symbols of the training sequences, by falling frequency, equals by their text."""
        counts: Counter[str] = Counter()
        for sequence in training.symbols:
            counts.update(sequence)
        kept = [symbol for symbol, count in counts.items() if count > RARE]
        return cls(training.kind, sorted(kept, key=lambda symbol: (-counts[symbol], symbol)))

    def __len__(self) -> int:
        return len(self.symbols) + 1

    def check(self, data: Stepwise) -> None:
        if data.kind != self.kind:
            raise DataError(f"this model reads {self.noun}, got {data.kind} data; give it what it was trained on")

    def steps_of(self, text: str) -> str | list[str]:
        """Return a text as one sequence: its characters, or what stands between white space."""
        return text if self.kind == "text" else text.split()

    def encode(self, sequence: Any) -> NDArray[np.int64]:
        return np.fromiter((self._numbers.get(symbol, UNKNOWN) for symbol in sequence), np.int64, len(sequence))

    def varied(self, encoded: NDArray[Any], generator: np.random.Generator, strength: str) -> NDArray[Any]:
        return dropped(encoded, generator, UNKNOWN, strength)

    def front(self, encoder: str | None, size: int) -> tuple[nn.Module, int]:
        return nn.Embedding(len(self), size), size

    def row(self, cells: Sequence[str]) -> NDArray[np.float32]:
        if len(cells) != 1 or (self.kind == "text" and len(cells[0]) != 1):
            raise DataError(f"a row must be one of the {self.noun}, got {','.join(cells)!r}; give one a row")
        return self.encode(list(cells)).astype(np.float32)  # exact: there are fewer than 2^24

    def tensor(self, rows: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(rows)[:, 0].long()

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "symbols": list(self.symbols)}


class Numbers(Encoding):
    """Channels [T, C], each scaled to mean 0 and deviation 1 over the training steps; pictures [T, H, W], all pixels
    scaled alike and laid out row by row.
    """

    def __init__(self, scaling: Standardiser, frame: Sequence[int], columns: Sequence[str] | None = None) -> None:
        self.scaling, self.frame = scaling, tuple(frame)
        self.columns = None if columns is None else tuple(columns)
        self.width = math.prod(self.frame)
        self.pictures = len(self.frame) == 2
        size = " by ".join(map(str, self.frame))
        self.noun = f"pictures of {size} pixels" if self.pictures else f"{size} channels"
        if not self.frame or len(self.frame) > 2 or scaling.channels != (1 if self.pictures else self.width):
            raise DataError(
                f"a step must be channels [C] or a picture [H, W], got {list(self.frame)}; "
                "pictures in colour become grey, or one row of channels"
            )

    @classmethod
    def of(cls, training: Stepwise) -> Numbers:
        """The scaling of the training sequences."""
        frame = training.arrays[0].shape[1:]
        pictures = len(frame) == 2
        scaling = Standardiser.fit([a.reshape(-1, 1) if pictures else a for a in training.arrays])
        found = cls(scaling, frame, training.channels)
        names = training.channels or [f"number {place + 1}" for place in range(scaling.channels)]
        assert scaling.constant is not None
        found.constant = tuple(name for name, still in zip(names, scaling.constant, strict=True) if still)
        return found

    def check(self, data: Stepwise) -> None:
        shape = data.arrays[0].shape[1:] if data.kind == "numeric" else None
        if shape is not None and not data.lengths.any():
            return  # without a step there is nothing of another shape
        if shape != self.frame:
            came = f"{data.kind} data" if shape is None else f"steps of shape {list(shape)}"
            raise DataError(f"this model reads {self.noun}, got {came}; give it what it was trained on")

    def encode(self, sequence: Any) -> NDArray[np.float32]:
        return self._scaled(sequence.reshape(len(sequence), self.width))

    def front(self, encoder: str | None, size: int) -> tuple[nn.Module | None, int]:
        if encoder != "conv":
            return None, self.width
        height, width = self.frame
        return nn.Sequential(nn.Unflatten(2, self.frame), FrameEncoder(height, width, size)), size

    def row(self, cells: Sequence[str]) -> NDArray[np.float32]:
        try:
            numbers = np.array([float(cell) for cell in cells])
        except ValueError:
            numbers = np.full(self.width, np.nan)
        if len(numbers) != self.width or not (np.abs(numbers) <= LARGEST).all():
            came = ",".join(cells)
            raise DataError(f"a row must hold {self.width} finite numbers, got {came[:60]!r}; mend it or leave it out")
        return self._scaled(numbers)

    def _scaled(self, values: Values) -> NDArray[np.float32]:
        """Steps [..., I] on the scale of the network."""
        return self.scaling.apply(values[..., None])[..., 0] if self.pictures else self.scaling.apply(values)

    def to_dict(self) -> dict[str, Any]:
        columns = None if self.columns is None else list(self.columns)
        return {"kind": "numeric", "scaling": self.scaling.to_dict(), "frame": list(self.frame), "columns": columns}


def encoding_of(training: Stepwise) -> Encoding:
    """The encoding that is fitted on the training sequences."""
    return Numbers.of(training) if training.kind == "numeric" else Symbols.of(training)


def encoding_from_dict(stored: Mapping[str, Any]) -> Encoding:
    """The encoding that `to_dict` described.

    Raises:
        DataError: it described none.
    """
    match dict(stored):
        case {"kind": "text" | "tokens" as kind, "symbols": [*symbols]}:
            return Symbols(kind, map(str, symbols))
        case {"kind": "numeric", "scaling": Mapping() as scaling, "frame": [*frame], "columns": [*_] | None as columns}:
            return Numbers(Standardiser.from_dict(scaling), [int(side) for side in frame], columns)
    raise DataError(f"a stored encoding must be of text, tokens or numbers, got {sorted(stored)}; use a backup")
