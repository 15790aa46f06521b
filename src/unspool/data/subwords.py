"""Subwords by byte-pair encoding (Sennrich et al. 2016), over bytes, by the `tokenizers` library."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unspool.data.ids import CHUNK, pieces_of
from unspool.data.vocabulary import Vocabulary, check_unknown, half_character
from unspool.errors import DataError, MissingExtra, SpecError

BYTES: Final = 256
TOGETHER: Final = 4096  # lines that are encoded in one call


class BpeVocabulary(Vocabulary):
    """Frequent strings of bytes, and all 256 single bytes: nothing is unknown, and every text comes back.

    No symbol reaches across the end of a line (or of 65,536 characters without one). Symbols are numbered by falling
    frequency in the text that they were learned from. `tokenizer` is the JSON text of the `tokenizers` library.
    """

    unit = "bpe"

    def __init__(self, tokenizer: str) -> None:
        self._stored = tokenizer
        try:
            self._tokenizer: Any = _library().Tokenizer.from_str(tokenizer)
            letters = _letters()
            tokens = [self._tokenizer.id_to_token(number) for number in range(self._tokenizer.get_vocab_size())]
            self._bytes = [bytes(letters[letter] for letter in token) for token in tokens]
        except MissingExtra:
            raise
        except Exception as error:  # the library raises plain Exception
            raise DataError(
                f"a stored tokenizer must be byte-level BPE in the JSON of `tokenizers`, but it cannot be read "
                f"({error}); use a backup of the model"
            ) from error
        self.symbols = tuple(raw.decode("utf-8", "backslashreplace") for raw in self._bytes)
        # 10xxxxxx continues a character, every other byte begins one
        self._characters = np.array([sum((byte & 0xC0) != 0x80 for byte in raw) for raw in self._bytes])

    @classmethod
    def learn(cls, texts: Callable[[], Iterable[str]], size: int) -> BpeVocabulary:
        """Learn at most `size` symbols from texts that are cut where lines end; they are read twice."""
        if size < BYTES:
            raise SpecError(
                f"--vocabulary-size must be at least {BYTES} for bpe, one symbol a byte, got {size}; raise it"
            )
        library = _library()
        levels = library.pre_tokenizers.ByteLevel
        tokenizer: Any = library.Tokenizer(library.models.BPE())
        tokenizer.pre_tokenizer = levels(add_prefix_space=False)
        trainer = library.trainers.BpeTrainer(
            vocab_size=size, min_frequency=2, initial_alphabet=sorted(levels.alphabet()), show_progress=False
        )
        tokenizer.train_from_iterator((line for text in texts() for line in lines(text)), trainer=trainer)
        counts = np.zeros(tokenizer.get_vocab_size(), dtype=np.int64)
        for text in texts():
            counts += np.bincount(_encoded(tokenizer, [text])[0], minlength=len(counts))
        rank = np.empty(len(counts), dtype=np.int64)
        rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
        stored = json.loads(tokenizer.to_str())
        numbers = stored["model"]["vocab"]
        stored["model"]["vocab"] = {token: int(rank[numbers[token]]) for token in sorted(numbers)}
        return cls(json.dumps(stored, ensure_ascii=False))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BpeVocabulary) and self._stored == other._stored

    def __hash__(self) -> int:
        return hash(self._stored)

    def encode(self, text: str, unknown: str = "fail", origin: str = "the text") -> NDArray[np.int64]:
        """Ids [T]."""
        return self.encode_all([text], unknown, origin)[0]

    def encode_all(
        self, texts: Sequence[str], unknown: str = "fail", origin: str = "the text"
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All texts in a few calls of the library."""
        check_unknown(unknown)
        try:
            "".join(texts).encode("utf-8")
        except UnicodeEncodeError as error:
            raise half_character(error, origin) from error
        return _encoded(self._tokenizer, texts)

    def decode(self, ids: ArrayLike) -> str:
        """The text of ids [T]; bytes that are not UTF-8 show as U+FFFD."""
        return b"".join([self._bytes[number] for number in self._checked(ids).tolist()]).decode("utf-8", "replace")

    def decoder(self, after: str = "") -> Callable[[int], str]:
        """Bytes wait until they complete a character; bytes that cannot become U+FFFD."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        return lambda number: decoder.decode(self._bytes[number])

    def count_characters(self, ids: NDArray[np.integer[Any]]) -> int:
        """Bytes that begin a character."""
        return sum(int(self._characters[part].sum()) for part in pieces_of(ids))

    def to_dict(self) -> dict[str, Any]:
        """The unit, and the tokenizer's JSON."""
        return {"unit": self.unit, "tokenizer": self._stored}


def lines(text: str) -> Iterator[str]:
    """The lines of a text with their ends, the long ones in pieces of 65,536 characters."""
    start = 0
    while start < len(text):
        end = min(text.find("\n", start, start + CHUNK) + 1 or start + CHUNK, len(text))
        yield text[start:end]
        start = end


def _encoded(tokenizer: Any, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The ids of all texts [n], and how many each of them has [N]."""
    waiting = ((place, line) for place, text in enumerate(texts) for line in lines(text))
    lengths = np.zeros(len(texts), dtype=np.int64)
    found = [np.empty(0, np.int64)]
    while batch := list(islice(waiting, TOGETHER)):
        encodings = [e.ids for e in tokenizer.encode_batch([line for _, line in batch], add_special_tokens=False)]
        found.append(np.fromiter(chain.from_iterable(encodings), np.int64))
        np.add.at(lengths, [place for place, _ in batch], [len(ids) for ids in encodings])
    return np.concatenate(found), lengths


def _letters() -> dict[str, int]:
    """The letter that byte-level BPE writes for each byte: itself where it prints, else the next one from U+0100."""
    printing = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(BYTES) if byte not in printing]
    return {chr(byte): byte for byte in printing} | {chr(0x100 + place): byte for place, byte in enumerate(others)}


def _library() -> ModuleType:
    try:
        import tokenizers
        import tokenizers.models
        import tokenizers.pre_tokenizers
        import tokenizers.trainers
    except ImportError as error:
        raise MissingExtra("--unit bpe needs the library tokenizers; pip install 'unspool[text]'") from error
    return tokenizers
