"""What a document is: the whole text, a file, a line or a row; and where each one begins."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from unspool.data.examples import Examples
from unspool.data.files import read_lines, read_path
from unspool.data.ids import CHUNK
from unspool.data.labelled import Labelled, labelled_of
from unspool.data.marks import DOCUMENT
from unspool.data.shuffle import permutation
from unspool.data.sources import Source, Text, blocks, expand, name_of
from unspool.data.tables import Wanted
from unspool.data.text import CONVERT, cut_after, decoded, escaped, text_of
from unspool.errors import DataError, SpecError

KINDS: Final = ("text", "file", "line", "row")
REMEDY: Final = f"{CONVERT}, or read its bytes as they are with --unit byte"
BETWEEN_WORDS: Final = " \n\t"
FLAGS: Final = ("--column", "--condition")


@dataclass(frozen=True)
class Layout:
    """How a text lies in its sources.

    `documents` says what a document is; "text" knows no borders. `column` names the column of a table that holds the
    texts, `condition` the one that holds their labels, or is "file": the file's name is the label of each of its
    lines. Either of them makes documents rows. `seed` shuffles labelled documents.
    """

    documents: str = "text"
    column: str | None = None
    condition: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.documents not in KINDS:
            raise SpecError(
                f"--documents must be one of {', '.join(KINDS)}, got {self.documents!r}; choose one of them"
            )
        if self.documents in ("file", "line") and (self.column or self.condition):
            flag = "--column" if self.column else "--condition"
            raise SpecError(
                f"{flag} makes a row a document, got --documents {self.documents} too; leave one of them out"
            )
        if self.column and self.condition == "file":
            raise SpecError("--condition file reads lines, which have no columns, got --column too; leave it out")

    @property
    def tabular(self) -> bool:
        """Whether documents are rows, which are held in memory."""
        return self.documents == "row" or self.column is not None or self.condition is not None


class Batch(NamedTuple):
    """Texts [N] and the number of the mark before each of them, -1 where a document goes on."""

    texts: list[str]
    marks: list[int]
    origin: str


class Documents(Protocol):
    """Texts with their marks, which can be read again; what is counted is that of the last reading."""

    names: tuple[str, ...]
    marks: tuple[str, ...]
    characters: int
    bytes: int

    @property
    def size(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...

    def batches(self) -> Iterator[Batch]: ...


class Stream:
    """Sources one after the other, of any size: `marks` is empty, or one for each file or line.

    A batch of words ends between words, one of subwords where a line does; a source ends both.
    """

    def __init__(self, found: Sequence[Source], layout: Layout, unit: str) -> None:
        self._found, self._documents, self._unit = found, layout.documents, unit
        self.names = tuple(map(name_of, found))
        self.marks: tuple[str, ...] = () if layout.documents == "text" else (DOCUMENT,)
        self._begin()

    def _begin(self) -> None:
        self._digest, self.bytes, self.characters = hashlib.sha256(), 0, 0

    @property
    def size(self) -> int:
        """Bytes of all sources, as far as they are known before reading; packed ones count as they are."""
        files = sum(source.stat().st_size for source in self._found if isinstance(source, Path))
        return files + sum(len(source.text) for source in self._found if isinstance(source, Text))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all content bytes, decompressed, in order."""
        return self._digest.hexdigest()

    def blocks(self, source: Source) -> Iterator[bytes]:
        """The bytes of a source, counted."""
        for block in blocks(source):
            self._digest.update(block)
            self.bytes += len(block)
            yield block

    def batches(self) -> Iterator[Batch]:
        """Texts of about 65,536 characters."""
        self._begin()
        for source in self._found:
            chunks, name = self._chunks(source), name_of(source)
            if self._documents == "line":
                for text in cut_after(chunks, "\n"):
                    lines = [line.removesuffix("\r") for line in text.split("\n") if not line.isspace() and line]
                    yield Batch(lines, [0] * len(lines), name)
                continue
            begins = 0 if self._documents == "file" else -1
            for text in self._whole(chunks):
                yield Batch([text], [begins], name)
                begins = -1

    def _chunks(self, source: Source) -> Iterator[str]:
        read = self.blocks(source)
        texts = escaped(read) if self._unit == "byte" else decoded(read, name_of(source), REMEDY)
        for text in texts:
            self.characters += len(text)
            yield from (text[start : start + CHUNK] for start in range(0, len(text), CHUNK))

    def _whole(self, chunks: Iterable[str]) -> Iterable[str]:
        if self._unit == "word":
            return cut_after(chunks, BETWEEN_WORDS)
        return cut_after(chunks, "\n", CHUNK) if self._unit == "bpe" else chunks


