"""Examples that are already in Python: arrays, lists, columns, a DataFrame."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from unspool.data.examples import Examples
from unspool.data.long import read_long_whole
from unspool.data.tables import Wanted, read_columns
from unspool.errors import DataError

ORIGIN = "the given data"


def read_memory(data: object, wanted: Wanted) -> Examples:
    """Examples of a DataFrame, dict of columns, (X, y), (X, None), list of (sequence, label), or X alone.

    Where labels are required, a third of a tuple, (X, y, groups), is one group for each sequence.
    """
    if wanted.key is not None and (is_frame(data) or isinstance(data, Mapping)):
        return read_long_whole(data, wanted)
    if is_frame(data):
        return read_columns(columns_of(data), "the DataFrame", wanted)
    if isinstance(data, Mapping):
        return read_columns({str(name): list(column) for name, column in data.items()}, ORIGIN, wanted)
    if isinstance(data, tuple) and len(data) == 2:
        return _together(data[0], data[1])
    if isinstance(data, tuple) and len(data) == 3 and wanted.require_labels:
        return _grouped(_together(data[0], data[1]), _items(data[2]))
    items = _items(data)
    if items and all(isinstance(item, tuple) and len(item) == 2 for item in items):
        return _together([item[0] for item in items], [item[1] for item in items])
    return Examples(items, None, ORIGIN)


def is_frame(data: object) -> bool:
    """Whether this is a pandas DataFrame; whoever holds one has imported pandas, so this need not."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(data, pandas.DataFrame)


def _together(sequences: Any, labels: Any) -> Examples:
    found = _items(sequences)
    if labels is None:
        return Examples(found, None, ORIGIN)
    names = _items(labels)
    if len(found) != len(names):
        raise DataError(
            f"every sequence must have one label, but {len(found)} sequences and {len(names)} labels came; "
            "pass as many of one as of the other"
        )
    return Examples(found, names, ORIGIN)


def _grouped(examples: Examples, groups: list[Any]) -> Examples:
    if len(groups) != len(examples.sequences):
        raise DataError(
            f"every sequence must have one group, but {len(examples.sequences)} sequences and {len(groups)} groups "
            "came; pass as many of one as of the other"
        )
    return examples._replace(groups=groups)


def _items(data: Any) -> list[Any]:
    if is_frame(data):
        return list(data.to_numpy())
    if hasattr(data, "tolist") and getattr(data, "ndim", 0) == 1:
        return list(data.tolist())  # numpy scalars become Python's own
    if isinstance(data, str) or not isinstance(data, Iterable):
        raise DataError(
            "data in Python must be (X, y), a DataFrame, a dict of columns or a list of (sequence, label), "
            f"but {type(data).__name__} came; pass one of those, or paths of files"
        )
    return list(data)


def columns_of(frame: Any) -> dict[str, Sequence[object]]:
    """Columns as lists, missing cells as None, cells that hold objects (as Parquet nests them) as lists."""
    columns: dict[str, Sequence[object]] = {}
    for place, name in enumerate(frame.columns):
        column = frame.iloc[:, place]
        cells = zip(column.tolist(), column.isna().tolist(), strict=True)
        columns.setdefault(str(name), [None if missing else _plain(cell) for cell, missing in cells])
    return columns


def _plain(cell: object) -> object:
    return cell.tolist() if isinstance(cell, np.ndarray) and cell.dtype == object else cell
