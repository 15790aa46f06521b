"""Words between white space, and line ends, as symbols; the rare ones are one unknown word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unspool.data.ids import CHUNK
from unspool.data.vocabulary import Vocabulary, check_unknown
from unspool.errors import DataError

UNKNOWN_WORD: Final = "<unk>"
NEWLINE: Final = "\n"
HELD: Final = 2_000_000  # different words that are counted at a time: about 400 MB


class WordVocabulary(Vocabulary):
    """Words as a text has them between white space, by falling frequency; a line end is a symbol of its own.

    `<unk>` is always a symbol: it stands for every word that is not in the list, and for itself where a text holds
    it literally, as the WikiText and Penn Treebank files do. White space other than line ends is not kept:
    decode(encode(text)) has one space between the words of a line and none at its ends.
    """

    unit = "word"

    def __init__(self, symbols: Iterable[str]) -> None:
        self.symbols = tuple(symbols)
        for symbol in self.symbols:
            if not isinstance(symbol, str) or (symbol != NEWLINE and symbol.split() != [symbol]):
                raise DataError(
                    f"a word must be text without white space, but {symbol!r} came; split it at white space"
                )
        self._numbers = {symbol: number for number, symbol in enumerate(self.symbols)}
        if len(self._numbers) != len(self.symbols) or UNKNOWN_WORD not in self._numbers:
            raise DataError(
                f"a vocabulary of words must hold each word once and {UNKNOWN_WORD}, but {len(self.symbols)} symbols "
                f"came, {len(self._numbers)} of them different; use the list of one vocabulary"
            )
        self.unknown = self._numbers[UNKNOWN_WORD]
        self._newline = self._numbers.get(NEWLINE, -1)
        self._lengths = np.fromiter(map(len, self.symbols), np.int64, len(self.symbols))

    @classmethod
    def of(cls, texts: Iterable[str], minimum_count: int = 1, size: int | None = None) -> WordVocabulary:
        """The words that come at least `minimum_count` times in texts that end between words, at most `size` symbols.

        Words beyond are `<unk>`. Symbols are sorted by falling frequency, equals by their text. Beyond two million
        different words the rarest are forgotten while counting (as `ReduceVocab` of word2vec does).
        """
        counts = _counted(texts)
        unknown = counts.pop(UNKNOWN_WORD, 0)
        ordered = sorted(counts, key=lambda word: (-counts[word], word))
        kept = [word for word in ordered if counts[word] >= minimum_count or word == NEWLINE]
        if size is not None:
            kept = kept[: max(size - 1, 0)]
        left = unknown + counts.total() - sum(counts[word] for word in kept)
        place = sum((-counts[word], word) < (-left, UNKNOWN_WORD) for word in kept)
        return cls([*kept[:place], UNKNOWN_WORD, *kept[place:]])

    def encode(self, text: str, unknown: str = "fail", origin: str = "the text") -> NDArray[np.int64]:
        """Ids [T]; a word that is not in the list becomes `<unk>`, or is left out where `unknown` is "skip"."""
        check_unknown(unknown)
        words = split(text)
        spare = -1 if unknown == "skip" else self.unknown
        ids = np.fromiter((self._numbers.get(word, spare) for word in words), np.int64, len(words))
        return ids[ids >= 0] if unknown == "skip" else ids

    def decode(self, ids: ArrayLike) -> str:
        """The words of ids [T], one space between them, none around line ends."""
        spaced = " ".join([self.symbols[number] for number in self._checked(ids).tolist()])
        return spaced.replace(" \n", "\n").replace("\n ", "\n")

    def decoder(self, after: str = "") -> Callable[[int], str]:
        """A word comes with the space before it."""
        apart = bool(after) and not after[-1].isspace()

        def complete(number: int) -> str:
            nonlocal apart
            word, before = self.symbols[number], apart
            apart = word != NEWLINE
            return f" {word}" if before and apart else word

        return complete

    def count_characters(self, ids: NDArray[np.integer[Any]]) -> int:
        """Those of the words, with the spaces between them."""
        count = 0
        for start in range(0, len(ids), CHUNK):
            part = ids[start : start + CHUNK + 1]  # one more, to see whether a space follows
            word = part != self._newline
            count += int(self._lengths[part[:CHUNK]].sum()) + int(np.count_nonzero(word[:-1] & word[1:]))
        return count

    def to_dict(self) -> dict[str, Any]:
        """The unit, and the list of words."""
        return {"unit": self.unit, "symbols": list(self.symbols)}

    def _union(self, other: Vocabulary) -> WordVocabulary:
        """The words of this list, then the other's new ones in their order."""
        return WordVocabulary(dict.fromkeys((*self.symbols, *other.symbols)))


def split(text: str) -> list[str]:
    """The words and line ends of a text."""
    first, *rest = text.split(NEWLINE)
    words = first.split()
    for line in rest:
        words.append(NEWLINE)
        words += line.split()
    return words


def _counted(texts: Iterable[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    rare = 1
    for text in texts:
        counts.update(split(text))
        while len(counts) > HELD:
            counts = Counter({word: count for word, count in counts.items() if count > rare})
            rare += 1
    return counts
