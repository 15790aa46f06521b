"""Examples as a reader finds them, and the checks that make sequences of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.errors import DataError


class Examples(NamedTuple):
    """Sequences [N] with their label cells [N] (None = no labels).

    A sequence is a string, or whatever numpy reads as [T] or [T, C].
    """

    sequences: Sequence[object]
    labels: Sequence[object] | None
    origin: str


def is_text(examples: Examples) -> bool:
    """Whether the sequences are strings; a mixture of strings and numbers is refused."""
    strings = sum(isinstance(sequence, str) for sequence in examples.sequences)
    if strings not in (0, len(examples.sequences)):
        raise DataError(
            f"sequences must be all text or all numbers, but {examples.origin} has {strings} texts among "
            f"{len(examples.sequences)} examples; keep one kind"
        )
    return strings > 0


def as_numbers(examples: Examples, channels: int | None = None) -> list[NDArray[np.float32]]:
    """The sequences as float32 [T, C], all finite.

    All have `channels` channels (None = as many as the first that has a step); one without steps is [0, C].
    """
    arrays = [_array(sequence, number, examples.origin) for number, sequence in enumerate(examples.sequences, start=1)]
    if channels is None:
        channels = next((array.shape[1] for array in arrays if len(array)), 1)
    for number, array in enumerate(arrays, start=1):
        if len(array) and array.shape[1] != channels:
            raise DataError(
                f"every example must have the same channels, but example {number} of {examples.origin} has "
                f"{array.shape[1]} where others have {channels}; add or remove channels"
            )
        _refuse_infinite(array, number, examples.origin)
    return [array if len(array) else array.reshape(0, channels) for array in arrays]


def label_name(cell: object) -> str | None:
    """A label cell as a class name; None where there is none. 1 and 1.0 are the same class."""
    if isinstance(cell, str):
        return cell.strip() or None
    if is_missing(cell):
        return None
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    return str(cell)


def is_missing(cell: object) -> bool:
    """Whether a cell holds nothing: None, or the NaN that tables put in its place."""
    return cell is None or (isinstance(cell, float) and np.isnan(cell))


def _array(sequence: object, number: int, origin: str) -> NDArray[np.float32]:
    try:
        array = np.asarray(sequence, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"a sequence must be numbers of shape [T] or [T, C], but example {number} of {origin} is not "
            f"({error}); give every step the same channels, all numbers"
        ) from error
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise DataError(
            f"a sequence must be of shape [T] or [T, C], but example {number} of {origin} has shape "
            f"{list(array.shape)}; pass a list of sequences, or an array [N, T, C]"
        )
    return np.zeros((0, 1), np.float32) if not array.size else array


def _refuse_infinite(array: NDArray[np.float32], number: int, origin: str) -> None:
    if np.isfinite(array).all():
        return
    step, channel = (int(place[0]) for place in np.nonzero(~np.isfinite(array)))
    raise DataError(
        f"values must be finite numbers, but example {number} of {origin} has {array[step, channel]} at step "
        f"{step + 1}, channel {channel + 1} (counted from 1); fill in or leave out what is missing"
    )
