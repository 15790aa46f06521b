"""Where the texts of recordings stand: one function for each layout, from a file that lists them to `Sound`s."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

from unspool.data.sound.audio import ENDINGS
from unspool.data.sound.digits import digit_of
from unspool.data.sound.sounds import Sound
from unspool.data.sources import blocks
from unspool.data.tables import json_objects
from unspool.data.text import text_of
from unspool.errors import DataError

Layout: TypeAlias = Callable[[Path], list[Sound]]

TRANSCRIPTS: Final = ".trans.txt"
FILES: Final = ("audio_filepath", "file_name", "path", "audio", "file", "filename", "wav")
TEXTS: Final = ("text", "sentence", "transcription", "transcript")
SPEAKERS: Final = ("speaker", "speaker_id", "client_id")


def layout_of(file: Path) -> Layout | None:
    """What reads a file that lists recordings, by its name and its first line; None where it lists none."""
    name = file.name.lower()
    if name.endswith(TRANSCRIPTS):
        return read_transcripts
    if name.endswith((".jsonl", ".ndjson", ".json")):
        return read_manifest if _lists_sounds(_first_line(file)) else None
    if name.endswith((".csv", ".tsv")):
        first = _first_line(file)
        if file.name == "metadata.csv" and "|" in first:
            return read_metadata
        header = _cells(first, _delimiter(file, first))
        return read_table if _one_of(header, FILES) and _one_of(header, TEXTS) else None
    return None


def read_transcripts(file: Path) -> list[Sound]:
    """LibriSpeech: lines `SPEAKER-CHAPTER-NUMBER TEXT`, the sounds of these names beside the file.

    Panayotov et al., "LibriSpeech: an ASR corpus based on public domain audio books", ICASSP 2015.
    """
    sounds = []
    for number, line in _lines(file):
        name, _, text = line.partition(" ")
        path = _found([file.parent], name, file, number)
        sounds.append(Sound(str(path), path, text.strip(), name.partition("-")[0] if "-" in name else None))
    return sounds


def read_metadata(file: Path) -> list[Sound]:
    """LJ Speech: lines `NAME|TEXT|TEXT with numbers and abbreviations as words`, the sounds in wavs/; the last counts.

    Ito and Johnson, "The LJ Speech Dataset", 2017, https://keithito.com/LJ-Speech-Dataset.
    """
    sounds = []
    for number, line in _lines(file):
        name, *texts = line.split("|")
        if not texts:
            raise DataError(
                f"every line of metadata.csv must be NAME|TEXT, but line {number} of {file} is {line[:40]!r}; "
                "correct it"
            )
        path = _found([file.parent / "wavs", file.parent], name.strip(), file, number)
        sounds.append(Sound(str(path), path, (texts[-1].strip() or texts[0].strip())))
    return sounds


def read_table(file: Path) -> list[Sound]:
    """Common Voice and other tables with names of columns: a file, a text, and perhaps a speaker.

    Between tabs quotes are characters like any other. The sounds lie in clips/ or beside the table. Ardila et al.,
    "Common Voice: a massively-multilingual speech corpus", LREC 2020.
    """
    lines = _lines(file)
    first = next(lines)[1]
    delimiter = _delimiter(file, first)
    header = _cells(first, delimiter)
    where, what, who = (_one_of(header, names) for names in (FILES, TEXTS, SPEAKERS))
    sounds = []
    for number, line in lines:
        cells = dict(zip(header, _cells(line, delimiter), strict=False))
        if len(cells) < len(header):
            raise DataError(
                f"every row must have {len(header)} cells, but line {number} of {file} has {len(cells)}; correct it, "
                "with one row a line"
            )
        path = _found([file.parent / "clips", file.parent], cells[str(where)], file, number)
        sounds.append(Sound(str(path), path, cells[str(what)].strip(), cells[who] or None if who else None))
    return sounds


def read_manifest(file: Path) -> list[Sound]:
    """JSON lines as NeMo writes them: audio_filepath, text, perhaps speaker, and offset and duration in seconds."""
    sounds = []
    for number, row in json_objects(text_of(file), str(file)):
        where = f"line {number} of {file}"
        name, text, speaker = (_one_of(row, names) for names in (FILES, TEXTS, SPEAKERS))
        if name is None or not isinstance(row[name], str):
            raise DataError(f"every line must name a file of sound, but {where} does not; give it as audio_filepath")
        if text is not None and not isinstance(row[text], str | None):
            raise DataError(f"a text must be a string, but that of {where} is {row[text]!r}; put it in quotes")
        path = _found([file.parent], str(row[name]), file, number)
        start, stop = _segment(row, where)
        said = None if text is None or row[text] is None else str(row[text]).strip()
        who = None if speaker is None or row[speaker] is None else str(row[speaker])
        named = str(path) if stop is None else f"{path} from {start:g} to {stop:g} s"
        sounds.append(Sound(named, path, said, who, start, stop))
    return sounds


def beside(paths: Sequence[Path]) -> list[Sound]:
    """Recordings that no list names: the text of a .txt file of the same name; or where none has one, and all names are
    LABEL_SPEAKER_INDEX, the label; or none.
    """
    texts = [path.with_suffix(".txt") for path in paths]
    if any(text.is_file() for text in texts):
        return [
            Sound(str(path), path, " ".join(text_of(text).split()) if text.is_file() else None)
            for path, text in zip(paths, texts, strict=True)
        ]
    digits = [digit for path in paths if (digit := digit_of(path.name)) is not None]
    if len(digits) < len(paths):
        return [Sound(str(path), path) for path in paths]
    return [
        Sound(str(path), path, digit.label, digit.speaker, named=True)
        for path, digit in zip(paths, digits, strict=True)
    ]


def _segment(row: dict[str, object], where: str) -> tuple[float, float | None]:
    """Where in its file a recording begins and ends; without an offset, the whole file."""
    offset, duration = row.get("offset"), row.get("duration")
    if offset is None:
        return 0.0, None
    for value in (offset, duration):
        if not isinstance(value, int | float | None) or not 0 <= (value or 0) < float("inf"):
            raise DataError(f"offset and duration must be seconds, but {where} has {value!r}; give numbers from 0 on")
    start = float(str(offset))
    return start, None if duration is None else start + float(str(duration))


def _lists_sounds(line: str) -> bool:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and _one_of(row, FILES) is not None


def _one_of(names: Any, known: Sequence[str]) -> str | None:
    return next((name for name in known if name in names), None)


def _delimiter(file: Path, first: str) -> str:
    return "\t" if file.suffix.lower() == ".tsv" or "\t" in first else ","


def _cells(line: str, delimiter: str) -> list[str]:
    if delimiter == "\t":
        return line.split("\t")
    return next(csv.reader([line], delimiter=delimiter))


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers."""
    for number, line in enumerate(text_of(file).split("\n"), start=1):
        if line.strip():
            yield number, line.rstrip("\r")


def _first_line(file: Path) -> str:
    start = next(iter(blocks(file)), b"")
    return start.partition(b"\n")[0].decode("utf-8-sig", "replace").rstrip("\r")


def _found(folders: Sequence[Path], name: str, file: Path, number: int) -> Path:
    """The file of that name, its ending aside, in one of the folders."""
    candidates = (folder / (name + ending) for folder in folders for ending in ("", *ENDINGS))
    with suppress(OSError):  # a name that is too long
        if (path := next((path for path in candidates if path.is_file()), None)) is not None:
            return path
    raise DataError(
        f"every recording of a list must be there, but line {number} of {file} names {name[:80]!r}, and there is none "
        f"in {' or '.join(map(str, folders))}; copy it there, or take the line out"
    )
