"""Blocks of bytes to text, strictly UTF-8, one block at a time."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable, Iterator
from itertools import chain

from unspool.data.sources import Source, Text, blocks, expand, name_of
from unspool.errors import DataError

CONVERT = "convert the file to UTF-8"


def decoded(blocks: Iterable[bytes], name: str, remedy: str = CONVERT) -> Iterator[str]:
    """Decode blocks of UTF-8 that may end in the middle of a character.

    A byte order mark at the start is dropped.

    Raises:
        DataError: a byte is not UTF-8; `remedy` says what to do.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    consumed = 0
    started = False
    for block, final in chain(((block, False) for block in blocks), [(b"", True)]):
        waiting = len(decoder.getstate()[0])  # bytes of a character that began in an earlier block
        try:
            text = decoder.decode(block, final)
        except UnicodeDecodeError as error:
            raise _broken(error, consumed - waiting + error.start, name, remedy) from error
        consumed += len(block)
        if text and not started:
            started = True
            text = text.removeprefix("\ufeff")
        if text:
            yield text


def escaped(blocks: Iterable[bytes]) -> Iterator[str]:
    """Any bytes as text: those that are not UTF-8 as half surrogates, which `ByteVocabulary.encode` turns back."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    for block in blocks:
        yield decoder.decode(block)
    yield decoder.decode(b"", True)


def cut_after(chunks: Iterable[str], ends: str, longest: int | None = None) -> Iterator[str]:
    """Regroup chunks so that each but the last ends with one of the characters `ends`.

    What has none within `longest` characters is cut there all the same.
    """
    held: list[str] = []
    size = 0  # characters held
    for chunk in chunks:
        place = 1 + max(map(chunk.rfind, ends))
        if place:
            yield "".join([*held, chunk[:place]])
            held, size = [], 0
        held.append(chunk[place:])
        size += len(chunk) - place
        if longest is not None and size > longest:
            whole = "".join(held)
            border = size - size % longest
            yield whole[:border]
            held, size = [whole[border:]], size - border
    if size:
        yield "".join(held)


def read_text(paths: Iterable[str | os.PathLike[str] | Text]) -> str:
    """The whole text of files, folders and "-" (standard input), one after the other."""
    return "".join(map(text_of, expand(paths)))


def text_of(source: Source) -> str:
    """The whole text of one source."""
    return "".join(decoded(blocks(source), name_of(source)))


def _broken(error: UnicodeDecodeError, offset: int, name: str, remedy: str) -> DataError:
    byte = error.object[error.start]
    wide = offset == 0 and error.object[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    guess = ", which looks like UTF-16" if wide else ""
    return DataError(
        f"text must be UTF-8, but byte {offset} of {name} is 0x{byte:02X} ({error.reason}){guess}; {remedy}"
    )
