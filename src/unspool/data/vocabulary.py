"""Symbols and their numbers: what every vocabulary is, characters by code point, and the 256 bytes."""

from __future__ import annotations

import codecs
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unspool.data.ids import pieces_of
from unspool.errors import DataError, SpecError

UNKNOWN: Final = ("fail", "skip", "replace")
SHOWN: Final = 5


class Vocabulary(ABC):
    """A fixed list of V symbols; the id of a symbol is its place in the list."""

    unit: str
    symbols: tuple[str, ...]
    marks: tuple[str, ...] = ()

    @property
    def base(self) -> Vocabulary:
        """The vocabulary without its marks."""
        return self

    def __len__(self) -> int:
        return len(self.symbols)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, Vocabulary) and self.symbols == other.symbols

    def __hash__(self) -> int:
        return hash((self.unit, self.symbols))

    @abstractmethod
    def encode(self, text: str, unknown: str = "fail", origin: str = "the text") -> NDArray[np.int64]:
        """Ids [T] of the text; `unknown` says what happens to symbols that are not in the list."""

    def encode_all(
        self, texts: Sequence[str], unknown: str = "fail", origin: str = "the text"
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The ids of all texts [n], one after the other, and how many each of them has [N]."""
        parts = [self.encode(text, unknown, origin) for text in texts]
        lengths = np.array([len(part) for part in parts], dtype=np.int64)
        return (np.concatenate(parts) if parts else np.empty(0, np.int64)), lengths

    @abstractmethod
    def decode(self, ids: ArrayLike) -> str:
        """The text of ids [T]."""

    @abstractmethod
    def decoder(self, after: str = "") -> Callable[[int], str]:
        """A function from one id after the other to the text that it completes, for streams that go on after a text."""

    @abstractmethod
    def count_characters(self, ids: NDArray[np.integer[Any]]) -> int:
        """How many characters ids [T] make."""

    def start(self) -> NDArray[np.int64]:
        """What is read before an empty prompt [1]: a newline, since text begins after one, or else id 0."""
        return np.array([self.symbols.index("\n") if "\n" in self.symbols else 0], dtype=np.int64)

    def merged(self, other: Vocabulary) -> Vocabulary:
        """All symbols and marks of both; a vocabulary that can write any text stays as it is.

        Raises:
            SpecError: the two are of different units.
        """
        if other.unit != self.unit:
            raise SpecError(
                f"vocabularies must be of one unit to be merged, got {self.unit} and {other.unit}; choose one"
            )
        if not other.marks:
            return self._union(other)
        from unspool.data.marks import Marked  # builds on this file

        return Marked(self._union(other.base), other.marks)

    def _union(self, other: Vocabulary) -> Vocabulary:
        return self

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """What a model file stores; `vocabulary_from_dict` reads it."""

    def _checked(self, ids: ArrayLike) -> NDArray[np.int64]:
        whole = np.asarray(ids, dtype=np.int64).reshape(-1)
        if whole.size and (whole.min() < 0 or whole.max() >= len(self)):
            wrong = whole[(whole < 0) | (whole >= len(self))][0]
            raise DataError(
                f"ids must lie in 0..{len(self) - 1}, but {wrong} came; decode with the vocabulary that encoded them"
            )
        return whole


class CharVocabulary(Vocabulary):
    """Unicode characters (code points), sorted.

    A character here is one code point: a letter with combining marks, or an emoji of several parts, is
    several symbols, and decode(encode(text)) == text for every text.
    """

    unit = "char"

    def __init__(self, symbols: Iterable[str]) -> None:
        self.symbols = tuple(sorted(set(symbols)))
        if not self.symbols:
            raise DataError("a vocabulary needs at least one symbol, but none came; give it a text that is not empty")
        for symbol in self.symbols:
            if len(symbol) != 1 or "\ud800" <= symbol <= "\udfff":
                raise DataError(
                    f"a symbol must be one whole Unicode character, but {symbol!r} came; pass single characters"
                )
        self._points = code_points("".join(self.symbols))  # [V]
        # code point -> id; the last entry stands for every code point beyond
        self._table = np.full(int(self._points[-1]) + 2, -1, dtype=np.int32)
        self._table[self._points] = np.arange(len(self.symbols), dtype=np.int32)

    @classmethod
    def of(cls, texts: Iterable[str]) -> CharVocabulary:
        """The vocabulary of all characters that occur in the texts."""
        met: set[str] = set()
        for text in texts:
            met.update(text)
        return cls(met)

    def encode(self, text: str, unknown: str = "fail", origin: str = "the text") -> NDArray[np.int64]:
        """Ids [T]; unknown characters fail with their names, are skipped, or become `replacement`."""
        check_unknown(unknown)
        points = code_points(text)
        ids = self._table[np.minimum(points, len(self._table) - 1)].astype(np.int64)
        missing = ids < 0
        if not missing.any():
            return ids
        if unknown == "fail":
            raise self._stranger(points[missing], origin)
        if unknown == "skip":
            return ids[~missing]
        ids[missing] = self.replacement
        return ids

    def encode_all(
        self, texts: Sequence[str], unknown: str = "fail", origin: str = "the text"
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All texts at once, where none of them can lose a symbol."""
        if unknown == "skip":
            return super().encode_all(texts, unknown, origin)
        return self.encode("".join(texts), unknown, origin), np.fromiter(map(len, texts), np.int64, len(texts))

    @property
    def replacement(self) -> int:
        """The id that stands for unknown characters: U+FFFD if it is known, else "?", else " ", else id 0."""
        return next((self.symbols.index(symbol) for symbol in "\ufffd? " if symbol in self.symbols), 0)

    def decode(self, ids: ArrayLike) -> str:
        """The text of ids [T]."""
        return self._points[self._checked(ids)].astype("<u4").tobytes().decode("utf-32-le")

    def decoder(self, after: str = "") -> Callable[[int], str]:
        """Each id is one character."""
        return self.symbols.__getitem__

    def count_characters(self, ids: NDArray[np.integer[Any]]) -> int:
        """As many as ids."""
        return len(ids)

    def _union(self, other: Vocabulary) -> CharVocabulary:
        return CharVocabulary((*self.symbols, *other.symbols))

    def to_dict(self) -> dict[str, Any]:
        """The unit, and the symbols as one string."""
        return {"unit": self.unit, "symbols": "".join(self.symbols)}

    def _stranger(self, points: NDArray[np.uint32], origin: str) -> DataError:
        kinds = np.unique(points)
        shown = ", ".join(f"{chr(point)!r} (U+{point:04X})" for point in kinds[:SHOWN])
        more = f" and {len(kinds) - SHOWN} more" if len(kinds) > SHOWN else ""
        return DataError(
            f"every symbol must be one of the {len(self)} that the vocabulary knows, but {origin} has "
            f"{shown}{more}; leave such symbols out with --unknown skip, or put another in their place with "
            "--unknown replace"
        )


class ByteVocabulary(Vocabulary):
    """The 256 bytes: nothing is unknown, and any file is a text."""

    unit = "byte"

    def __init__(self) -> None:
        self.symbols = tuple(chr(byte) if byte < 128 else f"\\x{byte:02x}" for byte in range(256))

    def encode(self, text: str, unknown: str = "fail", origin: str = "the text") -> NDArray[np.int64]:
        """The bytes [T] of the text in UTF-8.

        Raw bytes that Python escaped in a command-line argument come back as they were.
        """
        check_unknown(unknown)
        try:
            raw = text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise half_character(error, origin) from error
        return np.frombuffer(raw, dtype=np.uint8).astype(np.int64)

    def to_bytes(self, ids: ArrayLike) -> bytes:
        """The bytes of ids [T]."""
        return self._checked(ids).astype(np.uint8).tobytes()

    def decode(self, ids: ArrayLike) -> str:
        """The text of ids [T]; bytes that are not UTF-8 show as U+FFFD."""
        return self.to_bytes(ids).decode("utf-8", "replace")

    def decoder(self, after: str = "") -> Callable[[int], str]:
        """Bytes wait until they complete a character; bytes that cannot become U+FFFD."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        return lambda byte: decoder.decode(bytes([byte]))

    def count_characters(self, ids: NDArray[np.integer[Any]]) -> int:
        """Bytes that begin a character: 10xxxxxx continues one."""
        return sum(int(np.count_nonzero((part & 0xC0) != 0x80)) for part in pieces_of(ids))

    def to_dict(self) -> dict[str, Any]:
        """The unit says it all."""
        return {"unit": self.unit}


def code_points(text: str) -> NDArray[np.uint32]:
    """Code points [T] of a text; half surrogate pairs stay what they are."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint32, copy=False)


def half_character(error: UnicodeEncodeError, origin: str) -> DataError:
    """The sentence for a text that UTF-8 cannot hold."""
    return DataError(
        f"text must be made of whole Unicode characters, but {origin} holds half a surrogate pair "
        f"(U+{ord(error.object[error.start]):04X}) at character {error.start}; remove or replace it"
    )


def check_unknown(unknown: str) -> None:
    """Refuse a word that is none of fail, skip, replace."""
    if unknown not in UNKNOWN:
        raise SpecError(f"unknown must be one of {', '.join(UNKNOWN)}, got {unknown!r}; choose one of them")


def vocabulary_from_dict(stored: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary that `to_dict` described."""
    from unspool.data.marks import Marked  # these build on this file
    from unspool.data.subwords import BpeVocabulary
    from unspool.data.words import WordVocabulary

    match dict(stored):
        case {"base": Mapping() as base, "marks": [str(), *_] as marks}:
            return Marked(vocabulary_from_dict(base), marks)
        case {"unit": "byte"}:
            return ByteVocabulary()
        case {"unit": "char", "symbols": str(symbols)}:
            return CharVocabulary(symbols)
        case {"unit": "word", "symbols": [*words]}:
            return WordVocabulary(words)
        case {"unit": "bpe", "tokenizer": str(tokenizer)}:
            return BpeVocabulary(tokenizer)
    raise DataError(
        f"a stored vocabulary must have unit 'byte', or unit 'char' or 'word' and its symbols, or unit 'bpe' and its "
        f"tokenizer, but unit {stored.get('unit')!r} came with {sorted(stored)}; read the model with the version of "
        "unspool that wrote it"
    )
