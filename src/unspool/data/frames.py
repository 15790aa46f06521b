"""Tables with columns of every kind: CSV, TSV, Parquet, JSON lines, columns in memory -> pandas DataFrame."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from unspool.data.sources import Text, ending, expand, name_of
from unspool.data.tables import json_objects
from unspool.data.text import text_of
from unspool.errors import DataError, MissingExtra

if TYPE_CHECKING:
    from pandas import DataFrame, Series

TABLES: Final = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_STAMP: Final = re.compile(r"\d{1,4}[-/.]\d")


def read_frame(source: object) -> DataFrame:
    """Read one table: a file, "-", a `Text`, a DataFrame or Series, a dict of columns. Cells stay as pandas reads them.

    A file whose ending says nothing is JSON lines if it starts with "{", else has tabs, semicolons or commas, as its
    first line does. A first line of values only is no header. An index that has a name or holds stamps becomes a
    column; a first column without a name that only counts the rows is left out.

    Raises:
        DataError: there is no table with rows and names of its own for each column.
        MissingExtra: pandas is not installed, or pyarrow for Parquet.
    """
    pandas = require_pandas()
    origin = origin_of(source)
    if isinstance(source, str | os.PathLike | Text):
        frame = _from_file(source, origin)
    elif isinstance(source, pandas.DataFrame):
        frame = source
    elif isinstance(source, pandas.Series):
        frame = source.to_frame("value" if source.name is None else source.name)
    elif isinstance(source, Mapping):
        frame = _from_columns(source, origin)
    else:
        raise DataError(
            "a table must be a file, a DataFrame or a dict of columns, but "
            f"{type(source).__name__} came; pass one of those"
        )
    frame = _named(_with_index(frame), origin)
    if not len(frame):
        raise DataError(f"a table must have rows below its header, but {origin} has none; add rows")
    return frame


def require_pandas() -> Any:
    """The module pandas.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise MissingExtra("reading tables needs pandas; pip install 'unspool[series]'") from error
    return pandas


def origin_of(source: object) -> str:
    """What messages call a table."""
    if isinstance(source, Text):
        return source.name
    if isinstance(source, str | os.PathLike):
        return "standard input" if source == "-" else str(source)
    return "the given table"


def column_list(frame: DataFrame) -> str:
    """The names of the columns, as messages show them."""
    return ", ".join(map(repr, frame.columns))


def _from_file(path: str | os.PathLike[str] | Text, origin: str) -> DataFrame:
    if not isinstance(path, Text) and Path(path).is_dir():
        raise DataError(f"a table must be one file, but {origin} is a folder; name a file in it")
    (source,) = expand([path])
    kind = TABLES.get(ending(source).lower()) if isinstance(source, Path) else None
    if kind == "parquet":
        assert isinstance(source, Path)
        return _from_parquet(source)
    text = text_of(source)
    first = text.lstrip().partition("\n")[0]
    if not first:
        raise DataError(f"a table must have a header and rows, but {origin} is empty; name a file that holds them")
    if kind is None:
        kind = "jsonl" if first.startswith("{") else "tsv" if "\t" in first else "csv"
    if kind == "jsonl":
        return require_pandas().DataFrame([row for _, row in json_objects(text, name_of(source))])
    if kind == "tsv":
        return _from_separated(text, origin, "\t", csv.QUOTE_NONE)
    return _from_separated(text, origin, ";" if ";" in first and "," not in first else ",", csv.QUOTE_MINIMAL)


def _from_separated(text: str, origin: str, separator: str, quoting: int) -> DataFrame:
    pandas = require_pandas()

    def read(**header: Any) -> DataFrame:
        return pandas.read_csv(
            io.StringIO(text), sep=separator, quoting=quoting, skipinitialspace=True, low_memory=False, **header
        )

    header: dict[str, Any] = {}
    try:
        frame = read()
        if all(map(_is_value, frame.columns)):
            header = {"header": None, "names": [f"column {place + 1}" for place in range(len(frame.columns))]}
            frame = read(**header)
    except pandas.errors.ParserError as error:
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        raise DataError(
            f"every row must have the cells of the header, and quotes must be closed, but {origin} breaks that "
            f"({reason}); mend the row"
        ) from error
    if not isinstance(frame.index, pandas.RangeIndex) or (frame.index.start, frame.index.step) != (0, 1):
        raise DataError(
            f"every row must have as many cells as the header, but {origin} has a header of {len(frame.columns)} and "
            f"rows of {len(frame.columns) + frame.index.nlevels}; name every column"
        )
    # NA, None and null are missing among numbers, but words like any other among words
    words = [place for place, name in enumerate(frame.columns) if _has_missing_words(frame[name])]
    if words:
        texts = read(usecols=words, dtype="str", keep_default_na=False, na_values=[""], **header)
        frame[frame.columns[words]] = texts.set_axis(frame.columns[words], axis=1)
    return frame


def _has_missing_words(column: Series) -> bool:
    return not require_pandas().api.types.is_numeric_dtype(column.dtype) and bool(column.isna().any())


def _from_parquet(path: Path) -> DataFrame:
    try:
        return require_pandas().read_parquet(path)
    except ImportError as error:
        raise MissingExtra(f"reading {path} needs pyarrow; pip install 'unspool[series]'") from error
    except (ValueError, OSError) as error:
        raise DataError(
            f"a .parquet file must be a whole Parquet file, but {path} is damaged or of another format; "
            "write it again, or name it by its format"
        ) from error


def _from_columns(columns: Mapping[Any, Any], origin: str) -> DataFrame:
    try:
        return require_pandas().DataFrame(dict(columns))
    except ValueError as error:
        raise DataError(
            f"columns must be equally long lists or arrays, but those of {origin} are not ({error}); "
            "give every row a cell in each column"
        ) from error


def _with_index(frame: DataFrame) -> DataFrame:
    """An index that means something, as the first columns."""
    pandas = require_pandas()
    stamps = isinstance(frame.index, pandas.DatetimeIndex | pandas.PeriodIndex)
    if not stamps and all(name is None for name in frame.index.names):
        return frame.reset_index(drop=True)
    if stamps and frame.index.name is None:
        frame = frame.rename_axis(index="time")
    taken = [name for name in frame.index.names if name in frame.columns]
    return frame.reset_index(drop=bool(taken))


def _named(frame: DataFrame, origin: str) -> DataFrame:
    """The same with names that are text, each its own; a nameless first column 0, 1, 2, ... left out."""
    names = [str(name).strip() for name in frame.columns]
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise DataError(f"columns must have names of their own, but {origin} has two called {twice!r}; rename one")
    frame = frame.set_axis(names, axis=1)
    if names and names[0] == "Unnamed: 0" and frame.iloc[:, 0].tolist() == list(range(len(frame))):
        return frame.iloc[:, 1:]
    return frame


def _is_value(name: str) -> bool:
    """Whether a cell of the first line is a number or a stamp, and so no name."""
    try:
        return math.isfinite(float(name))
    except ValueError:
        return _STAMP.match(name) is not None
