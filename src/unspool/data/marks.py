"""Marks at the start of documents: one symbol more for a document, or one for each label."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unspool.data.ids import pieces_of
from unspool.data.vocabulary import Vocabulary
from unspool.errors import DataError, SpecError
from unspool.spec import unknown_name

DOCUMENT: Final = "document"


class Marked(Vocabulary):
    """A vocabulary and its marks: the base's ids first, then one id for each mark, written `<mark>`.

    A mark stands at the start of every document. In a text it shows as a line end, or as nothing where it comes first.
    """

    def __init__(self, base: Vocabulary, marks: Iterable[str]) -> None:
        self._base, self.marks, self.unit = base.base, tuple(marks), base.unit
        if base.marks or not self.marks or len(set(self.marks)) != len(self.marks):
            raise DataError(
                f"marks must be one or more, each once, on a vocabulary without any, but {len(self.marks)} came for "
                f"one with {len(base.marks)}; give each label once"
            )
        self.first_mark = len(base)
        self.symbols = base.symbols + tuple(f"<{mark}>" for mark in self.marks)

    @property
    def base(self) -> Vocabulary:
        """The vocabulary without its marks."""
        return self._base

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Marked) and self.base == other.base and self.marks == other.marks

    def __hash__(self) -> int:
        return hash((self.base, self.marks))

    def mark(self, label: str | None = None) -> int:
        """The id of a label's mark; without one, of what an unlabelled document begins with.

        Raises:
            SpecError: there is no such label; the nearest one is named.
        """
        if label is None:
            label = DOCUMENT if DOCUMENT in self.marks else self.marks[0]
        if label not in self.marks:
            raise SpecError(unknown_name("label", label, self.marks))
        return self.first_mark + self.marks.index(label)

    def start(self) -> NDArray[np.int64]:
        """The mark of an unlabelled document, or else the first."""
        return np.array([self.mark()], dtype=np.int64)

    def encode(self, text: str, unknown: str = "fail", origin: str = "the text") -> NDArray[np.int64]:
        """Ids [T] of a text, without a mark."""
        return self.base.encode(text, unknown, origin)

    def encode_all(
        self, texts: Sequence[str], unknown: str = "fail", origin: str = "the text"
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids of all texts, without marks."""
        return self.base.encode_all(texts, unknown, origin)

    def decode(self, ids: ArrayLike) -> str:
        """The text of ids [T]."""
        known = self._checked(ids)
        starts = np.flatnonzero(known >= self.first_mark)
        texts = [self.base.decode(part[part < self.first_mark]) for part in np.split(known, starts)]
        return "\n".join(texts[1:] if len(starts) and starts[0] == 0 else texts)

    def decoder(self, after: str = "") -> Callable[[int], str]:
        """As the base's; a mark begins anew."""
        complete, begun = self.base.decoder(after), bool(after)

        def next_text(number: int) -> str:
            nonlocal complete, begun
            before, begun = begun, True
            if number < self.first_mark:
                return complete(number)
            complete = self.base.decoder()
            return "\n" if before else ""

        return next_text

    def count_characters(self, ids: NDArray[np.integer[Any]]) -> int:
        """Those of the base's ids."""
        return sum(self.base.count_characters(part[part < self.first_mark]) for part in pieces_of(ids))

    def merged(self, other: Vocabulary) -> Marked:
        """The symbols of both, then the marks of this one, then the other's new ones."""
        return Marked(self.base.merged(other.base), dict.fromkeys((*self.marks, *other.marks)))

    def to_dict(self) -> dict[str, Any]:
        """The base's description, and the marks."""
        return {"unit": self.unit, "base": self.base.to_dict(), "marks": list(self.marks)}


def with_marks(vocabulary: Vocabulary, marks: Sequence[str]) -> Vocabulary:
    """The vocabulary with these marks; itself where there are none."""
    return Marked(vocabulary, marks) if marks else vocabulary


def insert(
    ids: NDArray[np.integer[Any]], lengths: NDArray[np.int64], marks: Sequence[int], first: int
) -> NDArray[np.integer[Any]]:
    """Ids of texts [n], `lengths` [N] each, with id first + marks[i] before text i where marks[i] is not negative."""
    numbers = np.asarray(marks, dtype=np.int64)
    begins = numbers >= 0
    if not begins.any():
        return ids
    return np.insert(ids, (np.cumsum(lengths) - lengths)[begins], first + numbers[begins])


def border(ids: NDArray[np.integer[Any]], place: int, first_mark: int) -> int | None:
    """The place of the mark in ids [n] that is nearest to `place`, the first id aside; None where there is none."""
    place = max(place, 1)
    after = _first(ids[place:], first_mark)
    before = _first(ids[1:place][::-1], first_mark)
    found = [place + after] if after is not None else []
    if before is not None:
        found.append(place - 1 - before)
    return min(found, key=lambda where: abs(where - place), default=None)


def _first(ids: NDArray[np.integer[Any]], first_mark: int) -> int | None:
    start = 0
    for part in pieces_of(ids):
        if len(places := np.flatnonzero(part >= first_mark)):
            return start + int(places[0])
        start += len(part)
    return None
