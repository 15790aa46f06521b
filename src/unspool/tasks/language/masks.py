"""What may come next in a text: whole characters only, a given alphabet only, marks between characters only."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unspool.data.marks import DOCUMENT, Marked
from unspool.data.utf8 import Utf8Mask
from unspool.data.vocabulary import Vocabulary
from unspool.data.words import split
from unspool.errors import SpecError

BYTES = 256
SHOWN = 8


class TextMask(Protocol):
    """The rules for one text."""

    def allowed(self, remaining: int) -> NDArray[np.bool_]:
        """The symbols [V] that may come next, with `remaining` to come, this one included."""

    def push(self, symbol: int) -> None:
        """Take the next symbol."""


class Rows:
    """The rules for several texts side by side."""

    def __init__(self, rows: Sequence[TextMask]) -> None:
        self.rows = list(rows)

    def allowed(self, remaining: int) -> NDArray[np.bool_]:
        """Return bool [N, V]."""
        return np.stack([row.allowed(remaining) for row in self.rows])

    def push(self, ids: Tensor) -> None:
        """Take note of one symbol for each text."""
        for row, symbol in zip(self.rows, ids.tolist(), strict=True):
            row.push(symbol)

    def select(self, rows: list[int]) -> None:
        """Go on with copies of these rows."""
        self.rows = [deepcopy(self.rows[row]) for row in rows]


class WholeCharacters:
    """Bytes that keep a text valid UTF-8; marks, which follow the 256 bytes, stand between two characters."""

    def __init__(self, marks: int) -> None:
        self._marks = marks
        self._utf8 = Utf8Mask()

    def allowed(self, remaining: int) -> NDArray[np.bool_]:
        """Return bool [256 + marks]."""
        marks = np.full(self._marks, self._utf8.complete)
        return np.concatenate([self._utf8.allowed(remaining), marks])

    def push(self, symbol: int) -> None:
        """Take the next byte; a mark leaves the text as it is."""
        if symbol < BYTES:
            self._utf8.push(symbol)


class BytesOf:
    """Bytes that spell the characters of an alphabet, and marks between two of them.

    A character is begun only if it can be finished, where there is one short enough.
    """

    def __init__(self, alphabet: str, marks: int) -> None:
        self._characters = [character.encode("utf-8", "surrogateescape") for character in sorted(set(alphabet))]
        self._marks = marks
        self._begun = b""

    def allowed(self, remaining: int) -> NDArray[np.bool_]:
        """Return bool [256 + marks]."""
        mask = np.zeros(BYTES + self._marks, dtype=np.bool_)
        depth = len(self._begun)
        possible = [character for character in self._characters if character.startswith(self._begun)]
        for character in [c for c in possible if len(c) - depth <= remaining] or possible:
            mask[character[depth]] = True
        mask[BYTES:] = depth == 0
        return mask

    def push(self, symbol: int) -> None:
        """Take the next byte; a mark leaves the text as it is."""
        if symbol < BYTES:
            begun = self._begun + bytes([symbol])
            self._begun = b"" if begun in self._characters else begun


class SymbolsOf:
    """The words of an alphabet, or the symbols made of its characters; and marks."""

    def __init__(self, alphabet: str, vocabulary: Vocabulary) -> None:
        symbols = vocabulary.base.symbols
        parts = set(split(alphabet) if vocabulary.unit == "word" else alphabet)
        spelled = [{symbol} if vocabulary.unit == "word" else set(symbol) for symbol in symbols]
        strange = sorted(parts - set().union(*(found for found in spelled if found <= parts)))
        if strange:
            shown = ", ".join(map(repr, strange[:SHOWN])) + (" and others" if len(strange) > SHOWN else "")
            raise SpecError(f"--alphabet must be made of symbols that the model knows, not of {shown}; leave them out")
        self._allowed = np.ones(len(vocabulary), dtype=np.bool_)
        self._allowed[: len(symbols)] = [found <= parts for found in spelled]

    def allowed(self, remaining: int) -> NDArray[np.bool_]:
        """Return bool [V]."""
        return self._allowed

    def push(self, symbol: int) -> None:
        """Nothing changes."""

    def __deepcopy__(self, memo: object) -> SymbolsOf:
        return self


def text_mask(vocabulary: Vocabulary, alphabet: str, raw: bool, rows: int) -> Rows | None:
    """Return the rules for texts of a vocabulary, or None where any symbol may come at any time.

    Raises:
        SpecError: the alphabet has a symbol that the model does not know; it is named.
    """
    marks = len(vocabulary.marks)
    if alphabet and vocabulary.unit == "byte":
        return Rows([BytesOf(alphabet, marks) for _ in range(rows)])
    if alphabet:
        return Rows([SymbolsOf(alphabet, vocabulary)] * rows)
    if vocabulary.unit == "byte" and not raw:
        return Rows([WholeCharacters(marks) for _ in range(rows)])
    return None


def starting_mark(vocabulary: Vocabulary, label: str | None) -> int | None:
    """Return the mark that stands before a new text, or None for a model that knows no marks.

    Raises:
        SpecError: a label for a model without labels, or none for a model with several.
    """
    marks = vocabulary.marks
    if not marks:
        if label is not None:
            raise SpecError(
                f"--label {label} needs a model that was trained with labels, this one was not; leave it out"
            )
        return None
    if label is None and DOCUMENT not in marks and len(marks) > 1:
        shown = ", ".join(marks[:SHOWN]) + (f" and {len(marks) - SHOWN} more" if len(marks) > SHOWN else "")
        raise SpecError(f"this model writes texts of {len(marks)} kinds, so it needs a --label; choose one of {shown}")
    assert isinstance(vocabulary, Marked)
    return vocabulary.mark(label)


def first_mark(vocabulary: Vocabulary) -> int:
    """The id from which on symbols are marks: they stand before a document and are no text."""
    return len(vocabulary.base)
