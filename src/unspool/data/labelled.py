"""Sequences with a class or a number each, whatever they came from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unspool.data.classes import classes_of, ordered, places_of
from unspool.data.examples import (
    LARGEST,
    Examples,
    Numbers,
    as_numbers,
    channels_of,
    fingerprint,
    is_text,
    label_name,
    laid_flat,
    names_of,
    narrowed,
)
from unspool.data.files import read_path
from unspool.data.groups import check_fraction, groups_of, held_groups
from unspool.data.memory import read_memory
from unspool.data.shuffle import permutation
from unspool.data.sources import Text
from unspool.data.tables import Wanted
from unspool.errors import DataError

Sequences: TypeAlias = list[str] | list[Numbers]
Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True, eq=False)
class Labelled:
    """N sequences, each of one class or with one number: text as strings, numbers as arrays [T, C].

    Arrays are float32 where that is exact to 1e-6 of each channel's spread, float64 otherwise.

    `labels` [N] are places in `classes`, or None where the data has no labels; `targets` [N] are the numbers, where
    those were asked for. `groups` [N] are numbers from 0, None without a column of groups, `group_names` what they
    are called. `channels` [C] are the columns that a table's numbers came from, `names` [N] what the sequences are
    called: by their key or file; None where nothing names them. `fingerprint` is the SHA-256 of sequences, labels and
    targets, the same for the same examples in any format.
    """

    sequences: Sequences
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...]
    kind: str
    fingerprint: str
    targets: NDArray[np.float64] | None = None
    groups: NDArray[np.int64] | None = None
    channels: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    group_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.sequences)

    @property
    def texts(self) -> list[str]:
        """The sequences of kind "text"."""
        assert self.kind == "text"
        return cast(list[str], self.sequences)

    @property
    def arrays(self) -> list[Numbers]:
        """The sequences of kind "numeric", [T, C] each."""
        assert self.kind == "numeric"
        return cast(list[Numbers], self.sequences)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps or characters of each sequence, [N]."""
        return np.array([len(sequence) for sequence in self.sequences], dtype=np.int64)

    def select(self, indices: ArrayLike) -> Labelled:
        """The examples at the indices, in their order, with the same classes."""
        places = np.asarray(indices, dtype=np.int64)
        sequences = cast(Sequences, [self.sequences[place] for place in places.tolist()])
        return _labelled(
            replace(
                self,
                sequences=sequences,
                labels=_at(places, self.labels),
                targets=_at(places, self.targets),
                groups=_at(places, self.groups),
                names=None if self.names is None else tuple(self.names[place] for place in places.tolist()),
            )
        )


def read_labelled(
    data: object,
    text_column: str | None = None,
    label_column: str | None = None,
    *,
    key: str | None = None,
    group: str | None = None,
    channels: Sequence[str] | None = None,
    flatten: bool = False,
    numeric_target: bool = False,
    classes: Sequence[str] | None = None,
    require_labels: bool = True,
    fewest: int = 2,
) -> Labelled:
    """Read sequences with a label each from files or from Python.

    Files: CSV, TSV (quotes are plain characters), Parquet, JSON lines, .ts, .npz, .npy, .txt with tabs; pictures in
    IDX, whose rows are steps; a folder of .txt files (the file's name is the class, a line an example), or of folders
    named by class with a file a sequence (table, .npy or text); several of them follow each other. Python: (X, y)
    with X a list of sequences or an array [N, T, C], a list of (sequence, label), a dict of columns, a DataFrame.
    Columns that are not named are guessed. A cell that is empty is the empty text. Steps of more than one axis are
    laid flat: [T, H, W] becomes [T, H * W].

    With `key`, tables are long: a row is a step, and the rows of one sequence share the key and the label. `channels`
    are the columns of numbers of such tables, and of recordings (None = all that are left). `group` is a column that
    names what `split` must not divide. `flatten` makes every value a step of its own: [T, C] becomes [T * C, 1].

    Classes are sorted, by number if all of them are numbers. With `classes` (those of a trained model) labels
    must be among them; without, there must be `fewest` at least, 1 or 2. With `numeric_target` the labels are numbers,
    and become `targets` in place of `labels`. Without `require_labels`, both are None where any is missing.
    """
    names = None if channels is None else tuple(channels)
    wanted = Wanted(text_column, label_column, require_labels, key=key, group=group, channels=names)
    return labelled_of(data, wanted, classes, flatten=flatten, numeric_target=numeric_target, fewest=fewest)


