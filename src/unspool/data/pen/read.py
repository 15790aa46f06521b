"""Pen samples from any file or Python object: the format by the ending of the name and by the content."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unspool.data.pen.iam import ROOT, is_whole_form, read_iam
from unspool.data.pen.inkml import read_inkml
from unspool.data.pen.markup import parse_xml
from unspool.data.pen.plain import plain_objects, read_plain
from unspool.data.pen.quickdraw import read_quickdraw
from unspool.data.pen.stroke3 import pickled, read_stroke3, read_stroke3_arrays
from unspool.data.pen.strokes import Inks, Strokes
from unspool.data.pen.svg import read_svg
from unspool.data.pen.unipen import Packed
from unspool.data.sources import Source, Text, blocks, ending, expand, name_of
from unspool.errors import DataError

ENDINGS: Final = (".npz", ".npy", ".inkml", ".xml", ".svg", ".json", ".jsonl", ".ndjson")
NUMPY_OR_PICKLE: Final = (b"\x93", b"P", b"\x80")  # the first bytes of .npy, .npz and a pickle
Given: TypeAlias = "str | os.PathLike[str] | Text | Strokes | Mapping[str, Any] | NDArray[Any] | Sequence[Any]"


def read_inks(data: Given) -> Inks:
    """All samples of files, folders, "-", `Text`, or Python objects: one, or a sequence of them.

    A folder stands for the files below it that have an ending of ours. Objects are `Strokes`, the dictionaries of
    `plain.py`, and stroke-3 arrays [N, 3].

    Raises:
        DataError: something cannot be read; the sentence names the file and the place in it.
    """
    items = data if isinstance(data, Sequence) and not isinstance(data, str | Inks) else [data]
    inks = Inks.joined(_read(item, number) for number, item in enumerate(items, start=1))
    if not len(inks):
        raise DataError("at least one pen sample is needed, but none came; name a file that has one")
    return inks


def _read(item: object, number: int) -> Sequence[Strokes]:
    where = f"sample {number}"
    if isinstance(item, Strokes):
        return [item]
    if isinstance(item, Inks):
        return item
    if isinstance(item, Mapping):
        return [read_plain(item, where)]
    if isinstance(item, np.ndarray):
        return [read_stroke3(item, where)]
    if not isinstance(item, str | os.PathLike | Text):
        raise DataError(
            f"pen data must be paths, Strokes, dictionaries with strokes, or arrays [N, 3], but {where} is of "
            f"type {type(item).__name__}; convert it to one of these"
        )
    return Inks.joined(_read_source(source) for source in _sources(item))


def _sources(path: str | os.PathLike[str] | Text) -> list[Source]:
    found = expand([path])
    if isinstance(path, Text) or path == "-" or not Path(path).is_dir():
        return found
    ours = [
        file for file in found if isinstance(file, Path) and ending(file).lower() in ENDINGS and not is_whole_form(file)
    ]
    if not ours:
        raise DataError(
            f"a folder of pen samples must hold files that end in {', '.join(ENDINGS)}, but {path} has none; "
            "name another"
        )
    return list(ours)


def _read_source(source: Source) -> Sequence[Strokes]:
    name = name_of(source)
    if isinstance(source, Path) and source.suffix.lower() in (".npz", ".npy"):
        return _read_arrays(source)
    data = b"".join(blocks(source))
    first = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if first == b"<" or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _read_xml(data, source)
    if first in (b"{", b"["):
        return [_read_object(found, where) for found, where in _json_objects(data, name)]
    raise DataError(
        f"pen samples must be .npz, .npy, InkML, IAM-OnDB XML, SVG, or JSON, but {name} is none of these; convert it "
        'to JSON: {"strokes": [[[x, y], ...], ...], "y": "down", "text": "..."}'
    )


def _read_xml(data: bytes, source: Source) -> Sequence[Strokes]:
    name = name_of(source)
    root = parse_xml(data, name)
    if root.tag == "ink":
        return read_inkml(root, name)
    if root.tag == "svg":
        return [read_svg(root, name)]
    if root.tag == ROOT:
        return [read_iam(root, source if isinstance(source, Path) else None, name)]
    raise DataError(f"XML of pen samples must be ink, svg or {ROOT}, but {name} is {root.tag}; convert it to InkML")


def _json_objects(data: bytes, name: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The objects of a JSON file, or of one that has a JSON object on each line."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"JSON must be UTF-8, but {name} is not (byte {error.start + 1}); save it as UTF-8") from error
    lines = text.strip().split("\n")
    if len(lines) > 1 and _is_object(lines[0]):
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                where = f"line {number} of {name}"
                yield from plain_objects(_parsed(line, where), where)
        return
    yield from plain_objects(_parsed(text, name), name)


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _parsed(text: str, where: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"JSON must be well-formed, but {where} is not ({error}); write it again") from error


def _read_object(found: Mapping[str, Any], where: str) -> Strokes:
    if "drawing" in found and "strokes" not in found:
        return read_quickdraw(found, where)
    return read_plain(found, where)


def _read_arrays(path: Path) -> Sequence[Strokes]:
    arrays, name = _load(path), str(path)
    if "" in arrays:
        return [read_stroke3(arrays[""], name)]
    if {"values", "lengths"} <= arrays.keys():
        return read_stroke3_arrays(arrays, name)
    return Packed(arrays, name)


def _load(path: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of an .npz file by their names in small letters, or the one of an .npy file as ""."""
    start = b""
    try:
        with path.open("rb") as file:
            start = file.read(1)
            file.seek(0)
            stored = np.load(file, allow_pickle=False)
            if isinstance(stored, np.ndarray):
                return {"": stored}
            return {name.lower(): stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        # numpy takes whatever it does not know for a pickle
        if "pickle" in str(error) and start in NUMPY_OR_PICKLE:
            raise pickled(str(path)) from error
        raise DataError(
            f"a {path.suffix} file must hold arrays of numpy, but {path} does not, or is damaged; "
            "save it with numpy.savez"
        ) from error
