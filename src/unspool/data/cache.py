"""Ids of large texts in files that are mapped into memory, made once and kept until a source changes.

An entry is one file: the ids, a JSON header, and a tail of 24 bytes: the checksum (CRC-32) of all before it, the
header's length, and a magic word. Its name is `<sources and unit>-<everything>.ids`, both SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.data.ids import CHUNK, Ids, narrowest
from unspool.data.sources import COMPRESSED, Source
from unspool.errors import DataError

FROM_BYTES: Final = 64_000_000  # sources of less in all are read into memory each time
PACKED: Final = 8  # bytes of text that a byte of a compressed file is taken for
VERSION: Final = 1  # of what is cached: rises when the same text would give other ids
MAGIC: Final = b"unspool\n"
ABANDONED: Final = 86_400  # seconds since anything was written to an entry that is not whole
TAIL: Final = struct.Struct("<QQ8s")
OFF: Final = "off"


class Entry(NamedTuple):
    """Ids [n] that lie in a file, and what was written beside them."""

    ids: Ids
    header: dict[str, Any]


class Shelf:
    """The entries of one list of sources, read in one manner."""

    def __init__(self, folder: Path, sources: Sequence[Path], manner: Sequence[Any]) -> None:
        self._folder = folder
        self._state = [[str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns] for path in sources]
        self._prefix = _key([VERSION, list(manner), [place for place, _, _ in self._state]])[:16]

    def find(self, accept: Callable[[Mapping[str, Any]], bool]) -> Entry | None:
        """An entry of the sources as they are now whose header is accepted; one that is damaged is removed."""
        for path in sorted(self._folder.glob(f"{self._prefix}-*.ids")):
            header = _header(path)
            if header is not None and header["sources"] == self._state and accept(header) and _whole(path):
                return Entry(_mapped(path, header), header)
            if header is None or (header["sources"] == self._state and accept(header)):
                _remove(path)
        return None

    @contextmanager
    def writing(self, asked: Mapping[str, Any]) -> Iterator[IdFile]:
        """A file for the ids: `finish` it and `close` it, and it takes its place when the block ends well.

        Entries that nobody can use any more are removed then, and what killed processes left.
        """
        path = self._place(asked)
        temporary = self._folder / f".{path.name}.{os.getpid()}.tmp"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with temporary.open("w+b") as file:
                yield IdFile(file, {"sources": self._state, "asked": dict(asked)})
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            raise DataError(
                f"a text of this size needs a file for its ids, but {self._folder} cannot hold it "
                f"({error.strerror or error}); set UNSPOOL_CACHE to another folder, or to {OFF!r} for memory"
            ) from error
        finally:
            _remove(temporary)
        for other in self._folder.glob("*.ids"):
            if self._is_stale(other):
                _remove(other)
        for left in self._folder.glob(".*.tmp"):  # of a process that was killed
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > ABANDONED:
                    left.unlink()

    def written(self, asked: Mapping[str, Any]) -> Ids:
        """The ids that were written just now."""
        path = self._place(asked)
        header = _header(path)
        if header is None:
            raise DataError(f"the ids of a large text were written to {path}, but they are gone; train again")
        return _mapped(path, header)

    def _is_stale(self, path: Path) -> bool:
        """Whether an entry is damaged, of these sources as they were before, or of a file that is gone."""
        header = _header(path)
        if header is None:
            return True
        if path.name.startswith(self._prefix):
            return bool(header["sources"] != self._state)
        return not all(Path(place).is_file() for place, _, _ in header["sources"])

    def _place(self, asked: Mapping[str, Any]) -> Path:
        return self._folder / f"{self._prefix}-{_key([self._prefix, self._state, asked])}.ids"


class IdFile:
    """Collects ids in a file, as `IdBuffer` does in memory."""

    def __init__(self, file: BinaryIO, header: dict[str, Any]) -> None:
        self._file, self._header = file, header
        self._dtype, self._count = narrowest(1), 0

    def append(self, ids: NDArray[np.integer[Any]], size: int) -> None:
        """Add ids [T], all below `size`."""
        dtype = narrowest(size)
        if dtype.itemsize > self._dtype.itemsize:
            self._rewrite(dtype)
        self._file.write(np.ascontiguousarray(ids, dtype=self._dtype).data)
        self._count += len(ids)

    def finish(self, rank: NDArray[np.integer[Any]] | None = None) -> int:
        """Return how many ids there are; id i becomes rank[i]. Nothing can be added afterwards."""
        if rank is not None:
            self._rewrite(self._dtype, rank)
        return self._count

    def close(self, **header: Any) -> None:
        """Write the header and the checksum behind the ids."""
        whole = {**self._header, **header, "dtype": self._dtype.name, "count": self._count}
        encoded = json.dumps(whole, ensure_ascii=False).encode("utf-8", "surrogatepass")
        self._file.write(encoded)
        self._file.flush()
        self._file.seek(0)
        checksum = 0
        while block := self._file.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
        self._file.write(TAIL.pack(checksum, len(encoded), MAGIC))

    def _rewrite(self, dtype: np.dtype[np.unsignedinteger[Any]], rank: NDArray[np.integer[Any]] | None = None) -> None:
        """From the end, so that what is written never lies over what is still to be read."""
        for start in range((self._count - 1) // CHUNK * CHUNK, -1, -CHUNK):
            count = min(CHUNK, self._count - start)
            self._file.seek(start * self._dtype.itemsize)
            ids = np.frombuffer(self._file.read(count * self._dtype.itemsize), dtype=self._dtype)
            self._file.seek(start * dtype.itemsize)
            self._file.write((ids if rank is None else rank[ids]).astype(dtype).data)
        self._dtype = dtype
        self._file.seek(0, os.SEEK_END)


def shelf(sources: Sequence[Source], manner: Sequence[Any]) -> Shelf | None:
    """Where the ids of these sources belong; None where they stay in memory.

    They do where the sources are small, or are not all regular files, and where UNSPOOL_CACHE is "off".
    """
    paths = [source for source in sources if isinstance(source, Path) and source.is_file()]
    place = folder()
    if place is None or len(paths) != len(sources) or sum(map(_size, paths)) < FROM_BYTES:
        return None
    return Shelf(place, paths, manner)


def _size(path: Path) -> int:
    """Bytes of the text in a file; those of a compressed one are guessed, high, before it is read."""
    return path.stat().st_size * (PACKED if path.suffix in COMPRESSED else 1)


def folder() -> Path | None:
    """`$UNSPOOL_CACHE`, else `$XDG_CACHE_HOME/unspool`, else `~/.cache/unspool`; None where it is switched off."""
    named = os.environ.get("UNSPOOL_CACHE", "")
    if named:
        return None if named == OFF else Path(named)
    beside = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(beside) if beside else Path.home() / ".cache") / "unspool"


def _key(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _header(path: Path) -> dict[str, Any] | None:
    """The header of an entry; None where the file is not a whole one, its checksum aside."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL.size))
            _, length, magic = TAIL.unpack(file.read())
            if magic != MAGIC or length > size - TAIL.size:
                return None
            file.seek(size - TAIL.size - length)
            header = json.loads(file.read(length).decode("utf-8", "surrogatepass"))
        body = header["count"] * np.dtype(header["dtype"]).itemsize
        return dict(header) if body + length + TAIL.size == size and "sources" in header else None
    except (OSError, struct.error, ValueError, KeyError, TypeError):
        return None


def _whole(path: Path) -> bool:
    """Whether the checksum holds."""
    with path.open("rb") as file:
        left = path.stat().st_size - TAIL.size
        checksum = 0
        while left and (block := file.read(min(left, 1 << 20))):
            checksum, left = zlib.crc32(block, checksum), left - len(block)
        return not left and int(TAIL.unpack(file.read())[0]) == checksum


def _mapped(path: Path, header: Mapping[str, Any]) -> Ids:
    whole = np.memmap(path, dtype=header["dtype"], mode="r", shape=(header["count"],))
    return whole.view(np.ndarray)  # slices of a memmap are slow


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
