"""Text of any size to ids: only the ids stay in memory, and those of a large text stay in a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from unspool.data.cache import Shelf, shelf
from unspool.data.documents import Documents, Layout, Rows, Stream
from unspool.data.ids import IdBuffer, Ids
from unspool.data.marks import insert, with_marks
from unspool.data.sources import Source, Text, blocks, expand, name_of
from unspool.data.subwords import BpeVocabulary
from unspool.data.vocabulary import (
    ByteVocabulary,
    CharVocabulary,
    Vocabulary,
    check_unknown,
    code_points,
    vocabulary_from_dict,
)
from unspool.data.words import WordVocabulary
from unspool.errors import DataError, SpecError

UNITS: Final = ("char", "byte", "word", "bpe")
POINTS: Final = 0x110000  # code points; in `_discover` the marks follow
LEARNED: Final = 16_000_000  # bytes of a text, spread over it, that subwords are learned from


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text as ids [n] of its vocabulary, and where it came from.

    `fingerprint` is the SHA-256 of all content bytes (decompressed, in order), `bytes` their number; `characters`
    counts the text's code points, byte order marks aside, `documents` the marks among the ids.
    """

    ids: Ids
    vocabulary: Vocabulary
    fingerprint: str
    files: tuple[str, ...]
    characters: int
    bytes: int
    documents: int = 0


@dataclass(frozen=True)
class Learning:
    """How a vocabulary is made where none is given, beside its unit.

    Words that come less than `min_count` times are unknown; `size` is the largest number of words or subwords (None:
    all words; for subwords 4 sqrt(n) for n bytes of text, between 512 and 16,000). With `grow` a vocabulary that is
    given is extended by the text's own symbols and labels.
    """

    min_count: int = 2
    size: int | None = None
    grow: bool = False


def read_corpus(
    sources: Any,
    unit: str = "char",
    vocabulary: Vocabulary | None = None,
    unknown: str = "fail",
    *,
    layout: Layout = Layout(),  # noqa: B008 (frozen)
    learning: Learning = Learning(),
) -> Corpus:
    """Read sources one after the other as one text, or as documents that begin with a mark each.

    Without a vocabulary, one is made of the text: all characters met, sorted by code point; the 256 bytes; its words
    or subwords by falling frequency. Ids take one byte each up to 256 symbols, two up to 65536. As bytes, anything
    goes; otherwise the text must be UTF-8. Sources are paths and `Text`s; labelled ones whatever `read_labelled`
    takes.
    """
    check_unknown(unknown)
    _check(unit, vocabulary)
    classes = vocabulary.marks if vocabulary is not None and vocabulary.marks and not learning.grow else None
    if layout.tabular:
        documents: Documents = Rows(sources, layout, classes)
        place = None
    else:
        found = _twice(expand(sources), unit in ("word", "bpe") and (vocabulary is None or learning.grow))
        documents = Stream(found, layout, unit)
        place = shelf(found, [unit, layout.documents, unknown])
    reading = _Reading(documents, unit, vocabulary, unknown, learning)
    return reading.in_memory() if place is None else reading.through(place)


def _check(unit: str, vocabulary: Vocabulary | None) -> None:
    if unit not in UNITS:
        raise SpecError(f"the unit must be one of {', '.join(UNITS)}, got {unit!r}; choose one of them")
    if vocabulary is not None and vocabulary.unit != unit:
        raise SpecError(
            f"unit and vocabulary must agree, got unit {unit!r} and a vocabulary of unit "
            f"{vocabulary.unit!r}; leave one of them out"
        )


def _twice(found: list[Source], learned: bool) -> list[Source]:
    """The sources, pipes in memory where a vocabulary is learned first, so that they are read twice."""
    if not learned:
        return found
    lasting = [isinstance(source, Text) or (isinstance(source, Path) and source.is_file()) for source in found]
    read = zip(found, lasting, strict=True)
    return [source if lasts else Text(b"".join(blocks(source)), name_of(source)) for source, lasts in read]


class _Sink(Protocol):
    def append(self, ids: NDArray[np.integer[Any]], size: int) -> None: ...


