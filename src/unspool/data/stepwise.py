"""Sequences with a class at every step, whatever they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unspool.data.aligned import read_aligned
from unspool.data.classes import UNSCORED, check_recurring, classes_of, ordered, places_of
from unspool.data.examples import (
    Examples,
    Numbers,
    as_frames,
    channels_of,
    fingerprint,
    label_name,
    names_of,
    narrowed,
)
from unspool.data.groups import check_fraction, groups_of, held_groups
from unspool.data.shuffle import permutation
from unspool.data.tables import Wanted
from unspool.errors import DataError

Steps: TypeAlias = list[Numbers] | list[list[str]] | list[str]


@dataclass(frozen=True, eq=False)
class Stepwise:
    """N sequences with a class at every step.

    Kind "numeric": arrays [T, ...], a step being channels [C] or a picture [H, W], float32 where that is exact to
    1e-6 of each channel's spread, else float64; "tokens": lists of T strings; "text": strings of T characters.
    `labels` are places in `classes`, [T] for each sequence, UNSCORED (-1) where a step has none; None where the data
    has no labels at all. `groups` [N] are numbers from 0, None without a column of groups, `group_names` what they
    are called. `channels` [C] are the columns that a table's numbers came from, `names` [N] what the sequences are
    called: by their key or file; None where nothing names them. `fingerprint` is the SHA-256 of sequences and labels,
    the same for the same ones in any format.
    """

    sequences: Steps
    labels: list[NDArray[np.int64]] | None
    classes: tuple[str, ...]
    kind: str
    fingerprint: str
    groups: NDArray[np.int64] | None = None
    channels: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    group_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.sequences)

    @property
    def arrays(self) -> list[Numbers]:
        """The sequences of kind "numeric", [T, ...] each."""
        assert self.kind == "numeric"
        return cast(list[Numbers], self.sequences)

    @property
    def symbols(self) -> Sequence[Sequence[str]]:
        """The sequences of kind "tokens" or "text": tokens or characters, T each."""
        assert self.kind in ("tokens", "text")
        return cast(Sequence[Sequence[str]], self.sequences)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each sequence, [N]."""
        return np.array([len(sequence) for sequence in self.sequences], dtype=np.int64)

    def select(self, indices: ArrayLike) -> Stepwise:
        """The sequences at the indices, in their order, with the same classes."""
        places = np.asarray(indices, dtype=np.int64)
        sequences = cast(Steps, [self.sequences[place] for place in places.tolist()])
        labels = None if self.labels is None else [self.labels[place] for place in places.tolist()]
        groups = None if self.groups is None else self.groups[places]
        names = None if self.names is None else tuple(self.names[place] for place in places.tolist())
        return _stepwise(replace(self, sequences=sequences, labels=labels, groups=groups, names=names))


def read_stepwise(
    data: object,
    text_column: str | None = None,
    label_column: str | None = None,
    *,
    key: str | None = None,
    group: str | None = None,
    channels: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    require_labels: bool = True,
) -> Stepwise:
    """Read sequences with a label a step from files or from Python.

    Files: .npz with X [N, T, ...] and y [N, T], or values [sum of T, ...], lengths [N] and labels [sum of T]; JSON
    lines with "values", "tokens" or "text" and "labels"; tables (CSV, TSV, Parquet, JSON lines) of a row a step,
    those of one sequence with the same `key`; .txt and .conll with token TAB label a line and a blank line between
    sequences; a folder of such files, a table without `key` being one sequence. Python: (X, y), a list of
    (sequence, labels), a dict as an .npz holds it, a DataFrame or dict of columns.

    A label that is missing (an empty cell, None, NaN; in arrays and lists the number -1) is not scored. With
    `classes` (those of a trained model) labels must be among them; without, there must be two at least. `group` is a
    column that names what `split` must not divide, `channels` are the columns of numbers where a row is a step (None =
    all that are left). Without `require_labels`, `labels` is None where there are none.
    """
    names = None if channels is None else tuple(channels)
    wanted = Wanted(text_column, label_column, require_labels, key=key, group=group, channels=names)
    parts = read_aligned(data, wanted)
    parts = [part for part in parts if len(part.sequences)]
    if not parts:
        raise DataError("data must hold at least one sequence, but none came; name a file with rows, or add some")
    sequences, kind = _sequences(parts)
    rows = _names(parts, sequences, require_labels)
    labels = None
    if rows is not None:
        flat = [name for row in rows for name in row]
        if classes is None:
            origin = parts[0].origin if len(parts) == 1 else "the data"
            named = [name for name in flat if name is not None]
            classes = classes_of(named, origin, "labelled steps") if require_labels else ordered(set(named))
            if require_labels and label_column is None:
                check_recurring(named, origin)
        labels = np.split(places_of(flat, classes), np.cumsum([len(row) for row in rows])[:-1])
    groups, group_names = groups_of(parts, wanted)
    known = tuple(classes or ())
    return _stepwise(
        Stepwise(sequences, labels, known, kind, "", groups, channels_of(parts), names_of(parts), group_names)
    )


