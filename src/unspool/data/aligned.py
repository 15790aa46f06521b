"""Sequences with a label a step, as files and Python hold them, to examples."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from unspool.data.examples import Examples
from unspool.data.files import format_of
from unspool.data.frames import read_frame
from unspool.data.long import read_long
from unspool.data.memory import ORIGIN, columns_of, is_frame, read_memory
from unspool.data.npz import arrays_of, ragged
from unspool.data.sources import Source, Text, ending, expand, name_of
from unspool.data.tables import Wanted, json_objects, known, named
from unspool.data.text import text_of
from unspool.errors import DataError

SEQUENCE_NAMES: Final = ("x", "values", "tokens", "text", "sequence")
LABEL_NAMES: Final = ("y", "labels", "label", "tags")
TOKEN_LISTS: Final = (".txt", ".conll")
FOLDED: Final = (".npz", ".csv", ".tsv", ".tab", ".parquet", ".jsonl", ".ndjson", *TOKEN_LISTS)


def read_aligned(data: object, wanted: Wanted) -> list[Examples]:
    """Examples whose label cells are lists with one for each step, of paths or of what is in Python."""
    if _is_path(data):
        data = [data]
    if isinstance(data, list | tuple) and data and all(map(_is_path, data)):
        return [_titled(_read(source, wanted), source, path) for path in data for source in _sources(path)]
    if is_frame(data) or isinstance(data, Mapping):
        return [_from_table(data, ORIGIN, wanted)]
    return [read_memory(data, wanted)]


def read_tokens(text: str, origin: str) -> Examples:
    """Lines of token TAB label, a blank line between sequences; without any tab there are no labels."""
    sequences: list[list[str]] = [[]]
    labels: list[list[str]] = [[]]
    for number, line in enumerate(text.split("\n"), start=1):
        token, *label = line.removesuffix("\r").split("\t")
        if len(label) > 1:
            raise DataError(
                f"a line must be a token, a tab and its label, but line {number} of {origin} has {len(label) + 1} "
                "cells; keep the token and one label"
            )
        if line.strip():
            sequences[-1].append(token)
            labels[-1].extend(label or [""])
        elif sequences[-1]:
            sequences.append([])
            labels.append([])
    if not sequences[-1]:
        del sequences[-1], labels[-1]
    return Examples(sequences, labels if "\t" in text else None, origin)


def _is_path(item: object) -> bool:
    return isinstance(item, str | os.PathLike | Text)


def _sources(path: Any) -> list[Source]:
    """The file itself, or the files of a folder, at any depth, that may hold sequences."""
    found = expand([path])
    if isinstance(path, Text) or path == "-" or not Path(path).is_dir():
        return found
    files: list[Source] = [file for file in found if isinstance(file, Path) and ending(file) in FOLDED]
    if not files:
        raise DataError(
            f"a folder of sequences must hold files that end in {', '.join(FOLDED)}, but {path} has none; name "
            "another folder, or a file"
        )
    return files


def _titled(examples: Examples, source: Source, path: Any) -> Examples:
    """The same; a file of one sequence that no key names gives it its own name, seen from its folder."""
    if examples.names is not None or len(examples.sequences) != 1 or not isinstance(source, Path):
        return examples
    folder = Path(path)
    return examples._replace(names=(str(source.relative_to(folder)) if folder.is_dir() else source.name,))


def _read(source: Source, wanted: Wanted) -> Examples:
    end = ending(source) if isinstance(source, Path) else ""
    if isinstance(source, Path) and end == ".npz":
        return _from_columns(arrays_of(source), str(source), wanted)
    if isinstance(source, Path) and end == ".parquet":
        return _from_table(read_frame(source), str(source), wanted)
    text, name = text_of(source), name_of(source)
    kind = format_of(text, source)
    if kind == "ts":
        raise DataError(f"labels must be one for each step, but those of {name} are one a sequence; train a classifier")
    if end in TOKEN_LISTS or (not end and kind == "tsv" and wanted.key is None):
        return read_tokens(text, name)
    if kind == "jsonl" and wanted.key is None:
        rows = [row for _, row in json_objects(text, name)]
        names = dict.fromkeys(name for row in rows for name in row)
        return _from_table({name: [row.get(name) for row in rows] for name in names}, name, wanted)
    return read_long(Text(text, name), wanted)


def _from_table(table: Any, origin: str, wanted: Wanted) -> Examples:
    """Columns or a DataFrame: a row is a sequence where its cells are, else a step of one."""
    columns = {str(name): cells for name, cells in table.items()} if isinstance(table, Mapping) else columns_of(table)
    if wanted.key is None and _hold_sequences(columns):
        return _from_columns(columns, origin, wanted)
    return read_long(table, wanted, origin)


def _hold_sequences(columns: Mapping[str, Any]) -> bool:
    """Whether a cell is a whole sequence, not a step of one."""
    first = [next(iter(column), None) for column in columns.values()]
    return any(isinstance(cell, list | tuple | np.ndarray) for cell in first) or {"text"} == {*columns}


def _from_columns(columns: Mapping[str, Any], origin: str, wanted: Wanted) -> Examples:
    """The sequences, labels and groups of columns or arrays that hold a sequence a row, or `lengths` of flat ones."""
    names = list(columns)
    sequence = named(names, wanted.text, origin) or known(names, SEQUENCE_NAMES, wanted.label)
    label = named(names, wanted.label, origin, wanted.require_labels)
    if wanted.label is None:
        label = known(names, LABEL_NAMES, sequence)
    group = named(names, wanted.group, origin, wanted.require_labels)
    if sequence is None:
        raise DataError(
            f"sequences must be called X, values, tokens or text, but {origin} holds "
            f"{', '.join(map(repr, sorted(names))) or 'nothing'}; rename them, or say --text-column NAME"
        )
    found, labels = columns[sequence], columns[label] if label is not None else None
    if "lengths" in columns:
        found = ragged(np.asarray(found), np.asarray(columns["lengths"]), origin)
        labels = (
            None if labels is None else ragged(np.asarray(labels), np.asarray(columns["lengths"]), origin, "labels")
        )
    if labels is not None and len(labels) != len(found):
        raise DataError(
            f"every sequence must have its labels, but {origin} has {len(found)} sequences and labels of "
            f"{len(labels)}; give as many of one as of the other"
        )
    groups = None if group is None else list(columns[group])
    return Examples(list(found), None if labels is None else list(labels), origin, groups)
