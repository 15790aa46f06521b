"""One process at a time works in a run folder: a lock that ends with the process that holds it, however that ends."""

from __future__ import annotations

import os
import weakref
from pathlib import Path

from unspool.errors import CheckpointError

try:
    import fcntl

    LOCKS = True
except ImportError:  # Windows: go without
    LOCKS = False


class Lock:
    """flock on the folder itself, so that no file of it can be left behind; file systems without locks go without.

    Raises:
        CheckpointError: another process, or another training of this one, holds it.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor: int | None = None
        if not LOCKS:
            return
        descriptor = os.open(path, os.O_RDONLY)  # programs that this one starts do not inherit it (PEP 446)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # the holder before may have removed the folder: a lock on what has no name any more keeps nobody out
            gone = not path.exists() or not os.path.samestat(os.fstat(descriptor), path.stat())
        except BlockingIOError:
            gone = True
        except OSError:
            gone = False
        if gone:
            os.close(descriptor)
            raise CheckpointError(f"{path} is being trained by another process; wait for it or stop it first")
        self._descriptor = descriptor
        _HELD.add(self)

    def release(self) -> None:
        """Let others in; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        self.release()


_HELD: weakref.WeakSet[Lock] = weakref.WeakSet()


def _close_all() -> None:
    for lock in list(_HELD):
        lock.release()


if hasattr(os, "register_at_fork"):  # a forked process shares the lock, and would keep it when this one is killed
    os.register_at_fork(after_in_child=_close_all)
