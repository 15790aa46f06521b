"""Recordings with their texts, of files, folders and Python objects, by what lies beside the sound."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from unspool.data.sound.audio import ENDINGS, recorded
from unspool.data.sound.layouts import TRANSCRIPTS, beside, layout_of, read_manifest, read_table, read_transcripts
from unspool.data.sound.sounds import Sound, Sounds
from unspool.data.sources import blocks, expand
from unspool.errors import DataError

Given: TypeAlias = "str | os.PathLike[str] | Sound | Sounds | tuple[Any, ...] | Sequence[Any]"


def read_sounds(data: Given) -> Sounds:
    """All recordings of files, folders, "-", or Python objects: one, or a sequence of them.

    A file is a recording, or a list of recordings; a folder, those that the lists in it name, or all sounds below it.
    Texts stand in lists (`*.trans.txt` of LibriSpeech, `metadata.csv` of LJ Speech, tables like Common Voice's, JSON
    lines with audio_filepath and text), in a .txt file of the same name beside each sound, or in names
    LABEL_SPEAKER_INDEX.wav. Objects are `Sound`, `Sounds`, and tuples (samples, rate), (samples, rate, text) and
    (samples, rate, text, speaker). No sound is read yet, but that of standard input.

    Raises:
        DataError: there is none, a list is broken or names what is not there, or a folder has lists of several kinds.
    """
    items: Iterable[Any] = [data] if _is_one(data) else data  # type: ignore[assignment]
    sounds = Sounds(sound for number, item in enumerate(items, start=1) for sound in _read(item, f"sound {number}"))
    if not len(sounds):
        raise DataError("at least one recording is needed, but none came; name a file or a folder that has one")
    return sounds


def _is_one(data: object) -> bool:
    """Whether this is one object, not a sequence of them."""
    if isinstance(data, tuple):
        return 2 <= len(data) <= 4 and isinstance(data[1], int | float | np.integer) and not isinstance(data[0], str)
    return isinstance(data, str | Sound) or not isinstance(data, Sequence) or isinstance(data, Sounds)


def _read(item: Any, name: str) -> Iterable[Sound]:
    if isinstance(item, Sound):
        return [item]
    if isinstance(item, Sounds):
        return item
    if isinstance(item, tuple) and _is_one(item):
        samples, rate, text, speaker = (*item, None, None)[:4]
        return [Sound.of(samples, rate, text, speaker, name)]
    if not isinstance(item, str | os.PathLike):
        raise DataError(
            f"sound must be paths, Sound objects or tuples (samples, rate) or (samples, rate, text), but {name} is of "
            f"type {type(item).__name__}; pass one of these"
        )
    if item == "-":
        data = b"".join(blocks(expand([item])[0]))
        return [Sound("standard input", recorded(data, "standard input"))]
    path = Path(item)
    return _folder(path) if path.is_dir() else _file(path)


def _file(path: Path) -> list[Sound]:
    expand([path])  # refuses what is not there or empty
    layout = layout_of(path)
    if layout is not None:
        return layout(path)
    if path.suffix.lower() in (".txt", ".csv", ".tsv", ".json", ".jsonl"):
        raise DataError(
            f"a list of recordings must be *{TRANSCRIPTS}, metadata.csv with NAME|TEXT, a table with columns such as "
            f"path and sentence, or JSON lines with audio_filepath and text, but {path} is none of these; name the "
            "recordings themselves"
        )
    transcripts = path.with_name(path.stem.rpartition("-")[0] + TRANSCRIPTS)
    named = read_transcripts(transcripts) if transcripts.is_file() else []
    return [sound for sound in named if sound.source == path] or beside([path])


def _folder(folder: Path) -> list[Sound]:
    files = [file for file in expand([folder]) if isinstance(file, Path)]
    lists = [(file, layout) for file in files if (layout := layout_of(file)) is not None]
    kinds = {layout for _, layout in lists}
    if len(kinds) > 1:
        one, other = (next(file for file, layout in lists if layout is kind) for kind in list(kinds)[:2])
        raise DataError(
            f"the texts of a folder must stand in lists of one kind, but {folder} has {one.relative_to(folder)} and "
            f"{other.relative_to(folder)}; name the list to read"
        )
    together = Counter(file.parent for file, layout in lists if layout in (read_table, read_manifest))
    if together and max(together.values()) > 1:
        place = max(together, key=lambda place: together[place])
        names = [file.name for file, _ in lists if file.parent == place]
        raise DataError(
            f"lists in one folder may hold the same recordings, but {place} has {', '.join(names)}; name the one "
            "to read"
        )
    if lists:
        return [sound for file, layout in lists for sound in layout(file)]
    sounds = [file for file in files if _is_sound(file)]
    if not sounds:
        raise DataError(
            f"a folder of recordings must hold files that end in {', '.join(ENDINGS)}, but {folder} has none; convert "
            "them, as with ffmpeg -i FILE out.wav, or name another"
        )
    expand(sorted(path for path in folder.rglob("[!.]*") if _is_sound(path)))  # refuses empty ones
    return beside(sounds)


def _is_sound(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and path.is_file()
