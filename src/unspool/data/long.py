"""Long tables: a row is one step, and the rows of one sequence share a key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.data.columns import choose_rows
from unspool.data.examples import Examples, label_name
from unspool.data.frames import column_list, origin_of, read_frame
from unspool.data.tables import LABEL_NAMES, Wanted, known, named
from unspool.errors import DataError

if TYPE_CHECKING:
    from pandas import DataFrame, Series

TOKEN_NAMES: Final = ("token", "word", "text")


class _Steps(NamedTuple):
    """Sequences [N], the rows of the table that each is made of, its channels (None = tokens), and its keys [N]."""

    sequences: list[Any]
    rows: list[NDArray[np.int64]]
    channels: tuple[str, ...] | None
    keys: tuple[str, ...] | None


def read_long(source: Any, wanted: Wanted, origin: str | None = None) -> Examples:
    """Sequences in the order in which their keys appear; the whole table is one where no key is wanted.

    The rows of a sequence follow their stamps if the table has any, equal ones in the table's order. A step is the
    token in the text column (token, word, text), or else all numbers of the row that are none of key, label, group
    and stamp. A label cell is the list of the labels at the steps.
    """
    frame, origin = read_frame(source), origin or origin_of(source)
    names = [name for name in frame.columns if name not in (wanted.channels or ())]
    wanted = wanted._replace(key=named(names, wanted.key, origin))
    group = named(names, wanted.group, origin, wanted.require_labels)
    label = named(names, wanted.label, origin, wanted.require_labels)
    if wanted.label is None:  # where one was named, a channel may be called y
        label = known(names, LABEL_NAMES, wanted.key)
    if label is None and wanted.require_labels:
        raise DataError(
            f"a table must have a column of labels, but which one it is in {origin} cannot be guessed from its columns "
            f"{column_list(frame)}; say {wanted.flags[1]} NAME"
        )
    steps = _steps(frame.drop(columns=[name for name in {label, group} if name is not None]), origin, wanted)
    labels = None if label is None else _parted(_names(frame[label]), steps.rows)
    groups = None if group is None else _constant(_parted(_names(frame[group]), steps.rows), "group", origin)
    return Examples(steps.sequences, labels, origin, groups, steps.channels, steps.keys)


def read_long_whole(source: Any, wanted: Wanted) -> Examples:
    """The same with one label for each sequence: the one that all its steps have."""
    examples = read_long(source, wanted)
    cells: Any = examples.labels
    return examples._replace(labels=None if cells is None else _constant(cells, "label", examples.origin))


def read_recording(source: Any, wanted: Wanted, label: str | None) -> Examples:
    """A table that is one sequence and has no label but the one that is given: its columns are stamps and channels."""
    origin = origin_of(source)
    steps = _steps(read_frame(source), origin, wanted._replace(key=None))
    return Examples(steps.sequences, None if label is None else [label], origin, channels=steps.channels)


def _steps(frame: DataFrame, origin: str, wanted: Wanted) -> _Steps:
    text = None if wanted.channels else named(list(frame.columns), wanted.text, origin) or _tokens(frame, wanted.key)
    if text is None:
        rows = choose_rows(frame, origin, None, wanted.channels, wanted.key)
        order = [_in_time(places, rows.stamps) for places in rows.series.values()]
        keys = None if wanted.key is None else tuple(rows.series)
        return _Steps([rows.values[places] for places in order], order, rows.names, keys)
    tokens = ["" if missing else str(cell) for cell, missing in _cells(frame[text])]
    frame = frame.assign(**{text: np.arange(len(frame))})  # a number stands for each token
    rows = choose_rows(frame, origin, None, [text], wanted.key)
    order = [_in_time(places, rows.stamps) for places in rows.series.values()]
    keys = None if wanted.key is None else tuple(rows.series)
    return _Steps([[tokens[place] for place in places.tolist()] for places in order], order, None, keys)


def _tokens(frame: DataFrame, key: str | None) -> str | None:
    """The column of tokens: one that is called so and is not of numbers."""
    texts = frame.select_dtypes(exclude=["number", "bool", "datetime", "datetimetz"])
    return known(list(texts.columns), TOKEN_NAMES, key)


def _in_time(places: NDArray[np.int64], stamps: Any) -> NDArray[np.int64]:
    return places if stamps is None else places[np.argsort(stamps.times[places], kind="stable")]


def _constant(parts: list[list[str | None]], noun: str, origin: str) -> list[str | None]:
    """The one label or group of each sequence, None where all its cells are empty."""
    for number, names in enumerate(parts, start=1):
        found = [name for name in dict.fromkeys(names) if name is not None]
        if len(found) > 1:
            raise DataError(
                f"all rows of a sequence must have one {noun}, but sequence {number} of {origin} has {found[0]!r} and "
                f"{found[1]!r}; mend the rows, or name another column"
            )
    return [next((name for name in names if name is not None), None) for names in parts]


def _names(column: Series[Any]) -> list[str | None]:
    """Cells as labels, None where they are missing."""
    return [None if missing else label_name(cell) for cell, missing in _cells(column)]


def _parted(names: list[str | None], rows: list[NDArray[np.int64]]) -> list[list[str | None]]:
    return [[names[place] for place in places.tolist()] for places in rows]


def _cells(column: Series[Any]) -> Iterator[tuple[object, bool]]:
    """Each cell, and whether it is missing."""
    return zip(column.tolist(), column.isna().tolist(), strict=True)