def split(stepwise: Stepwise, fraction: float, seed: int = 0) -> tuple[Stepwise, Stepwise]:
    """Hold out a fraction of the sequences, or of the groups: (the rest, the held out), each in the order of the data.

    No group is divided; the groups held out have about that fraction of each class's steps. Every class stays in the
    rest.
    """
    check_fraction(fraction)
    if stepwise.groups is not None:
        held = held_groups(stepwise.groups, _counts(stepwise), fraction, seed)
    else:
        count = len(stepwise)
        if count < 2:
            raise DataError(
                "a split needs two sequences or more, but 1 came; add sequences, or name a file for validation"
            )
        wanted = min(max(int(fraction * count + 0.5), 1), count - 1)
        held = _held_sequences(_counts(stepwise) > 0, wanted, seed)
    return stepwise.select(np.flatnonzero(~held)), stepwise.select(np.flatnonzero(held))


def _held_sequences(has: NDArray[np.bool_], wanted: int, seed: int) -> NDArray[np.bool_]:
    """Which sequences [N] to hold out: the first of an order drawn from the seed whose classes others have too.

    `has` [N, classes] says which sequence has which class.
    """
    held, left = np.zeros(len(has), dtype=np.bool_), has.sum(axis=0)
    for place in permutation(len(has), seed, 0).tolist():
        if (left[has[place]] > 1).all():
            held[place], left = True, left - has[place]
            if held.sum() == wanted:
                break
    if not held.any():
        raise DataError(
            f"a split needs a sequence whose classes others have too, but each of {len(has)} sequences has a class of "
            "its own; add sequences, or name a file for validation"
        )
    return held


def _counts(stepwise: Stepwise) -> NDArray[np.float64]:
    """How many steps of each class each sequence has, [N, classes]; all its steps [N, 1] without labels."""
    if stepwise.labels is None:
        return stepwise.lengths[:, None].astype(np.float64)
    size = len(stepwise.classes)
    rows = [np.bincount(labels[labels != UNSCORED], minlength=size) for labels in stepwise.labels]
    return np.array(rows, dtype=np.float64)


def _sequences(parts: Sequence[Examples]) -> tuple[Steps, str]:
    kinds = [_kinds(part) for part in parts]
    met = set().union(*kinds)
    if len(met) > 1:
        raise DataError(
            f"sequences must be all text, all tokens or all numbers, but {' and '.join(sorted(met))} came; "
            "read them apart"
        )
    kind = met.pop() if met else "numeric"
    if kind == "numeric":
        arrays: list[Numbers] = []
        for part in parts:
            arrays += as_frames(part, arrays[-1].shape[1:] if arrays else None)
        return narrowed(arrays), kind
    whole = [sequence for part in parts for sequence in part.sequences]
    if kind == "text":
        return [str(sequence) for sequence in whole], kind
    return [[str(token) for token in cast(Sequence[object], sequence)] for sequence in whole], kind


def _kinds(part: Examples) -> set[str]:
    """The kinds of a part's sequences; an empty one may be of any."""
    kinds = set()
    for number, sequence in enumerate(part.sequences, start=1):
        if isinstance(sequence, str):
            kinds.add("text")
        elif isinstance(sequence, list | tuple) and any(isinstance(step, str) for step in sequence):
            wrong = next((step for step in sequence if not isinstance(step, str)), None)
            if wrong is not None:
                raise DataError(
                    f"every token must be text, but sequence {number} of {part.origin} has {wrong!r} among them; "
                    "write it as text"
                )
            kinds.add("tokens")
        elif isinstance(sequence, np.ndarray) and sequence.dtype.kind == "U":
            kinds.add("tokens")
        elif not hasattr(sequence, "__len__") or len(sequence):
            kinds.add("numeric")
    return kinds


def _names(parts: Sequence[Examples], sequences: Steps, required: bool) -> list[list[str | None]] | None:
    """The class name of each step, None where there is none."""
    names: list[list[str | None]] = []
    for part in parts:
        if part.labels is None:
            if required:
                raise DataError(f"every sequence must have labels, but {part.origin} has none; add labels to it")
            return None
        for number, cells in enumerate(part.labels, start=1):
            row = _row(cells, f"sequence {number} of {part.origin}")
            steps = len(sequences[len(names)])
            if len(row) != steps:
                raise DataError(
                    f"every step must have one label, but sequence {number} of {part.origin} has {steps} steps and "
                    f"{len(row)} labels; give as many of one as of the other"
                )
            names.append(row)
    return names


def _row(cells: object, where: str) -> list[str | None]:
    if isinstance(cells, np.ndarray) and cells.ndim == 1:
        cells = cells.tolist()
    if not isinstance(cells, list | tuple):
        raise DataError(
            f"labels must be a list with one for each step, but {where} has {cells!r}; for one label a sequence, "
            "train a classifier"
        )
    return [None if not isinstance(cell, str) and cell == UNSCORED else label_name(cell) for cell in cells]


def _stepwise(found: Stepwise) -> Stepwise:
    """The same with the fingerprint of its content."""
    about = ["stepwise", found.kind, len(found), found.classes, found.labels is not None]
    return replace(found, fingerprint=fingerprint(about, found.sequences, *(found.labels or ())))
