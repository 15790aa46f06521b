"""What a transcriber writes: the characters or the words of its training texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from unspool.data.pen.alphabet import written
from unspool.errors import DataError, SpecError

UNITS: Final = ("char", "word")


class Targets:
    """V symbols by number: characters (code points, sorted) or words.

    Texts are taken as they are written: NFC, blanks as one space, none at the ends (`written`).

    Raises:
        DataError: there is no symbol, or one comes twice. SpecError: the unit is another one.
    """

    def __init__(self, symbols: Sequence[str], unit: str = "char") -> None:
        if unit not in UNITS:
            raise SpecError(f"the unit of a transcriber must be one of {', '.join(UNITS)}, got {unit!r}; choose one")
        self.symbols, self.unit = tuple(symbols), unit
        self._numbers = {symbol: number for number, symbol in enumerate(self.symbols)}
        if not self.symbols or len(self._numbers) != len(self.symbols):
            raise DataError(
                f"a transcriber needs texts to learn symbols from, each once, got {len(self.symbols)} symbols, "
                f"{len(self._numbers)} of them different; give each sample what it says"
            )

    @classmethod
    def of(cls, texts: Iterable[str | None], unit: str = "char", rarest: int = 1) -> Targets:
        """The symbols that come at least `rarest` times in the texts.

        Raises:
            DataError: none does, or there is no text.
        """
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(_parts(text or "", unit))
        kept = sorted(symbol for symbol, count in counts.items() if count >= rarest)
        if not counts:
            raise DataError(
                "a transcriber learns from recordings that have a text, but none of these has; say what they say, in a "
                ".txt beside each or as docs/transcriber.md has it"
            )
        if not kept:
            raise DataError(
                f"a transcriber needs a symbol that comes at least {rarest} times, but the commonest comes "
                f"{max(counts.values())} times; lower --rarest"
            )
        return cls(kept, unit)

    def __len__(self) -> int:
        return len(self.symbols)

    def parts(self, text: str) -> list[str]:
        """The symbols of a text, known or not."""
        return _parts(text, self.unit)

    def encode(self, text: str) -> NDArray[np.int64]:
        """Ids [U] of the symbols of a text that are known; the others are left out."""
        return np.array([self._numbers[part] for part in self.parts(text) if part in self._numbers], dtype=np.int64)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids."""
        return ("" if self.unit == "char" else " ").join(self.symbols[int(place)] for place in ids)

    def unknown(self, texts: Iterable[str]) -> list[str]:
        """The symbols of texts that no training text had, sorted."""
        return sorted({part for text in texts for part in self.parts(text)} - self._numbers.keys())

    def to_dict(self) -> dict[str, Any]:
        """What a model file stores."""
        return {"unit": self.unit, "symbols": list(self.symbols)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Targets:
        """The symbols that `to_dict` described."""
        return cls([str(symbol) for symbol in stored["symbols"]], str(stored["unit"]))


def _parts(text: str, unit: str) -> list[str]:
    line = written(text)
    return list(line) if unit == "char" else line.split()
