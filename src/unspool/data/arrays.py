"""Series as plain arrays, in memory and in NumPy's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from unspool.data.npz import array_of, arrays_of
from unspool.errors import DataError

ARRAY_FILES: Final = (".npy", ".npz")


def read_arrays(data: Any, origin: str) -> dict[str, NDArray[np.float64]]:
    """Series by name, each float64 [T, C]: one of [T] or [T, C], many of [N, T, C] or a list, those of a file.

    Raises:
        DataError: an array has no values, other axes, or something else than finite numbers and NaN.
    """
    if isinstance(data, Path):
        data = arrays_of(data) if data.suffix == ".npz" else array_of(data)
    if isinstance(data, dict):
        named = data
    elif isinstance(data, list | tuple) and any(np.ndim(item) for item in data):
        named = _numbered(data)
    elif np.ndim(data) == 3:
        named = _numbered(np.asarray(data))
    else:
        named = {"": data}
    return {name: _values(array, f"series {name!r} of {origin}" if name else origin) for name, array in named.items()}


def _numbered(arrays: Any) -> dict[str, Any]:
    return {str(number): array for number, array in enumerate(arrays, start=1)}


def _values(array: Any, origin: str) -> NDArray[np.float64]:
    try:
        values = np.asarray(array, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"a series must be an array of numbers, but {origin} is not ({error}); pass numbers, NaN where missing"
        ) from error
    if values.ndim not in (1, 2) or not values.size:
        raise DataError(
            f"a series must be an array [T] or [T, C] with values, but {origin} has shape {list(values.shape)}; mend it"
        )
    values = values.reshape(len(values), -1)
    infinite = np.argwhere(np.isinf(values))
    if len(infinite):
        row, column = infinite[0].tolist()
        raise DataError(
            f"values must be finite numbers, or NaN where missing, but row {row + 1} of {origin} has "
            f"{values[row, column]} in column {column + 1}; mend it"
        )
    return values
