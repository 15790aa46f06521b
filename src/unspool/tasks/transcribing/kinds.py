"""Which kind of input data is, and how each kind is read, fitted and stored."""

from __future__ import annotations

import importlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile, ZipFile

import numpy as np

from unspool.data.pen.strokes import Inks, Strokes
from unspool.data.sound.audio import ENDINGS
from unspool.data.sound.layouts import layout_of
from unspool.data.sound.sounds import Sound
from unspool.data.sources import ending, expand
from unspool.errors import SpecError
from unspool.tasks.holdout import listed
from unspool.tasks.transcribing.inputs import Given, Input
from unspool.tasks.transcribing.options import TranscriberOptions

PEN: Final = (".inkml", ".xml", ".svg", ".ndjson")
INPUTS: Final = {"pen": ("pen", "PenInput"), "sound": ("sound", "SoundInput"), "numbers": ("numbers", "NumbersInput")}
JSON: Final = (".json", ".jsonl")
PEN_KEYS: Final = ("strokes", "drawing")


def kind_of(data: Any) -> str:
    """Return "pen", "sound" or "numbers", by the files, or by the first Python object.

    Raises:
        SpecError: some files hold strokes and some sounds.
        DataError: a folder holds no files.
    """
    items = listed(data)
    if isinstance(items, Inks):
        return "pen"
    first = items[0] if isinstance(items, Sequence) and len(items) else items
    if isinstance(first, str | os.PathLike):
        return _kind_of_paths([Path(item) for item in items if isinstance(item, str | os.PathLike)])
    if isinstance(first, Strokes) or (isinstance(first, Mapping) and "strokes" in first):
        return "pen"
    rated = isinstance(first, tuple) and len(first) > 1 and isinstance(first[1], int | float | np.integer)
    return "sound" if rated or isinstance(first, Sound) else "numbers"


def _kind_of_paths(paths: Sequence[Path]) -> str:
    """Numbers may be in any other file, so that what shows its kind decides."""
    shown = {kind: path for path in reversed(paths) if (kind := _kind_of_path(path)) != "numbers"}
    if len(shown) > 1:
        raise SpecError(
            f"a transcriber reads files of one kind, but {shown['pen']} holds strokes and {shown['sound']} sound; name "
            "those of one kind, or say --input"
        )
    return next(iter(shown), "numbers")


def _kind_of_path(path: Path) -> str:
    if path.is_dir():
        return _kind_of_folder(path)
    suffix = ending(path).lower()
    if suffix in ENDINGS:
        return "sound"
    if suffix in PEN or (suffix == ".npz" and _holds_strokes(path)):
        return "pen"
    if path.is_file() and layout_of(path) is not None:
        return "sound"
    return _kind_of_json(path) if suffix in JSON else "numbers"


def _kind_of_folder(folder: Path) -> str:
    """By the endings of its files, else by the first that shows a kind: notes and lists may lie beside the data."""
    files = [file for file in expand([folder]) if isinstance(file, Path)]
    endings = {ending(file).lower() for file in files}
    if endings & {*ENDINGS, *PEN}:
        return "sound" if endings & {*ENDINGS} else "pen"
    return next((kind for file in files if (kind := _kind_of_path(file)) != "numbers"), "numbers")


def _holds_strokes(path: Path) -> bool:
    try:
        with ZipFile(path) as stored:
            names = {name.lower() for name in stored.namelist()}
    except (OSError, BadZipFile):
        return False  # its reader will say what is wrong
    return {"offsets.npy", "points.npy"} <= names


def _kind_of_json(path: Path) -> str:
    """By the object, or the first of a list; where its end is not at hand, by the keys that it shows."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            start = file.read(1 << 16).lstrip()
    except OSError:
        return "numbers"  # its reader will say what is wrong
    try:
        first = json.loads(start.split("\n", 1)[0])
    except (ValueError, RecursionError):  # longer than what was read, or over many lines
        return "pen" if any(re.search(rf'"{key}"\s*:', start) for key in PEN_KEYS) else "numbers"
    if isinstance(first, list) and first:
        first = first[0]
    return "pen" if isinstance(first, dict) and any(key in first for key in PEN_KEYS) else "numbers"


def built_in(kind: str) -> Given:
    """Return data for a first run without any."""
    if kind == "pen":
        from unspool.tasks.transcribing.pen import pen_given, written_words

        return pen_given(written_words())
    if kind == "sound":
        from unspool.data.sound.made import made_sounds
        from unspool.tasks.transcribing.sound import sound_given

        return sound_given(made_sounds())
    raise SpecError("no series of numbers come with the package, got --input numbers without files; name some")


def read(
    kind: str, data: Any, options: TranscriberOptions, columns: Sequence[str] | None = None, *, texts: bool = True
) -> Given:
    """Return recordings of one kind; `columns` are those of a table that a model was trained on."""
    if kind == "pen":
        from unspool.tasks.transcribing.pen import read_pen

        return read_pen(data)
    if kind == "sound":
        from unspool.tasks.transcribing.sound import read_sound

        return read_sound(data)
    from unspool.tasks.transcribing.numbers import read_numbers

    return read_numbers(data, options, columns=columns, texts=texts)


def input_class(kind: str) -> type[Input]:
    """Return the class of a kind of input.

    Raises:
        SpecError: this version does not know it.
    """
    if kind not in INPUTS:
        raise SpecError(f"a transcriber reads {', '.join(INPUTS)}, got {kind!r}; use a later version of unspool")
    module, name = INPUTS[kind]
    return getattr(importlib.import_module(f"unspool.tasks.transcribing.{module}"), name)  # type: ignore[no-any-return]
