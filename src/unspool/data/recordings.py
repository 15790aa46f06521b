"""Folders of recordings: a file is one sequence, and the name of its folder the class."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from unspool.data.examples import Examples
from unspool.data.long import read_recording
from unspool.data.npz import array_of, arrays_of
from unspool.data.sources import ending, expand
from unspool.data.tables import Wanted
from unspool.data.text import text_of
from unspool.errors import DataError

RECORDINGS: Final = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet", ".npy", ".npz", ".txt")


def read_recordings(folder: Path, wanted: Wanted) -> list[Examples]:
    """The recordings in folders named by class; where no labels are required and no folders there, those beside them.

    A recording is a table of a row a step, a .npy or .npz file of one array [T] or [T, C], or a whole text. Files
    with other endings do not count.
    """
    places = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    folders = [path for path in places if path.is_dir()]
    found: list[tuple[Path, str | None]] = [
        (file, place.name) for place in folders for file in expand([place]) if isinstance(file, Path)
    ]
    if not folders and not wanted.require_labels:
        found = [(file, None) for file in places]
    chosen = [(file, label) for file, label in found if ending(file) in RECORDINGS]
    return [_read(file, wanted, label)._replace(names=(str(file.relative_to(folder)),)) for file, label in chosen]


def _read(file: Path, wanted: Wanted, label: str | None) -> Examples:
    end, labels = ending(file), None if label is None else [label]
    if end == ".txt":
        return Examples([text_of(file)], labels, str(file))
    if end == ".npy":
        return Examples([array_of(file)], labels, str(file))
    if end != ".npz":
        return read_recording(file, wanted, label)
    arrays = arrays_of(file)
    if len(arrays) != 1:
        raise DataError(
            f"a .npz file in a folder named by class must hold one array, but {file} holds "
            f"{', '.join(sorted(arrays)) or 'none'}; save one sequence a file"
        )
    return Examples(list(arrays.values()), labels, str(file))