class Rows:
    """Rows of tables, or lines that have the name of their file as their label, held in memory.

    Labelled ones come in an order drawn from the seed. Empty ones are left out.
    """

    def __init__(self, data: Any, layout: Layout, labels: Sequence[str] | None = None) -> None:
        rows = _rows(data, layout, labels)
        if rows.kind != "text":
            raise DataError("documents must be text, but numbers came; name the column of the texts with --column NAME")
        self.names = tuple(str(item) for item in data if isinstance(item, str | Path)) if isinstance(data, list) else ()
        labelled = layout.condition is not None and rows.labels is not None
        self.marks = rows.classes if labelled else (DOCUMENT,)
        places = rows.labels.tolist() if labelled and rows.labels is not None else [0] * len(rows)
        self._pairs = [pair for pair in zip(rows.texts, places, strict=True) if pair[0].strip()]
        self.fingerprint = _fingerprint((text, self.marks[place]) for text, place in self._pairs)
        if labelled:
            order = permutation(len(self._pairs), layout.seed, 0).tolist()
            self._pairs = [self._pairs[place] for place in order]
        self.characters = sum(len(text) for text, _ in self._pairs)
        self.size = self.bytes = sum(len(text.encode("utf-8", "surrogatepass")) for text, _ in self._pairs)

    def batches(self) -> Iterator[Batch]:
        """Texts of about 65,536 characters together."""
        origin = self.names[0] if len(self.names) == 1 else "the data"
        first = size = 0
        for place, (text, _) in enumerate(self._pairs, start=1):
            size += len(text)
            if size >= CHUNK or place == len(self._pairs):
                texts, marks = zip(*self._pairs[first:place], strict=True)
                yield Batch(list(texts), list(marks), origin)
                first, size = place, 0


def _fingerprint(documents: Iterable[tuple[str, str]]) -> str:
    """SHA-256 of texts and labels in the order of the data, whatever other labels a model knows."""
    digest = hashlib.sha256()
    for document in documents:
        digest.update(json.dumps(document).encode())
    return digest.hexdigest()


def _rows(data: Any, layout: Layout, labels: Sequence[str] | None) -> Labelled:
    if layout.condition == "file":
        lines, names = _lines_of_files(data)
        if labels is None and len(set(names)) == 1:
            raise DataError(
                f"--condition file needs files of two names or more, which are the labels, but all {len(names)} lines "
                f"are of {names[0]!r}; name more files, or leave it out for --documents line"
            )
        return labelled_of((lines, names), Wanted(), labels)
    if isinstance(data, list):  # a folder is its files
        data = [part for item in data for part in (expand([item]) if _is_folder(item) else [item])]
    wanted = Wanted(layout.column, layout.condition, layout.condition is not None, FLAGS, table=True)
    return labelled_of(data, wanted, labels if layout.condition is not None else None)


def _is_folder(item: object) -> bool:
    return isinstance(item, str | Path) and item != "-" and Path(item).is_dir()


def _lines_of_files(data: Any) -> tuple[list[object], list[object]]:
    if not isinstance(data, list) or not all(isinstance(item, str | Path) for item in data):
        raise SpecError(
            "--condition file takes the label from a file's name, got data in memory; name files or a folder"
        )
    found: list[Examples] = []
    for item in data:
        if _is_folder(item):  # its .txt files, as the classifier reads it
            found += read_path(item, Wanted())
        else:
            found += [read_lines(text_of(source), source, Wanted()) for source in expand([item])]
    return [text for part in found for text in part.sequences], [name for part in found for name in part.labels or ()]
