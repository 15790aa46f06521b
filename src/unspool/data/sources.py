"""Where text comes from (files, folders, gzip, zstandard, standard input, memory), and its bytes in blocks."""

from __future__ import annotations

import errno
import gzip
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias, cast

from unspool.errors import DataError, MissingExtra

BLOCK: Final = 1 << 20
PACKED_BLOCK: Final = 1 << 16  # of a .zst file: what it unpacks to is held at once
COMPRESSED: Final = (".gz", ".zst")


@dataclass(frozen=True, slots=True)
class Text:
    """Text that is already in memory, with the name that messages give it."""

    text: str | bytes
    name: str = "the given text"


@dataclass(frozen=True, slots=True)
class StandardInput:
    """What is piped into the program; it can be read once."""

    name: str = "standard input"


Source: TypeAlias = Path | Text | StandardInput


def name_of(source: Source) -> str:
    """What messages call the source."""
    return str(source) if isinstance(source, Path) else source.name


def expand(paths: Iterable[str | os.PathLike[str] | Text]) -> list[Source]:
    """List what the paths stand for, in the order given.

    A folder stands for all files below it, sorted by their path, without hidden and empty ones;
    "-" stands for standard input; a `Text` stands for itself.
    """
    found: list[Source] = []
    for path in paths:
        if isinstance(path, Text):
            found.append(path)
        elif path == "-":
            if any(isinstance(source, StandardInput) for source in found):
                raise DataError("standard input can be read once, but '-' came twice; name it once")
            found.append(StandardInput())
        elif Path(path).is_dir():
            found.extend(_below(Path(path)))
        else:
            found.append(_checked(Path(path)))
    if not found:
        raise DataError("at least one file, folder or '-' is needed, but none came; name the data to read")
    return found


def blocks(source: Source) -> Iterator[bytes]:
    """Read a source in blocks of at most 1 MiB; files that end in .gz or .zst are decompressed on the way."""
    if isinstance(source, Text):
        yield from _literal_blocks(source)
        return
    if isinstance(source, Path) and source.suffix == ".zst":
        yield from _zst_blocks(source)
        return
    try:
        with _opened(source) as stream:
            while block := stream.read(BLOCK):
                yield block
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"a .gz file must be whole gzip data, but {name_of(source)} is damaged or cut short ({error}); "
            "copy it again, or drop the .gz from its name if it is not compressed"
        ) from error
    except OSError as error:
        raise _unreadable(name_of(source), error) from error


def ending(path: Path) -> str:
    """The ending of a file's name, that of its packing aside: ".txt" of x.txt.gz."""
    return path.with_suffix("").suffix if path.suffix in COMPRESSED else path.suffix


def _zst_blocks(path: Path) -> Iterator[bytes]:
    try:
        import zstandard
    except ImportError as error:
        raise MissingExtra(f"reading {path} needs the library zstandard; pip install 'unspool[text]'") from error
    try:
        with path.open("rb") as stream:
            frame = zstandard.ZstdDecompressor().decompressobj()
            while packed := stream.read(PACKED_BLOCK):
                while packed:  # a file may hold several frames
                    if frame.eof:
                        frame = zstandard.ZstdDecompressor().decompressobj()
                    whole = frame.decompress(packed)
                    yield from (whole[start : start + BLOCK] for start in range(0, len(whole), BLOCK))
                    packed = frame.unused_data
            if not frame.eof:
                raise EOFError("its last frame has no end")
    except (zstandard.ZstdError, EOFError) as error:
        raise DataError(
            f"a .zst file must be whole zstandard data, but {path} is damaged or cut short ({error}); copy it again, "
            "or drop the .zst from its name if it is not compressed"
        ) from error
    except OSError as error:
        raise _unreadable(str(path), error) from error


def _opened(source: Path | StandardInput) -> AbstractContextManager[BinaryIO]:
    if isinstance(source, StandardInput):
        return nullcontext(sys.stdin.buffer)  # not ours to close
    if source.suffix == ".gz":
        return cast(AbstractContextManager[BinaryIO], gzip.open(source, "rb"))
    return source.open("rb")


def _literal_blocks(literal: Text) -> Iterator[bytes]:
    text = literal.text
    for start in range(0, len(text), BLOCK // 4):  # a code point takes four bytes at most
        piece = text[start : start + BLOCK // 4]
        if isinstance(piece, bytes):
            yield piece
            continue
        try:
            yield piece.encode("utf-8")
        except UnicodeEncodeError as error:
            raise DataError(
                f"text must be made of whole Unicode characters, but {literal.name} holds half a surrogate "
                f"pair (U+{ord(piece[error.start]):04X}) at character {start + error.start}; remove or "
                "replace it"
            ) from error


def _below(folder: Path) -> list[Path]:
    found: list[Path] = []

    def refuse(error: OSError) -> None:
        raise _unreadable(str(error.filename), error) from error

    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [Path(place, name) for name in files if not name.startswith(".")]
        found.extend(path for path in paths if path.is_file() and path.stat().st_size > 0)
    if not found:
        raise DataError(
            f"a folder must hold at least one file that is neither hidden nor empty, but {folder} holds "
            "none; name another folder, or the files themselves"
        )
    return sorted(found, key=lambda path: path.parts)


def _checked(path: Path) -> Path:
    if not path.exists():
        raise DataError(f"data must be a file or a folder that exists, but there is no {path}; check the path")
    # pipes and devices have size 0 too, so only a regular file is known to be empty
    if path.is_file() and path.stat().st_size == 0:
        raise DataError(f"data must not be empty, but {path} has 0 bytes; name a file that holds something")
    if not os.access(path, os.R_OK):
        raise _unreadable(str(path), PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    return path


def _unreadable(name: str, error: OSError) -> DataError:
    reason = error.strerror or str(error)
    return DataError(f"data must be readable, but {name} is not ({reason}); check the path and its permissions")
