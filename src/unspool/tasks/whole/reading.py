"""How whole sequences come in: read as the options say, numbered or scaled, and laid side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from torch import Tensor

from unspool.data.groups import check_apart
from unspool.data.labelled import Labelled, read_labelled
from unspool.data.sequence import Standardiser
from unspool.data.vocabulary import CharVocabulary, Vocabulary, vocabulary_from_dict
from unspool.errors import DataError
from unspool.tasks.holdout import listed, paths_of
from unspool.tasks.whole.options import WholeOptions

READ: Final = 256  # sequences that are read at once without gradients, at most,
READ_STEPS: Final = 1 << 18  # and steps

Encoding = Vocabulary | Standardiser


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


def is_given(data: Any) -> bool:
    """Say whether there is data; an empty list of files is none."""
    return data is not None and not (isinstance(data, list) and not data)


def told_split(data: Labelled, fraction: float, seed: int) -> str:
    """Return what was held out, in words."""
    share = "the sequences" if data.labels is None else "each class"
    whole = "" if data.groups is None else ", in whole groups"
    return f"validation on {fraction:g} of {share}{whole}, drawn by seed {seed}"


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
