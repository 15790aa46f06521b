"""Which kind of input data is, and how each kind is read, fitted and stored."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from unspool.data.pen.strokes import Inks, Strokes
from unspool.data.sources import ending
from unspool.errors import SpecError
from unspool.tasks.holdout import listed
from unspool.tasks.transcribing.inputs import Given, Input
from unspool.tasks.transcribing.options import TranscriberOptions

PEN: Final = (".inkml", ".xml", ".svg", ".ndjson")
INPUTS: Final = {"pen": ("pen", "PenInput"), "sound": ("sound", "SoundInput"), "numbers": ("numbers", "NumbersInput")}
JSON: Final = (".json", ".jsonl")
SOUND: Final = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".w64", ".caf")


def kind_of(data: Any) -> str:
    """Return "pen", "sound" or "numbers", by the first file, or by the first Python object."""
    items = listed(data)
    first = items[0] if isinstance(items, Sequence) and not isinstance(items, Inks) and len(items) else items
    if isinstance(first, str | os.PathLike):
        return _kind_of_path(Path(first))
    if isinstance(items, Inks) or isinstance(first, Strokes) or (isinstance(first, Mapping) and "strokes" in first):
        return "pen"
    if hasattr(first, "samples") or (isinstance(first, tuple) and len(first) > 1 and np.isscalar(first[1])):
        return "sound" if not isinstance(first, tuple) or isinstance(first[1], int | np.integer) else "numbers"
    return "numbers"


def _kind_of_path(path: Path) -> str:
    if path.is_dir():
        endings = {ending(file).lower() for file in path.rglob("*") if file.is_file()}
        return "sound" if endings & {*SOUND} else "pen" if endings & {*PEN} else "numbers"
    suffix = ending(path).lower()
    if suffix in SOUND:
        return "sound"
    if suffix in PEN or (suffix == ".npz" and _holds_strokes(path)):
        return "pen"
    if suffix in JSON:
        return _kind_of_json(path)
    if suffix in (".csv", ".tsv", ".txt"):
        return "sound" if _beside_sounds(path) else "numbers"
    return "numbers"


def _holds_strokes(path: Path) -> bool:
    try:
        with np.load(path, allow_pickle=False) as stored:
            names = {name.lower() for name in stored.files}
    except (OSError, ValueError):
        return False  # its reader will say what is wrong
    return "offsets" in names and "points" in names


def _kind_of_json(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig") as file:
            start = file.read(1 << 16).lstrip()
        first = json.loads(start.split("\n", 1)[0])
    except (OSError, ValueError):
        return "pen" if path.suffix == ".json" else "numbers"  # an object over many lines, or nothing
    keys = first.keys() if isinstance(first, dict) else ()
    return "sound" if "audio_filepath" in keys else "pen" if {"strokes", "drawing"} & {*keys} else "numbers"


def _beside_sounds(path: Path) -> bool:
    """Say whether a table lists recordings that lie beside it."""
    folders = (path.parent, path.parent / "clips", path.parent / "wavs")
    return any(file.suffix.lower() in SOUND for folder in folders if folder.is_dir() for file in folder.iterdir())


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
    kind: str, data: Any, options: TranscriberOptions, source: Input | None = None, *, texts: bool = True
) -> Given:
    """Return recordings of one kind; for those of a trained model `source` says what it reads."""
    if kind == "pen":
        from unspool.tasks.transcribing.pen import read_pen

        return read_pen(data)
    if kind == "sound":
        from unspool.tasks.transcribing.sound import read_sound

        return read_sound(data)
    from unspool.tasks.transcribing.numbers import read_numbers

    return read_numbers(data, options, columns=None if source is None else source.columns, texts=texts)


def input_class(kind: str) -> type[Input]:
    """Return the class of a kind of input.

    Raises:
        SpecError: this version does not know it.
    """
    if kind not in INPUTS:
        raise SpecError(f"a transcriber reads {', '.join(INPUTS)}, got {kind!r}; use a later version of unspool")
    module, name = INPUTS[kind]
    return getattr(importlib.import_module(f"unspool.tasks.transcribing.{module}"), name)  # type: ignore[no-any-return]
