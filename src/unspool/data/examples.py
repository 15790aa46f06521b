"""Examples as a reader finds them, and the checks that make sequences of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unspool.errors import DataError

Numbers: TypeAlias = NDArray[np.floating[Any]]

EXACT: Final = 1e-6  # of a channel's spread that float32 may lose
LARGEST: Final = float(np.finfo(np.float32).max)


class Examples(NamedTuple):
    """Sequences [N] with their label cells [N] (None = no labels), the cells [N] that name their groups, and channels.

    A sequence is a string, or whatever numpy reads as [T] or [T, C]; where every step has a label, a label cell
    is a list [T] of them, and a sequence may also be a list of tokens, or of steps of any shape. `channels` [C] are
    the columns that a table's numbers come from, `names` [N] what the sequences are called: a key, a file.
    """

    sequences: Sequence[object]
    labels: Sequence[object] | None
    origin: str
    groups: Sequence[object] | None = None
    channels: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None


def is_text(examples: Examples) -> bool:
    """Whether the sequences are strings; a mixture of strings and numbers is refused."""
    strings = sum(isinstance(sequence, str) for sequence in examples.sequences)
    if strings not in (0, len(examples.sequences)):
        raise DataError(
            f"sequences must be all text or all numbers, but {examples.origin} has {strings} texts among "
            f"{len(examples.sequences)} examples; keep one kind"
        )
    return strings > 0


def as_numbers(examples: Examples, channels: int | None = None) -> list[Numbers]:
    """The sequences as float32 or float64 [T, C], as they came, all finite.

    All have `channels` channels (None = as many as the first that has a step); one without steps is [0, C].
    """
    arrays = [_array(sequence, number, examples.origin) for number, sequence in enumerate(examples.sequences, start=1)]
    for number, array in enumerate(arrays, start=1):
        if array.ndim != 2:
            raise DataError(
                f"a sequence must be of shape [T] or [T, C], but example {number} of {examples.origin} has shape "
                f"{list(array.shape)}; pass a list of sequences, or an array [N, T, C]"
            )
    return _alike(arrays, None if channels is None else (channels,), examples.origin)


def laid_flat(examples: Examples) -> Examples:
    """The same with arrays [T, H, W] as [T, H * W]."""
    sequences = [
        sequence.reshape(len(sequence), int(np.prod(sequence.shape[1:])))
        if isinstance(sequence, np.ndarray) and sequence.ndim > 2
        else sequence
        for sequence in examples.sequences
    ]
    return examples._replace(sequences=sequences)


def as_frames(examples: Examples, frame: tuple[int, ...] | None = None) -> list[Numbers]:
    """The sequences as float32 or float64 [T, ...], all finite, with steps of any one shape: channels, pictures [H, W].

    The shape of a step is `frame` (None = that of the first that has one).
    """
    arrays = [_array(sequence, number, examples.origin) for number, sequence in enumerate(examples.sequences, start=1)]
    return _alike(arrays, frame, examples.origin)


def narrowed(arrays: list[Numbers]) -> list[Numbers]:
    """The arrays [T, ...] as float32 if each value keeps to within 1e-6 of its channel's spread, else as float64.

    The spread is max - min over all arrays: changes of 0.001 around 100,000 are finer than float32, whose numbers are
    0.008 apart there.
    """
    filled = [array for array in arrays if len(array)]
    wide = [array for array in filled if array.dtype != np.float32]
    if not wide:
        return [array.astype(np.float32, copy=False) for array in arrays]
    low, high = reduce(np.minimum, (a.min(0) for a in filled)), reduce(np.maximum, (a.max(0) for a in filled))
    lost = reduce(np.maximum, (np.abs(array - array.astype(np.float32)).max(0) for array in wide))
    dtype = np.float32 if (lost <= EXACT * (high - low)).all() else np.float64
    return [array.astype(dtype, copy=False) for array in arrays]


def names_of(parts: Sequence[Examples]) -> tuple[str, ...] | None:
    """What the sequences of all parts are called [N]; None where a part names none."""
    found: list[str] = []
    for part in parts:
        if part.names is None:
            return None
        found += part.names
    return tuple(found)


def channels_of(parts: Sequence[Examples]) -> tuple[str, ...] | None:
    """The names of the channels, which all tables must have in one order; None where a part names none."""
    for part in parts:
        if part.channels is None:
            return None
        if part.channels != parts[0].channels:
            came, others = (", ".join(map(repr, names)) for names in (part.channels, parts[0].channels or ()))
            raise DataError(
                f"all tables must have the same columns of numbers in the same order, but {part.origin} has {came} "
                f"where {parts[0].origin} has {others}; rename or reorder them"
            )
    return parts[0].channels


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


def fingerprint(about: Sequence[object], sequences: Iterable[object], *columns: NDArray[np.generic] | None) -> str:
    """The SHA-256 of strings, lists of strings and arrays, of columns beside them, and of what is said of them.

    Every part goes with its size, so that no two contents run together alike.
    """
    digest = hashlib.sha256(json.dumps(about).encode())
    for sequence in sequences:
        if isinstance(sequence, np.ndarray):
            digest.update(np.array(sequence.shape, dtype="<i8").tobytes())
            digest.update(sequence.astype("<f8" if sequence.dtype == np.float64 else "<f4", copy=False).tobytes())
            continue
        if isinstance(sequence, list):
            digest.update(len(sequence).to_bytes(8, "little"))
        for text in sequence if isinstance(sequence, list) else [sequence]:
            content = str(text).encode("utf-8", "surrogatepass")
            digest.update(len(content).to_bytes(8, "little"))
            digest.update(content)
    for column in columns:
        if column is not None:
            digest.update(column.astype(column.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def _array(sequence: object, number: int, origin: str) -> Numbers:
    try:
        array = np.asarray(sequence)
        # what float32 holds exactly needs no more room
        array = array.astype(np.float32 if np.can_cast(array.dtype, np.float32) else np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"a sequence must be numbers of shape [T] or [T, C], but example {number} of {origin} is not "
            f"({error}); give every step the same channels, all numbers"
        ) from error
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim and not array.size and not (array.shape[0] == 0 and all(array.shape[1:])):
        return np.zeros((0, 1), np.float32)
    return array


def _alike(arrays: list[Numbers], frame: tuple[int, ...] | None, origin: str) -> list[Numbers]:
    """The arrays, refused where a step is of another shape than the others, or not finite."""
    if frame is None:
        shapes = [array.shape[1:] for array in arrays if array.ndim and len(array)]
        shapes += [array.shape[1:] for array in arrays if array.ndim and array.shape[1:] != (1,)]
        frame = shapes[0] if shapes else (1,)  # an empty list says nothing of its channels, an array [0, C] does
    for number, array in enumerate(arrays, start=1):
        if not array.ndim:
            raise DataError(
                f"a sequence must have steps, but example {number} of {origin} is a single number; pass a list of "
                "sequences, or an array [N, T, ...]"
            )
        if len(array) and array.shape[1:] != frame:
            came, others = (" x ".join(map(str, shape)) for shape in (array.shape[1:], frame))
            raise DataError(
                f"every example must have the same channels, but example {number} of {origin} has "
                f"{came} where others have {others}; add or remove channels"
            )
        _refuse_infinite(array, number, origin)
    return [array if len(array) else array.reshape(0, *frame) for array in arrays]


def _refuse_infinite(array: Numbers, number: int, origin: str) -> None:
    fine = np.abs(array) <= LARGEST
    if fine.all():
        return
    place = tuple(int(axis[0]) for axis in np.nonzero(~fine))
    channel = ", ".join(str(axis + 1) for axis in place[1:])
    raise DataError(
        f"values must be finite numbers of at most {LARGEST:.1e} in size, but "
        f"example {number} of {origin} has {array[place]} at step "
        f"{place[0] + 1}, channel {channel} (counted from 1); fill in or leave out what is missing"
    )
