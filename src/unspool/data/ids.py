"""Ids in the narrowest array that holds them, grown piece by piece without a second copy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

CHUNK: Final = 1 << 16
COUNTED: Final = 1 << 20  # ids at a time, so that a large vocabulary is added up seldom

Ids: TypeAlias = NDArray[np.unsignedinteger[Any]]
Piece = TypeVar("Piece", bound=np.integer[Any])


def narrowest(size: int) -> np.dtype[np.unsignedinteger[Any]]:
    """The smallest unsigned dtype for ids below `size`: one byte up to 256 symbols, two up to 65536."""
    return np.dtype(np.min_scalar_type(max(size - 1, 0)))


def pieces_of(ids: NDArray[Piece]) -> Iterator[NDArray[Piece]]:
    """The ids in pieces of 65536, so that what is worked out from them is never as long as they are."""
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))


def counts_of(ids: NDArray[np.integer[Any]], size: int) -> NDArray[np.int64]:
    """How often each id below `size` comes, [size]."""
    counts = np.zeros(size, dtype=np.int64)
    for start in range(0, len(ids), COUNTED):
        counts += np.bincount(ids[start : start + COUNTED], minlength=size)
    return counts


class IdBuffer:
    """Collects ids; widens them in place when a symbol comes whose id no longer fits."""

    def __init__(self) -> None:
        # realloc of a bytearray leaves at most an eighth unused, and the system does not back untouched pages
        self._store = bytearray()
        self._dtype = narrowest(1)

    def append(self, ids: NDArray[np.integer[Any]], size: int) -> None:
        """Add ids [T], all below `size`."""
        dtype = narrowest(size)
        if dtype.itemsize > self._dtype.itemsize:
            self._widen(dtype)
        self._store += np.ascontiguousarray(ids, dtype=self._dtype).data

    def finish(self, rank: NDArray[np.integer[Any]] | None = None) -> Ids:
        """The ids, as a view of the buffer; id i becomes rank[i]. Nothing can be added afterwards."""
        ids = np.frombuffer(self._store, dtype=self._dtype)
        if rank is not None:
            for part in pieces_of(ids):
                part[:] = rank[part]
        return ids

    def _widen(self, dtype: np.dtype[np.unsignedinteger[Any]]) -> None:
        count = len(self._store) // self._dtype.itemsize
        missing = count * dtype.itemsize - len(self._store)
        for start in range(0, missing, CHUNK):
            self._store += bytes(min(CHUNK, missing - start))
        narrow = np.frombuffer(self._store, dtype=self._dtype, count=count)
        wide = np.frombuffer(self._store, dtype=dtype, count=count)
        # from the end, so that what is written never lies over what is still to be read
        for end in range(count, 0, -CHUNK):
            start = max(0, end - CHUNK)
            wide[start:end] = narrow[start:end].copy()
        self._dtype = dtype
