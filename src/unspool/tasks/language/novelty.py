"""How much of a text is new, and how much was learned by heart."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.data.suffixes import shared
from unspool.data.vocabulary import Vocabulary

SHOWN = 60
LEAST = {"char": 20, "byte": 20}
LEAST_WORDS = 5


class Novelty(NamedTuple):
    """What a text shares with the text that its model was trained on."""

    longest: str  # the longest substring that stands in the training text
    length: int  # how many symbols it has
    place: int  # the symbol of the training text at which it begins there first
    line: int | None  # the line of that symbol, from 1, where line ends are symbols
    share: float  # the part of the symbols that lie in substrings of at least `least` symbols which stand there
    least: int

    def __str__(self) -> str:
        """One line for a person."""
        if not self.length:
            return "nothing of it stands in the training text"
        shown = self.longest if len(self.longest) <= SHOWN else self.longest[:SHOWN] + "..."
        where = f"symbol {self.place:,}" + ("" if self.line is None else f", line {self.line:,}")
        count = "1 symbol" if self.length == 1 else f"{self.length} symbols"
        return (
            f"longest substring of the training text: {count}, {shown!r}, at {where}; "
            f"{self.share:.1%} lies in such of at least {self.least}"
        )


def novelty(
    ids: NDArray[np.integer[Any]],
    corpus: NDArray[np.integer[Any]],
    vocabulary: Vocabulary,
    least: int | None = None,
) -> Novelty:
    """Return what a text shares with a corpus, both as ids of the vocabulary."""
    least = least if least is not None else LEAST.get(vocabulary.unit, LEAST_WORDS)
    found = shared(ids, corpus, least)
    borders = np.zeros(len(ids) + 1, dtype=np.int64)  # +1 where a copied stretch begins, -1 after it
    for end in np.flatnonzero(found.matched).tolist():
        borders[end + 1 - found.matched[end]] += 1
        borders[end + 1] -= 1
    copied = np.count_nonzero(borders.cumsum()[:-1])
    line = None
    if "\n" in vocabulary.symbols:
        line = 1 + _count(corpus, found.place, vocabulary.symbols.index("\n"))
    text = vocabulary.decode(ids[found.start : found.start + found.length])
    return Novelty(text, found.length, found.place, line, copied / max(len(ids), 1), least)


def _count(corpus: NDArray[np.integer[Any]], end: int, symbol: int) -> int:
    """How often a symbol stands before a place, read in pieces."""
    step = 1 << 24
    return sum(int(np.count_nonzero(corpus[i : min(i + step, end)] == symbol)) for i in range(0, end, step))
