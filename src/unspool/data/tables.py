"""Tables of examples (CSV, TSV, JSON lines, columns in memory): which column is the text, which the label."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from unspool.data.examples import Examples, is_missing
from unspool.errors import DataError

TEXT_NAMES: Final = ("text", "document", "sentence", "review", "name", "content")
LABEL_NAMES: Final = ("label", "class", "category", "target", "sentiment", "y")
LONGEST_CELL: Final = 2**31 - 1


class Wanted(NamedTuple):
    """The columns to take (None = guess), whether there must be labels, and the flags that name the columns.

    With `table`, a .txt file is a table too, not lines. `key` is the column that rows of one sequence share (None =
    a row is a sequence), `group` the one that names what no split may divide, `channels` the columns of numbers where
    a row is a step (None = all that are left).
    """

    text: str | None = None
    label: str | None = None
    require_labels: bool = True
    flags: tuple[str, str] = ("--text-column", "--label-column")
    table: bool = False
    key: str | None = None
    group: str | None = None
    channels: tuple[str, ...] | None = None


def read_csv(text: str, origin: str, wanted: Wanted) -> Examples:
    """Values between commas, or semicolons if the first line has only those; quotes as in RFC 4180."""
    first = text[: text.find("\n")] if "\n" in text else text
    delimiter = ";" if ";" in first and "," not in first else ","
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        return _from_rows(_csv_rows(text, delimiter, origin), origin, wanted)
    finally:
        csv.field_size_limit(before)


def read_tsv(text: str, origin: str, wanted: Wanted) -> Examples:
    """Values with tabs between them; quotes are characters like any other, a line is a row."""
    lines = enumerate(text.split("\n"), start=1)
    rows = ((number, line.removesuffix("\r").split("\t")) for number, line in lines if line not in ("", "\r"))
    return _from_rows(rows, origin, wanted)


def json_objects(text: str, origin: str) -> list[tuple[int, dict[str, object]]]:
    """The objects of JSON lines, one a line that is not blank, with the numbers of their lines."""
    objects: list[tuple[int, dict[str, object]]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(
                f"every line of JSON lines must be one JSON object, but line {number} of {origin} is broken "
                f"({error}); mend or remove the line"
            ) from error
        if not isinstance(row, dict):
            raise DataError(
                f"every line of JSON lines must be one JSON object, but line {number} of {origin} is "
                f"a {type(row).__name__}; write it as an object, a name for each cell"
            )
        objects.append((number, row))
    return objects


def read_jsonl(text: str, origin: str, wanted: Wanted) -> Examples:
    """One JSON object a line."""
    objects = json_objects(text, origin)
    names = dict.fromkeys(name for _, row in objects for name in row)
    text_name, label_name = choose_columns(list(names), origin, wanted)
    group = named(list(names), wanted.group, origin, wanted.require_labels)
    for name in filter(None, (text_name, label_name, group)):
        for number, row in objects:
            if name not in row:
                raise DataError(
                    f"every object must have {name!r}, but line {number} of {origin} has {sorted(row)}; "
                    "add it, or name another column"
                )
    labels = [row[label_name] for _, row in objects] if label_name is not None else None
    groups = [row[group] for _, row in objects] if group is not None else None
    return Examples([as_sequence(row[text_name]) for _, row in objects], labels, origin, groups)


def read_columns(columns: Mapping[str, Sequence[object]], origin: str, wanted: Wanted) -> Examples:
    """Columns that are already in memory, missing cells as None."""
    text_name, label_name = choose_columns(list(columns), origin, wanted)
    labels = list(columns[label_name]) if label_name is not None else None
    sequences = [as_sequence(cell) for cell in columns[text_name]]
    if labels is not None and len(labels) != len(sequences):
        raise DataError(
            f"columns must be equally long, but {origin} has {len(sequences)} of {text_name!r} and "
            f"{len(labels)} of {label_name!r}; give every example its label"
        )
    group = named(list(columns), wanted.group, origin, wanted.require_labels)
    return Examples(sequences, labels, origin, list(columns[group]) if group is not None else None)


def as_sequence(cell: object) -> object:
    """A cell as a sequence: missing is the empty text, a lone number its digits; lists and arrays stay."""
    if is_missing(cell):
        return ""
    return str(cell) if isinstance(cell, str | int | float) else cell


def choose_columns(columns: Sequence[str], origin: str, wanted: Wanted) -> tuple[str, str | None]:
    """The names of the text column and of the label column (None where there is none and none is required).

    What is wanted by name must be there. Otherwise the first known name decides, in any case of letters, and
    of two columns the other one is the other one.
    """
    text = named(columns, wanted.text, origin) or known(columns, TEXT_NAMES, wanted.label)
    label = named(columns, wanted.label, origin, wanted.require_labels)
    if wanted.label is None:  # where one was named, another column may be called y
        label = known(columns, LABEL_NAMES, text)
    if len(columns) == 2:
        if text is None:
            text = columns[0] if label is None else _other(columns, label)
        if label is None and wanted.label is None:
            label = _other(columns, text)
    if text is None or (label is None and wanted.require_labels):
        missing, flag = ("text", wanted.flags[0]) if text is None else ("label", wanted.flags[1])
        rule = "a column of texts and a column of labels" if wanted.require_labels else "a column of texts"
        raise DataError(
            f"a table must have {rule}, but which one is the {missing} in {origin} cannot be guessed from its columns "
            f"{', '.join(map(repr, columns))}; say {flag} NAME"
        )
    return text, label


def named(columns: Sequence[str], name: str | None, origin: str, required: bool = True) -> str | None:
    """The column of that name, in any case of letters where none has it exactly; None where no name is given.

    Raises:
        DataError: there is none, and one is required.
    """
    if name is None:
        return None
    if name in columns:
        return name
    for column in columns:
        if column.strip().lower() == name.strip().lower():
            return column
    if not required:
        return None
    raise DataError(
        f"a column that is named must be in the table, but {origin} has {', '.join(map(repr, columns))} and "
        f"no {name!r}; name one of those"
    )


def known(columns: Sequence[str], names: Sequence[str], taken: str | None) -> str | None:
    """The column with the first of the names that there is, in any case of letters; not the one that is taken."""
    by_name = {column.strip().lower(): column for column in reversed(columns) if column != taken}
    return next((by_name[name] for name in names if name in by_name), None)


def _other(columns: Sequence[str], one: str) -> str:
    return columns[1] if columns[0] == one else columns[0]


def _csv_rows(text: str, delimiter: str, origin: str) -> Iterator[tuple[int, list[str]]]:
    # newline="": line ends inside quotes stay as they are; strict: an open quote must not swallow the rest
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise DataError(
                f"a quoted cell of a CSV must be closed, its own quotes doubled, but {origin} breaks that "
                f"before line {reader.line_num + 1} ({error}); mend the quotes, or use tabs, where quotes "
                "are plain characters"
            ) from error
        if row is None:
            return
        if row:
            yield reader.line_num, row


def _from_rows(rows: Iterator[tuple[int, list[str]]], origin: str, wanted: Wanted) -> Examples:
    _, header = next(rows, (0, []))
    body: list[list[str]] = []
    for number, row in rows:
        if len(row) != len(header):
            raise DataError(
                f"every row must have the {len(header)} cells of the header, but line {number} of {origin} "
                f"has {len(row)}; mend the row (in a CSV, quote cells that hold the separator)"
            )
        body.append(row)
    if _is_headless(header, body, wanted):
        body.insert(0, header)
        header = ["text", "label"]
    if not body:
        raise DataError(f"a table must have rows below its header, but {origin} has none; add examples")
    text_name, label_name = choose_columns(header, origin, wanted)
    texts = header.index(text_name)
    sequences = [row[texts] for row in body]
    group = named(header, wanted.group, origin, wanted.require_labels)
    groups = None if group is None else [row[header.index(group)] for row in body]
    if label_name is None:
        return Examples(sequences, None, origin, groups)
    labels = len(header) - 1 - header[::-1].index(label_name)
    return Examples(sequences, [row[labels] for row in body], origin, groups)


def _is_headless(header: list[str], body: list[list[str]], wanted: Wanted) -> bool:
    """Two columns whose first row has no known name, but a label that comes again below."""
    if len(header) != 2 or wanted.text or wanted.label:
        return False
    if known(header, TEXT_NAMES, None) or known(header, LABEL_NAMES, None):
        return False
    return any(row[1] == header[1] for row in body)
