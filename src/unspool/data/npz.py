"""NumPy's own files: arrays of equal length side by side, or laid end to end with their lengths."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unspool.data.examples import Examples
from unspool.data.tables import Wanted, named
from unspool.errors import DataError


def read_npz(path: Path, wanted: Wanted) -> Examples:
    """The arrays X [N, T], [N, T, C] or [N, T, H, W], or values [sum of lengths, C] and lengths [N]; and y [N]."""
    arrays = arrays_of(path)
    labels = next((arrays[name] for name in ("y", "label", "labels") if name in arrays), None)
    if "x" in arrays:
        sequences = list(arrays["x"])
    elif "values" in arrays and "lengths" in arrays:
        sequences = ragged(arrays["values"], arrays["lengths"], str(path))
    else:
        raise DataError(
            f"a .npz file must hold X, or values and lengths, but {path} holds "
            f"{', '.join(sorted(arrays)) or 'nothing'}; save it with numpy.savez(path, X=..., y=...)"
        )
    if labels is not None and labels.shape != (len(sequences),):
        raise DataError(
            f"y must hold one label for each of {len(sequences)} examples, but y of {path} has shape "
            f"{list(labels.shape)}; save one label an example"
        )
    group = named(list(arrays), wanted.group, str(path), wanted.require_labels)
    if group is not None and arrays[group].shape != (len(sequences),):
        raise DataError(
            f"groups must be one for each of {len(sequences)} examples, but {group} of {path} has shape "
            f"{list(arrays[group].shape)}; save one group an example"
        )
    groups = None if group is None else arrays[group].tolist()
    return Examples(sequences, None if labels is None else labels.tolist(), str(path), groups)


def arrays_of(path: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of a .npz file, their names in small letters."""
    try:
        # opened here, because np.load leaves a file open that it cannot read
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name.lower(): stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"a .npz file must hold plain arrays of numbers or text, but {path} does not, or is damaged; "
            "save it with numpy.savez, and sequences of unequal length as values and lengths"
        ) from error


def array_of(path: Path) -> NDArray[np.generic]:
    """The array of a .npy file, at least one axis."""
    try:
        with path.open("rb") as file:
            stored = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"a .npy file must hold one plain array of numbers, but {path} does not, or is damaged ({error}); save it "
            "with numpy.save"
        ) from error
    if not stored.ndim:
        raise DataError(f"a .npy file must hold an array with an axis, but {path} holds one number; save an array")
    return stored


def ragged(
    values: NDArray[np.generic], lengths: NDArray[np.generic], origin: str, noun: str = "values"
) -> list[NDArray[np.generic]]:
    """Flat values [sum of lengths, ...] as one array for each length."""
    whole = lengths.ndim == 1 and np.issubdtype(lengths.dtype, np.integer)
    if not whole or (lengths.astype(np.int64) < 0).any() or int(lengths.astype(np.int64).sum()) != len(values):
        raise DataError(
            f"lengths must be whole numbers that add up to the {len(values)} rows of {noun}, but those of "
            f"{origin} do not; save the length of each example"
        )
    return np.split(values, np.cumsum(lengths.astype(np.int64))[:-1]) if len(lengths) else []
