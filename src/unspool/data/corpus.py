"""Text of any size to ids in one pass: only the ids stay in memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unspool.data.ids import CHUNK, IdBuffer, Ids
from unspool.data.sources import Source, Text, blocks, expand, name_of
from unspool.data.text import CONVERT, decoded
from unspool.data.vocabulary import ByteVocabulary, CharVocabulary, Vocabulary, check_unknown, code_points
from unspool.errors import DataError, SpecError

UNITS = ("char", "byte")
REMEDY = f"{CONVERT}, or read its bytes as they are with --unit byte"


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text as ids [n] of its vocabulary, and where it came from.

    `fingerprint` is the SHA-256 of all content bytes (decompressed, in order), `bytes` their number;
    `characters` counts the text's code points, byte order marks aside.
    """

    ids: Ids
    vocabulary: Vocabulary
    fingerprint: str
    files: tuple[str, ...]
    characters: int
    bytes: int


def read_corpus(
    sources: Iterable[str | os.PathLike[str] | Text],
    unit: str = "char",
    vocabulary: Vocabulary | None = None,
    unknown: str = "fail",
) -> Corpus:
    """Read sources one after the other as one text.

    Without a vocabulary, one is made of all characters met, sorted by code point (or of the 256 bytes). Ids
    take one byte each up to 256 symbols, two up to 65536. As characters, the text must be UTF-8; as bytes,
    anything goes.
    """
    check_unknown(unknown)
    if unit not in UNITS:
        raise SpecError(f"the unit must be one of {', '.join(UNITS)}, got {unit!r}; choose one of them")
    if vocabulary is not None and vocabulary.unit != unit:
        raise SpecError(
            f"unit and vocabulary must agree, got unit {unit!r} and a vocabulary of unit "
            f"{vocabulary.unit!r}; leave one of them out"
        )
    found = expand(sources)
    tally = _Tally()
    if unit == "byte":
        ids, known = _read_bytes(found, tally), vocabulary or ByteVocabulary()
    elif vocabulary is None:
        ids, known = _discover(found, tally)
    else:
        ids, known = _encode(found, tally, vocabulary, unknown), vocabulary
    names = tuple(name_of(source) for source in found)
    _refuse_empty(len(ids), tally.characters, names)
    return Corpus(ids, known, tally.digest.hexdigest(), names, tally.characters, tally.bytes)


class _Tally:
    """Hashes and counts what passes."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.bytes = 0
        self.characters = 0

    def blocks(self, source: Source) -> Iterator[bytes]:
        for block in blocks(source):
            self.digest.update(block)
            self.bytes += len(block)
            yield block

    def chunks(self, source: Source) -> Iterator[str]:
        for text in decoded(self.blocks(source), name_of(source), REMEDY):
            self.characters += len(text)
            for start in range(0, len(text), CHUNK):
                yield text[start : start + CHUNK]


def _read_bytes(found: list[Source], tally: _Tally) -> Ids:
    buffer = IdBuffer()
    for source in found:
        for block in tally.blocks(source):
            ids = np.frombuffer(block, dtype=np.uint8)
            # 10xxxxxx continues a character, every other byte begins one
            tally.characters += int(np.count_nonzero((ids & 0xC0) != 0x80))
            buffer.append(ids, 256)
    return buffer.finish()


def _encode(found: list[Source], tally: _Tally, vocabulary: Vocabulary, unknown: str) -> Ids:
    buffer = IdBuffer()
    for source in found:
        for text in tally.chunks(source):
            buffer.append(vocabulary.encode(text, unknown, name_of(source)), len(vocabulary))
    return buffer.finish()


def _discover(found: list[Source], tally: _Tally) -> tuple[Ids, Vocabulary]:
    """Number symbols as they appear, then renumber them by code point."""
    buffer = IdBuffer()
    numbers = np.zeros(0x110000, dtype=np.int32)  # code point -> 1 + number by appearance, 0 = not met
    met: list[NDArray[np.uint32]] = []
    count = 0
    for source in found:
        for text in tally.chunks(source):
            points = code_points(text)
            found_numbers = numbers[points]
            if not found_numbers.all():
                new = np.unique(points[found_numbers == 0])
                numbers[new] = np.arange(count + 1, count + 1 + len(new))
                count += len(new)
                met.append(new)
                found_numbers = numbers[points]
            buffer.append(found_numbers - 1, count)
    ids = buffer.finish()
    if not met:
        return ids, ByteVocabulary()  # nothing was read; the caller says so
    points = np.concatenate(met)  # [V] by appearance
    rank = np.empty(count, dtype=ids.dtype)
    rank[np.argsort(points)] = np.arange(count)
    for start in range(0, len(ids), CHUNK):
        ids[start : start + CHUNK] = rank[ids[start : start + CHUNK]]
    return ids, CharVocabulary(map(chr, points.tolist()))


def _refuse_empty(count: int, characters: int, names: tuple[str, ...]) -> None:
    where = names[0] if len(names) == 1 else f"all of {len(names)} sources together"
    if characters and not count:
        raise DataError(
            f"a text must hold symbols that the vocabulary knows, but {where} has none; "
            "read it with --unknown replace, or with the model of another text"
        )
    if not count:
        raise DataError(f"a text must not be empty, but {where} holds nothing; name a file with text in it")
