"""The characters that a pen network writes: those of its training texts, in any script."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from unspool.data.vocabulary import CharVocabulary
from unspool.errors import DataError

SHOWN: Final = 12
UNWRITTEN: Final = (
    "Cc",
    "Cf",
)  # controls and marks of direction; what has no name yet, such as a new emoji, has a trace
PLAIN: Final = {  # what a word processor makes of what is typed, and a pen does not tell apart
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    **{"\u2026": "...", "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl"},
}
JOINERS: Final = "\u200c\u200d"  # these change how letters are written, so they stay


def written(text: str) -> str:
    """The text as a pen writes it: NFC, blanks as one space, none at the ends, nothing that leaves no trace.

    Combining marks that have no composed form stay, each a character of its own. Text of every script is in logical
    order, the order in which it is spoken and in which the pen writes it: a line from right to left is read as it is
    stored, its strokes run to the left, and marks of direction are dropped.
    """
    kept = [
        " " if character.isspace() else character
        for character in unicodedata.normalize("NFC", text)
        if character.isspace() or character in JOINERS or unicodedata.category(character) not in UNWRITTEN
    ]
    return " ".join("".join(kept).split())


def runs_left(text: str) -> bool:
    """Whether the first letter with a direction is from right to left (Unicode Standard Annex 9, rules P2 and P3)."""
    strong = (kind for kind in map(unicodedata.bidirectional, text) if kind in ("L", "R", "AL"))
    return next(strong, "L") != "L"


class Alphabet:
    """V characters (code points, sorted) with how often the training texts have them."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._vocabulary = CharVocabulary(counts)
        self.counts = {symbol: counts[symbol] for symbol in self.symbols}

    @classmethod
    def of(cls, texts: Iterable[str | None]) -> Alphabet:
        """The alphabet of all characters that the texts have, as they are written."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(written(text or ""))
        if not counts:
            raise DataError("an alphabet needs texts, but the samples have none; give each sample what it says")
        return cls(counts)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The characters, in the order of their numbers."""
        return self._vocabulary.symbols

    @property
    def blank(self) -> NDArray[np.int64]:
        """The id of a blank [1], or none [0] of single words, as `encode` takes no blank at the end of a text."""
        return self._vocabulary.encode(" " if " " in self.counts else "")

    def __len__(self) -> int:
        return len(self.symbols)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alphabet) and self.counts == other.counts

    def __hash__(self) -> int:
        return hash(self.symbols)

    def unknown(self, text: str) -> list[str]:
        """The characters of a text that no training text had, each once, in the order of their first place."""
        return [character for character in dict.fromkeys(self._plain(text)) if character not in self.counts]

    def check(self, text: str, origin: str = "the text") -> str:
        """The text as it is written, if every character of it is known.

        Typographic quotes, dashes, dots and ligatures that are not are written as they are typed.

        Raises:
            DataError: characters that no training text had, by name; or nothing to write.
        """
        missing = self.unknown(text)
        if missing:
            shown = ", ".join(_named(character) for character in missing[:SHOWN])
            more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
            raise DataError(
                f"only characters of the training texts can be written, but {origin} has {shown}{more}; leave them "
                "out, or train on samples that have them"
            )
        line = self._plain(text)
        if not line:
            raise DataError(f"a text to write must have a character, but {origin} has none; give a text")
        return line

    def _plain(self, text: str) -> str:
        return "".join(
            character if character in self.counts else PLAIN.get(character, character) for character in written(text)
        )

    def encode(self, text: str, origin: str = "the text") -> NDArray[np.int64]:
        """Ids [U] of the text as it is written; unknown characters are named in an error."""
        return self._vocabulary.encode(self.check(text, origin))

    def decode(self, ids: NDArray[np.int64]) -> str:
        """The text of ids [U]."""
        return self._vocabulary.decode(ids)

    def to_dict(self) -> dict[str, Any]:
        """What a model file stores."""
        return {"counts": self.counts}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Alphabet:
        """The alphabet that `to_dict` described."""
        return cls({str(symbol): int(count) for symbol, count in stored["counts"].items()})


def _named(character: str) -> str:
    name = unicodedata.name(character, "")
    shown = f"\u25cc{character}" if unicodedata.combining(character) else character
    return f"'{shown}' (U+{ord(character):04X}{f' {name}' if name else ''})"
