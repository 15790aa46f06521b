"""`-` in the place of data: standard input, kept in the run's folder so that it can be read again."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unspool.errors import UnspoolError
from unspool.training.folder import RunFolder
from unspool.training.parallel import Ranks


@contextmanager
def standard_input(ranks: Ranks, data: Any, folder: RunFolder) -> Iterator[Any]:
    """Give the data with a file that can be read again in the place of standard input; errors name the latter."""
    if not isinstance(data, list) or not any(isinstance(item, str) and item == "-" for item in data):
        yield data
        return
    kept = waiting(folder)
    with ranks.together():
        if ranks.first:
            with kept.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
    try:
        yield [str(kept) if isinstance(item, str) and item == "-" else item for item in data]
    except UnspoolError as error:
        if str(kept) not in str(error):
            raise
        raise type(error)(str(error).replace(str(kept), "standard input")) from error


def waiting(folder: RunFolder) -> Path:
    """Where standard input is kept until the training begins."""
    return folder.path / f".{folder.input.name}.tmp"