def labelled_of(
    data: object,
    wanted: Wanted,
    classes: Sequence[str] | None = None,
    *,
    flatten: bool = False,
    numeric_target: bool = False,
    fewest: int = 2,
) -> Labelled:
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
    if flatten and kind == "numeric":
        sequences = [array.reshape(-1, 1) for array in cast(list[Numbers], sequences)]
    names = _label_names(parts, wanted.require_labels)
    labels, targets = None, None
    if names is not None and numeric_target:
        targets = _numbers(names, parts)
    elif names is not None:
        if classes is None:
            several = wanted.require_labels and fewest > 1
            classes = classes_of(names, _origin(parts)) if several else ordered(set(names))
        labels = places_of(names, classes)
    groups, group_names = groups_of(parts, wanted)
    channels = None if flatten else channels_of(parts)
    known = tuple(classes or ())
    return _labelled(
        Labelled(sequences, labels, known, kind, "", targets, groups, channels, names_of(parts), group_names)
    )


def split(labelled: Labelled, fraction: float, seed: int = 0) -> tuple[Labelled, Labelled]:
    """Hold out a fraction of every class: (the rest, the held out), each in the order of the data.

    Every class of two or more examples keeps at least one and gives at least one; a single example stays. Groups
    stay whole: then each class comes as near to the fraction as they allow.
    """
    check_fraction(fraction)
    strata = np.zeros(len(labelled), dtype=np.int64) if labelled.labels is None else labelled.labels
    if labelled.groups is not None:
        counts = np.eye(int(strata.max()) + 1)[strata]  # [N, classes]
        held = held_groups(labelled.groups, counts, fraction, seed)
    else:
        held = _held_of_each(strata, fraction, seed)
    return labelled.select(np.flatnonzero(~held)), labelled.select(np.flatnonzero(held))


def _held_of_each(strata: NDArray[np.int64], fraction: float, seed: int) -> NDArray[np.bool_]:
    """Which examples [N] to hold out so that each stratum gives that fraction."""
    order = permutation(len(strata), seed, 0)
    held = np.zeros(len(strata), dtype=np.bool_)
    for stratum in np.unique(strata):
        members = order[strata[order] == stratum]
        count = int(fraction * len(members) + 0.5)
        held[members[: min(max(count, 1), len(members) - 1)]] = True
    if not held.any():
        raise DataError(
            f"a split needs a class of two examples or more, but {len(strata)} examples came, each alone "
            "in its class; add examples, or name a file for validation"
        )
    return held


def _is_path(item: object) -> bool:
    return isinstance(item, str | os.PathLike | Text)


def _sequences(parts: Iterable[Examples]) -> tuple[Sequences, str]:
    texts: list[str] = []
    arrays: list[Numbers] = []
    channels: int | None = None
    for part in parts:
        if is_text(part):
            texts += [str(sequence) for sequence in part.sequences]
        else:
            arrays += as_numbers(laid_flat(part), channels)
            channels = arrays[-1].shape[1]
    if texts and arrays:
        raise DataError(
            f"sequences must be all text or all numbers, but {len(texts)} texts and {len(arrays)} arrays "
            "came; read them apart"
        )
    return (texts, "text") if texts else (narrowed(arrays), "numeric")


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


def _numbers(names: list[str], parts: Sequence[Examples]) -> NDArray[np.float64]:
    """Labels as finite numbers [N]."""
    numbers = np.empty(len(names))
    for place, name in enumerate(names):
        try:
            numbers[place] = float(name)
        except ValueError:
            numbers[place] = np.nan
        if not abs(numbers[place]) <= LARGEST:
            raise DataError(
                f"every target must be a finite number of at most {LARGEST:.1e} in size, but "
                f"example {place + 1} of {_origin(parts)} has {name!r}; mend "
                "it, or train a classifier where labels are classes"
            )
    return numbers


def _origin(parts: Sequence[Examples]) -> str:
    return parts[0].origin if len(parts) == 1 else "the data"


def _at(places: NDArray[np.int64], column: NDArray[Number] | None) -> NDArray[Number] | None:
    return None if column is None else column[places]


def _labelled(found: Labelled) -> Labelled:
    """The same with the fingerprint of its content."""
    about = [found.kind, len(found), found.classes, found.labels is not None]
    return replace(found, fingerprint=fingerprint(about, found.sequences, found.labels, found.targets))
