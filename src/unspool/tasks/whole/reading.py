"""How whole sequences come in: read as the options say, numbered or scaled, and laid side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unspool.data.groups import check_apart
from unspool.data.idx import is_idx
from unspool.data.labelled import Labelled, read_labelled
from unspool.data.sequence import Standardiser
from unspool.data.sources import ending
from unspool.data.vocabulary import CharVocabulary, Vocabulary, vocabulary_from_dict
from unspool.errors import DataError, SpecError
from unspool.tasks.holdout import listed, paths_of
from unspool.tasks.whole.options import WholeOptions

READ: Final = 256  # sequences that are read at once without gradients, at most,
READ_STEPS: Final = 1 << 18  # and steps
FEW_SEQUENCES: Final = 20  # of the training, below which hardly a pattern shows
NAMED: Final = 10  # classes in a remark
COLUMNLESS: Final = (".ts", ".npy", ".npz")

Encoding = Vocabulary | Standardiser


class ColumnOptions(Protocol):
    """The options of a task that name columns of a table."""

    @property
    def key(self) -> str | None:
        """The column of sequences."""

    @property
    def label_column(self) -> str | None:
        """The column of answers."""

    @property
    def text_column(self) -> str | None:
        """The column of texts."""


class Batch(NamedTuple):
    """Sequences side by side: values [T, B] or [T, B, C], lengths [B], labels [B]."""

    values: Tensor
    lengths: Tensor
    labels: Tensor

    @property
    def size(self) -> int:
        """B."""
        return len(self.labels)

    def rows(self, own: slice) -> Batch:
        """Return some of the sequences, padded as before."""
        return Batch(self.values[:, own].contiguous(), self.lengths[own], self.labels[own])


def read(
    numbers: bool,
    options: WholeOptions,
    data: Any,
    classes: Sequence[str] | None,
    channels: Sequence[str] | None = None,
    *,
    labels: bool = True,
) -> Labelled:
    """Return sequences with labels, numbers or classes, read as the options say; without `labels` they need none.

    `channels` are the columns that a trained model knows; of a table no others are taken then.
    """
    if isinstance(data, Labelled):
        return data
    return read_labelled(
        data,
        options.text_column,
        options.label_column,
        key=options.key,
        group=options.group,
        channels=channels,
        flatten=options.flatten,
        numeric_target=numbers,
        classes=classes,
        require_labels=labels,
    )


def read_validation(numbers: bool, options: WholeOptions, data: Any, training: Labelled) -> Labelled:
    """Return the sequences of a validation file, read as the training data was.

    Raises:
        DataError: they are the training data itself, or share a group with it.
    """
    name = Path(options.validation).name
    if options.validation in (paths_of(listed(data)) or []):
        raise DataError(
            f"validation must be on other data than the training, but {name} is among the training files; name another "
            "file, or a fraction to hold out"
        )
    held = read(numbers, options, [options.validation], training.classes or None, training.channels)
    check_apart(training, held, name)
    return held


def with_names(answers: Sequence[dict[str, Any]], names: Iterable[str] | None) -> list[dict[str, Any]]:
    """Return answers with what their sequences are called, where those have names."""
    if names is None:
        return list(answers)
    return [{"sequence": name, **answer} for name, answer in zip(names, answers, strict=True)]


def behind_name(answer: Mapping[str, Any], told: str) -> str:
    """Return an answer in words behind the name of its sequence and a tab, if it has one."""
    return f"{answer['sequence']}\t{told}" if "sequence" in answer else told


def told_split(data: Labelled, held: Labelled, fraction: float, seed: int) -> str:
    """Return what was held out, in words; whole groups come only near to the fraction."""
    share = "the sequences" if data.labels is None else "each class"
    if data.groups is None or held.groups is None:
        return f"validation on {fraction:g} of {share}, drawn by seed {seed}"
    groups = f"{len(np.unique(held.groups))} of {len(np.unique(data.groups))} whole groups"
    return f"validation on {groups} with {len(held)} of {len(data)} sequences, drawn by seed {seed}"


def remarks(training: Labelled, held: Labelled, encoding: Encoding) -> dict[str, Any]:
    """Return what a person should know of the reading."""
    found: dict[str, Any] = {}
    if held.labels is not None and held.groups is not None:
        counts = np.bincount(held.labels, minlength=len(held.classes)).tolist()
        found["held_out"] = ", ".join(f"{name} {count}" for name, count in zip(held.classes, counts, strict=True))
    if held.labels is not None and (missing := unmeasured(held.classes, held.labels)):
        found["not_held_out"] = missing
    if isinstance(encoding, Standardiser) and encoding.constant is not None and encoding.constant.any():
        names = training.channels or [f"number {place + 1}" for place in range(encoding.channels)]
        still = [name for name, constant in zip(names, encoding.constant, strict=True) if constant]
        found["constant_channels"] = still
    if len(training) < FEW_SEQUENCES:
        found["few_sequences"] = f"{len(training)} say little of any pattern; compare with the baselines"
    return found


def unmeasured(classes: Sequence[str], labels: NDArray[np.int64]) -> str:
    """Return a warning of classes without one of the labels of a held-out part, "" where each has one."""
    met = set(labels.tolist())
    missing = [name for place, name in enumerate(classes) if place not in met]
    more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
    return f"{', '.join(missing[:NAMED])}{more}; no number tells how these are recognised" if missing else ""


def check_columns(options: ColumnOptions, data: Any) -> None:
    """Refuse names of columns where no file of the data has any.

    Raises:
        SpecError: names the option, and the file.
    """
    paths = [Path(path) for path in paths_of(listed(data)) or []]
    if not paths or not all(ending(path) in COLUMNLESS or is_idx(path) for path in paths):
        return
    named = {"--key": options.key, "--label-column": options.label_column, "--text-column": options.text_column}
    for flag, name in named.items():
        if name is not None:
            raise SpecError(
                f"{flag} names a column of a table, got {name!r} for {paths[0].name}, which has none; leave it out"
            )


def channels_from(metadata: Mapping[str, Any], encoding: Encoding) -> tuple[str, ...] | None:
    """Return the columns of the channels of a model file, None where the data had no names.

    Raises:
        DataError: they are not as many as the scaling has.
    """
    if metadata.get("channels") is None:
        return None
    names = tuple(str(name) for name in metadata["channels"])
    if isinstance(encoding, Vocabulary) or len(names) != encoding.channels:
        raise DataError(f"channels have one name each, got {len(names)} names that do not fit; use a backup")
    return names


def encoding_of(training: Labelled) -> Encoding:
    """Return the characters of the training texts, or the scale of the training channels."""
    if training.kind == "text":
        return CharVocabulary.of([*training.texts, " "])
    return Standardiser.fit(training.arrays)


def encoding_from(metadata: Mapping[str, Any]) -> Encoding:
    """Return the vocabulary or the scaling of a model file.

    Raises:
        DataError: the scaling is none.
    """
    if stored := metadata.get("vocabulary"):
        return vocabulary_from_dict(stored)
    return Standardiser.from_dict(metadata["scaling"])
