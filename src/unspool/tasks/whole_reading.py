"""How whole sequences come in: read as the options say, numbered or scaled, and laid side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from torch import Tensor

from unspool.data.labelled import Labelled, read_labelled
from unspool.data.sequence import Standardiser
from unspool.data.vocabulary import CharVocabulary, Vocabulary, vocabulary_from_dict
from unspool.tasks.whole_options import WholeOptions

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
    numbers: bool, options: WholeOptions, data: Any, classes: Sequence[str] | None, *, labels: bool = True
) -> Labelled:
    """Return sequences with labels, numbers or classes, read as the options say; without `labels` they need none."""
    if isinstance(data, Labelled):
        return data
    return read_labelled(
        data,
        options.text_column,
        options.label_column,
        key=options.key,
        group=options.group if labels else None,
        flatten=options.flatten,
        numeric_target=numbers,
        classes=classes,
        require_labels=labels,
    )


def is_given(data: Any) -> bool:
    """Say whether there is data; an empty list of files is none."""
    return data is not None and not (isinstance(data, list) and not data)


def told_split(data: Labelled, fraction: float, seed: int) -> str:
    """Return what was held out, in words."""
    share = "the sequences" if data.labels is None else "each class"
    whole = "" if data.groups is None else ", in whole groups"
    return f"validation on {fraction:g} of {share}{whole}, drawn by seed {seed}"


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