@dataclass
class _Reading:
    """One reading of documents: which vocabulary, and ids into which sink."""

    documents: Documents
    unit: str
    vocabulary: Vocabulary | None
    unknown: str
    learning: Learning
    marked: int = 0  # marks read so far

    def in_memory(self) -> Corpus:
        buffer = IdBuffer()
        vocabulary, rank = self._fill(buffer)
        ids = buffer.finish(rank)
        self._refuse_empty(len(ids))
        return self._corpus(ids, vocabulary)

    def through(self, place: Shelf) -> Corpus:
        """Take the ids from the cache, or put them there."""
        given = None if self.vocabulary is None else self.vocabulary.to_dict()
        asked = {"vocabulary": given, **asdict(self.learning)}

        def fits(header: Mapping[str, Any]) -> bool:
            if header["asked"] == asked:
                return True
            if given is None or header["vocabulary"] != given:
                return False
            before = header["asked"]  # words that are new to the vocabulary may be left in it as unknown
            learned = before["vocabulary"] is None or before["grow"]
            same = learned and {**before, "vocabulary": given, "grow": True} == asked
            return self.unit != "word" or not self.learning.grow or same

        if (entry := place.find(fits)) is not None:
            header = entry.header
            known = self.vocabulary if header["vocabulary"] == given else vocabulary_from_dict(header["vocabulary"])
            assert known is not None
            counts = (header["characters"], header["bytes"], header["documents"])
            return Corpus(entry.ids, known, header["fingerprint"], self.documents.names, *counts)
        with place.writing(asked) as file:
            vocabulary, rank = self._fill(file)
            self._refuse_empty(file.finish(rank))
            made = self._corpus(np.empty(0, np.uint8), vocabulary)
            file.close(
                vocabulary=vocabulary.to_dict(),
                fingerprint=made.fingerprint,
                characters=made.characters,
                bytes=made.bytes,
                documents=made.documents,
            )
        return self._corpus(place.written(asked), vocabulary)

    def _corpus(self, ids: Ids, vocabulary: Vocabulary) -> Corpus:
        known = self.vocabulary if vocabulary == self.vocabulary else vocabulary
        d = self.documents
        return Corpus(ids, known or vocabulary, d.fingerprint, d.names, d.characters, d.bytes, self.marked)

    def _fill(self, sink: _Sink) -> tuple[Vocabulary, NDArray[np.integer[Any]] | None]:
        """Put all ids into the sink; return the vocabulary, and the rank that each id is to be replaced by."""
        given = self.vocabulary
        marks = tuple(dict.fromkeys((*(given.marks if given else ()), *self.documents.marks)))
        base = None if given is None else given.base
        if self.unit == "byte":
            base = ByteVocabulary()
        elif self.unit == "char" and (base is None or self.learning.grow):
            base, rank = self._discover(sink, base, marks)
            return with_marks(base, marks), rank
        elif base is None or (self.unit == "word" and self.learning.grow):
            learned = self._learn()
            base = learned if base is None else base.merged(learned)
        assert base is not None
        for texts, numbers, origin in self._batches(marks):
            ids, lengths = base.encode_all(texts, self.unknown, origin)
            sink.append(insert(ids, lengths, numbers, len(base)), len(base) + len(marks))
        return with_marks(base, marks), None

    def _batches(self, marks: tuple[str, ...]) -> Iterator[tuple[list[str], list[int], str]]:
        """Texts, the numbers of their marks among `marks`, and where they are from."""
        places = [marks.index(mark) for mark in self.documents.marks]
        for texts, numbers, origin in self.documents.batches():
            known = [places[number] if number >= 0 else -1 for number in numbers] if places else numbers
            self.marked += len(known) - known.count(-1)
            yield texts, known, origin

    def _discover(
        self, sink: _Sink, known: Vocabulary | None, marks: tuple[str, ...]
    ) -> tuple[Vocabulary, NDArray[np.integer[Any]]]:
        """Number characters and marks as they appear; the rank then sorts characters by code point, marks behind."""
        numbers = np.zeros(POINTS + len(marks), dtype=np.int32)  # 1 + number by appearance, 0 = not met
        first = np.arange(POINTS, POINTS + len(marks), dtype=np.uint32)
        met = [first if known is None else np.concatenate([code_points("".join(known.symbols)), first])]
        count = len(met[0])
        numbers[met[0]] = np.arange(1, count + 1)
        for texts, marked, _ in self._batches(marks):
            lengths = np.fromiter(map(len, texts), np.int64, len(texts))
            points = insert(code_points("".join(texts)), lengths, marked, POINTS)
            found = numbers[points]
            if not found.all():
                new = np.unique(points[found == 0]).astype(np.uint32)
                numbers[new] = np.arange(count + 1, count + 1 + len(new))
                count += len(new)
                met.append(new)
                found = numbers[points]
            sink.append(found - 1, count)
        points = np.concatenate(met)  # [V] by appearance
        rank = np.empty(count, dtype=np.int64)
        rank[np.argsort(points)] = np.arange(count)
        characters = points[points < POINTS].tolist()
        # nothing was read: the caller says so
        return CharVocabulary(map(chr, characters)) if characters else ByteVocabulary(), rank

    def _learn(self) -> Vocabulary:
        if self.unit == "word":
            texts = (text for batch in self.documents.batches() for text in batch.texts)
            return WordVocabulary.of(texts, self.learning.min_count, self.learning.size)
        size = self.documents.size
        every = max(1, size // LEARNED)
        asked = self.learning.size or int(min(16_000, max(512, 4 * sqrt(size))))
        return BpeVocabulary.learn(lambda: self._some(every), asked)

    def _some(self, every: int) -> Iterator[str]:
        for place, batch in enumerate(self.documents.batches()):
            if place % every == 0:
                yield from batch.texts

    def _refuse_empty(self, count: int) -> None:
        names = self.documents.names
        where = names[0] if len(names) == 1 else f"all of {len(names)} sources together"
        if self.documents.marks and not self.marked:
            raise DataError(
                f"a document must hold more than white space, but {where} has no such document; name other data, or "
                "another column"
            )
        if self.documents.characters and count <= self.marked:
            raise DataError(
                f"a text must hold symbols that the vocabulary knows, but {where} has none; "
                "read it with --unknown replace, or with the model of another text"
            )
        if count <= self.marked:
            raise DataError(f"a text must not be empty, but {where} holds nothing; name a file with text in it")
