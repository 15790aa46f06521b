"""Sequences with a class each, whatever they came from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unspool.data.examples import Examples, as_numbers, is_text, label_name
from unspool.data.files import read_path
from unspool.data.memory import read_memory
from unspool.data.shuffle import permutation
from unspool.data.sources import Text
from unspool.data.tables import Wanted
from unspool.errors import DataError, SpecError

Sequences: TypeAlias = list[str] | list[NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Labelled:
    """N sequences, each of one class: text as strings, numbers as float32 [T, C].

    `labels` [N] are places in `classes`, or None where the data has no labels. `fingerprint` is the SHA-256
    of the content, the same for the same examples in any format.
    """

    sequences: Sequences
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...]
    kind: str
    fingerprint: str

    def __len__(self) -> int:
        return len(self.sequences)

    @property
    def texts(self) -> list[str]:
        """The sequences of kind "text"."""
        assert self.kind == "text"
        return cast(list[str], self.sequences)

    @property
    def arrays(self) -> list[NDArray[np.float32]]:
        """The sequences of kind "numeric", [T, C] each."""
        assert self.kind == "numeric"
        return cast(list[NDArray[np.float32]], self.sequences)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps or characters of each sequence, [N]."""
        return np.array([len(sequence) for sequence in self.sequences], dtype=np.int64)

    def select(self, indices: ArrayLike) -> Labelled:
        """The examples at the indices, in their order, with the same classes."""
        places = np.asarray(indices, dtype=np.int64)
        sequences = cast(Sequences, [self.sequences[place] for place in places.tolist()])
        return _labelled(sequences, None if self.labels is None else self.labels[places], self.classes, self.kind)


def read_labelled(
    data: object,
    text_column: str | None = None,
    label_column: str | None = None,
    *,
    classes: Sequence[str] | None = None,
    require_labels: bool = True,
) -> Labelled:
    """Read labelled sequences from files or from Python.

    Files: CSV, TSV (quotes are plain characters), JSON lines, .ts, .npz, a folder of .txt files (the file's
    name is the class, a line an example), .txt with tabs; several of them follow each other. Python: (X, y)
    with X a list of sequences or an array [N, T, C], a list of (sequence, label), a dict of columns, a
    DataFrame. Columns that are not named are guessed. A cell that is empty is the empty text.

    Classes are sorted, by number if all of them are numbers. With `classes` (those of a trained model) labels
    must be among them; without, there must be two at least. Without `require_labels`, `labels` is None where
    any is missing.
    """
    return labelled_of(data, Wanted(text_column, label_column, require_labels), classes)


def labelled_of(data: object, wanted: Wanted, classes: Sequence[str] | None = None) -> Labelled:
    """The same for columns that are wanted so."""
    if _is_path(data):
        data = [data]
    if isinstance(data, list | tuple) and data and all(map(_is_path, data)):
        parts = [part for path in data for part in read_path(path, wanted)]
    else:
        parts = [read_memory(data, wanted)]
    parts = [part for part in parts if len(part.sequences)]
    if not parts:
        raise DataError("data must hold at least one example, but none came; name a file with rows, or add some")
    sequences, kind = _sequences(parts)
    names = _label_names(parts, wanted.require_labels)
    if names is None:
        return _labelled(sequences, None, tuple(classes or ()), kind)
    known = _classes(names, parts, wanted.require_labels) if classes is None else tuple(classes)
    return _labelled(sequences, _places(names, known), known, kind)


def split(labelled: Labelled, fraction: float, seed: int = 0) -> tuple[Labelled, Labelled]:
    """Hold out a fraction of every class: (the rest, the held out), each in the order of the data.

    Every class of two or more examples keeps at least one and gives at least one; a single example stays.
    """
    if not 0 < fraction < 1:
        raise SpecError(f"the fraction to hold out must lie between 0 and 1, got {fraction}; 0.1 is usual")
    groups = np.zeros(len(labelled), dtype=np.int64) if labelled.labels is None else labelled.labels
    order = permutation(len(labelled), seed, 0)
    held = np.zeros(len(labelled), dtype=np.bool_)
    for group in np.unique(groups):
        members = order[groups[order] == group]
        count = int(fraction * len(members) + 0.5)
        held[members[: min(max(count, 1), len(members) - 1)]] = True
    if not held.any():
        raise DataError(
            f"a split needs a class of two examples or more, but {len(labelled)} examples came, each alone "
            "in its class; add examples, or name a file for validation"
        )
    return labelled.select(np.flatnonzero(~held)), labelled.select(np.flatnonzero(held))


def _is_path(item: object) -> bool:
    return isinstance(item, str | os.PathLike | Text)


def _sequences(parts: Iterable[Examples]) -> tuple[Sequences, str]:
    texts: list[str] = []
    arrays: list[NDArray[np.float32]] = []
    channels: int | None = None
    for part in parts:
        if is_text(part):
            texts += [str(sequence) for sequence in part.sequences]
        else:
            arrays += as_numbers(part, channels)
            channels = arrays[-1].shape[1]
    if texts and arrays:
        raise DataError(
            f"sequences must be all text or all numbers, but {len(texts)} texts and {len(arrays)} arrays "
            "came; read them apart"
        )
    return (texts, "text") if texts else (arrays, "numeric")


def _label_names(parts: Iterable[Examples], required: bool) -> list[str] | None:
    names: list[str] = []
    for part in parts:
        if part.labels is None:
            if required:
                raise DataError(f"every example must have a label, but {part.origin} has none; add labels to it")
            return None
        for number, cell in enumerate(part.labels, start=1):
            name = label_name(cell)
            if name is None:
                if required:
                    raise DataError(
                        f"every example must have a label, but example {number} of {part.origin} has none; "
                        "add it, or leave the example out"
                    )
                return None
            names.append(name)
    return names


def _classes(names: list[str], parts: Sequence[Examples], required: bool) -> tuple[str, ...]:
    found = set(names)
    if len(found) < 2 and required:
        origin = parts[0].origin if len(parts) == 1 else "the data"
        raise DataError(
            f"labels must be of two classes or more, but all {len(names)} examples of {origin} are "
            f"{names[0]!r}; add examples of another class, or name another label column"
        )
    try:
        return tuple(sorted(found, key=float))
    except ValueError:
        return tuple(sorted(found))


def _places(names: list[str], classes: tuple[str, ...]) -> NDArray[np.int64]:
    place = {name: index for index, name in enumerate(classes)}
    strangers = sorted({name for name in names if name not in place})
    if strangers:
        raise DataError(
            f"labels must be among the model's classes {', '.join(map(repr, classes))}, but {strangers[0]!r} "
            "came; mend the labels, or train a model on these classes"
        )
    return np.array([place[name] for name in names], dtype=np.int64)


def _labelled(sequences: Sequences, labels: NDArray[np.int64] | None, classes: tuple[str, ...], kind: str) -> Labelled:
    digest = hashlib.sha256(json.dumps([kind, len(sequences), classes, labels is not None]).encode())
    for sequence in sequences:
        if isinstance(sequence, str):
            content = sequence.encode("utf-8", "surrogatepass")
            digest.update(len(content).to_bytes(8, "little"))
            digest.update(content)
        else:
            digest.update(np.array(sequence.shape, dtype="<i8").tobytes())
            digest.update(sequence.astype("<f4").tobytes())
    if labels is not None:
        digest.update(labels.astype("<i8").tobytes())
    return Labelled(sequences, labels, classes, kind, digest.hexdigest())
