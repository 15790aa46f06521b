"""Stroke-3: one row a point, (dx, dy, lift), y down; lift is 1 at the last point of a stroke.

Ha and Eck 2017, "A neural representation of sketch drawings", section 3.1. Files of it that circulate are pickles,
which run whatever code is in them when they are opened; they are refused with the command that converts them.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unspool.data.pen.strokes import Strokes
from unspool.errors import DataError

# every array of the file, in order: an .npz may hold train, valid and test; an .npy is one array of samples
CONVERT: Final = (
    'import sys, numpy as np; f = np.load(sys.argv[1], allow_pickle=True, encoding="latin1"); '
    's = [x for k in (f.files if hasattr(f, "files") else [...]) for x in f[k]]; '
    "np.savez(sys.argv[2], values=np.concatenate(s), lengths=[len(x) for x in s])"
)


def pickled(path: str) -> DataError:
    """The refusal of a pickle, with the command that makes plain arrays of it."""
    plain = path.removesuffix(".npz").removesuffix(".npy") + "-plain.npz"
    return DataError(
        f"a file of strokes must hold plain arrays, but {path} holds pickled objects, which can run any code; if you "
        f"trust where it came from, convert it with: {shlex.join(['python', '-c', CONVERT, path, plain])}"
    )


def read_stroke3(rows: NDArray[np.generic], origin: str, text: str | None = None) -> Strokes:
    """One sample from rows [N, 3]; y is turned up, and the first point lies at its own (dx, dy)."""
    if rows.ndim != 2 or rows.shape[1] != 3 or not np.issubdtype(rows.dtype, np.number) or not len(rows):
        raise DataError(
            f"stroke-3 must be numbers [N, 3], but {origin} is {rows.dtype} {list(rows.shape)}; give dx, dy and lift "
            "for each point"
        )
    values = rows.astype(np.float64)
    if not np.isin(values[:, 2], (0, 1)).all():
        hint = "put the lift last" if np.isin(values[:, 0], (0, 1)).all() else "let it be 1 where a stroke ends, else 0"
        raise DataError(f"the columns must be dx, dy and lift, but the third of {origin} is not 0 or 1; {hint}")
    last = values[:, 2] == 1
    last[-1] = True  # sketch-rnn cuts long drawings in the middle of a stroke
    try:
        return Strokes(np.cumsum(values[:, :2] * [1.0, -1.0], axis=0), last, text=text)
    except DataError as error:
        raise DataError(f"{origin}: {error}") from error


def read_stroke3_arrays(arrays: Mapping[str, NDArray[np.generic]], origin: str) -> list[Strokes]:
    """Many samples from values [sum of lengths, 3] and lengths [S]."""
    values, lengths = arrays["values"], arrays["lengths"]
    whole = lengths.ndim == 1 and len(lengths) and np.issubdtype(lengths.dtype, np.integer)
    cuts = np.cumsum(lengths.astype(np.int64)) if whole else np.empty(0, np.int64)
    if not whole or cuts[-1] != len(values) or (np.diff(cuts, prepend=0) < 1).any():
        raise DataError(
            f"lengths must be whole numbers above 0 that add up to the {len(values)} rows of values, but those of "
            f"{origin} do not; save the length of each sample"
        )
    cut = np.split(values, cuts[:-1])
    return [read_stroke3(rows, f"sample {number} of {origin}") for number, rows in enumerate(cut, start=1)]
