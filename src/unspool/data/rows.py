"""Tables that come line by line, CSV, TSV or JSON lines: a line is a row, its cells are picked by the first line."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, Protocol

from unspool.errors import DataError

Format = Literal["csv", "tsv", "jsonl"]
VALUES: Final = "values"  # the name in a JSON object that may hold all values of a row as a list


class Row(NamedTuple):
    """The stream that a row belongs to, and its values."""

    key: str
    cells: list[str]


class Rows(Protocol):
    """How the lines of one table are read."""

    header: bool  # whether its first line is no row; a guess where no column was named

    def row(self, line: str) -> Row:
        """Return the row of a line, a missing value as an empty cell.

        Raises:
            DataError: the line is no row of this table.
        """


def rows_like(first: str, columns: Sequence[str] | None, key: str | None, format: Format | None = None) -> Rows:
    """Return the reader of a table whose first line is given.

    Args:
        first: a header where `columns` or `key` names something; the first row otherwise, and in JSON lines.
        columns: the value columns; None takes all but the key as they stand.
        key: the column that tells streams apart; None = there is one stream, "".
        format: None = JSON lines after a brace or bracket, TSV where there is a tab, else CSV.
    """
    if format == "jsonl" or (format is None and first.lstrip().startswith(("{", "["))):
        return JsonRows(first, columns, key)
    if format == "tsv" or (format is None and "\t" in first):
        return DelimitedRows(first, "\t", columns, key)
    return DelimitedRows(first, ";" if ";" in first and "," not in first else ",", columns, key)


class DelimitedRows:
    """Values with a separator between them; in a CSV, quotes as in RFC 4180, but no line ends inside them."""

    def __init__(self, first: str, separator: str, columns: Sequence[str] | None, key: str | None) -> None:
        self.separator = separator
        names = self._split(first)
        self._width = 0
        if columns is None and key is None:
            self.header = not any(map(_is_number, names))
            return
        self.header, self._width = True, len(names)
        self._key = None if key is None else _place(names, key)
        if columns is None:
            self._places = [place for place in range(len(names)) if place != self._key]
        else:
            self._places = [_place(names, name) for name in columns]

    def row(self, line: str) -> Row:
        """Return the row of a line."""
        cells = self._split(line)
        if not self._width:
            return Row("", cells)
        if len(cells) != self._width:
            raise DataError(f"a row must have the {self._width} cells of the header, got {len(cells)}; mend the row")
        key = "" if self._key is None else _stream(cells[self._key])
        return Row(key, [cells[place] for place in self._places])

    def _split(self, line: str) -> list[str]:
        if self.separator == "\t" or '"' not in line:
            return line.split(self.separator)
        try:
            return next(csv.reader([line], delimiter=self.separator, strict=True))
        except csv.Error as error:
            raise DataError(
                f"a quoted cell must be closed in its own line, its own quotes doubled ({error}); mend the row"
            ) from error


class JsonRows:
    """JSON objects, or arrays of values; numbers stay as they are written."""

    header = False

    def __init__(self, first: str, columns: Sequence[str] | None, key: str | None) -> None:
        self.key = key
        found = _parsed(first)
        self.names = columns
        if columns is None and isinstance(found, dict):  # later objects may be in another order
            self.names = [VALUES] if VALUES in found else [name for name in found if name != key]

    def row(self, line: str) -> Row:
        """Return the row of a line."""
        found = _parsed(line)
        if isinstance(found, list) and self.key is None:
            return Row("", [_cell(value) for value in found])
        if not isinstance(found, dict) or self.names is None:
            raise DataError(f"a line must hold one JSON object like the first, got {line[:40]!r}; mend the row")
        for name in (*self.names, *([] if self.key is None else [self.key])):
            if name not in found:
                raise DataError(f"a row must have {name!r}, got {', '.join(map(repr, found))}; add it")
        values = found[VALUES] if self.names == [VALUES] else [found[name] for name in self.names]
        if not isinstance(values, list):
            raise DataError(f"{VALUES!r} must be a list of the values of a row, got {values!r}; write it as a list")
        return Row("" if self.key is None else _stream(found[self.key]), [_cell(value) for value in values])


def _parsed(line: str) -> object:
    try:
        return json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise DataError(f"a line must hold one JSON object, got {line[:40]!r} ({error}); mend the row") from error


def _stream(key: object) -> str:
    """The name of a stream; numbers come as they are written."""
    if not isinstance(key, str) or not key.strip():
        raise DataError(f"the key of a row must be a text or a number, not empty, got {key!r}; name its stream")
    return key


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _place(names: Sequence[str], name: str) -> int:
    """Where a column is, in any case of letters if there is none that is written alike."""
    for normal in (str, lambda text: text.strip().lower()):
        if (wanted := normal(name)) in (found := [normal(column) for column in names]):
            return found.index(wanted)
    raise DataError(
        f"the first line must name the column {name!r}, it has {', '.join(map(repr, names))}; "
        "begin with a header, or write JSON lines"
    )
