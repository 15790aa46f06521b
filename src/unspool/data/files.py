"""One file or folder of labelled sequences to examples.

The ending of a file's name tells its format; where that says nothing, its first line does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from unspool.data.examples import Examples
from unspool.data.frames import read_frame
from unspool.data.idx import is_idx, is_pictures, read_pictures
from unspool.data.long import read_long_whole
from unspool.data.memory import columns_of
from unspool.data.npz import array_of, read_npz
from unspool.data.recordings import read_recordings
from unspool.data.sources import Source, Text, ending, expand, name_of
from unspool.data.tables import Wanted, read_columns, read_csv, read_jsonl, read_tsv
from unspool.data.text import text_of
from unspool.data.ts import read_ts
from unspool.errors import DataError

FORMATS: Final = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".ts": "ts",
    ".txt": "lines",
}


def read_path(path: str | Path | Text, wanted: Wanted) -> list[Examples]:
    """The examples of one file, of standard input ("-"), or of a folder."""
    if not isinstance(path, Text) and path != "-" and Path(path).is_dir():
        return _read_folder(Path(path), wanted)
    (source,) = expand([path])
    if isinstance(source, Path):
        if source.suffix == ".npz":
            return [read_npz(source, wanted)]
        if source.suffix == ".npy":
            return [Examples(list(array_of(source)), None, str(source))]
        if source.suffix == ".parquet":
            return [_read_parquet(source, wanted)]
        if is_idx(source):
            return [read_pictures(source)]
    return [_read_text(text_of(source), source, wanted)]


def _read_folder(folder: Path, wanted: Wanted) -> list[Examples]:
    """Lists of examples, else pictures in IDX, else recordings in folders named by class."""
    texts = sorted(file for file in folder.iterdir() if _is_list(file))
    if texts:
        return [read_lines(text_of(file), file, wanted) for file in texts]
    found = [read_pictures(file) for file in sorted(folder.iterdir()) if is_pictures(file)]
    found = found or read_recordings(folder, wanted)
    if not found:
        raise DataError(
            "a folder of examples must hold .txt files, one a class, one example a line, or folders named by class "
            f"with a file a sequence, but {folder} has none; name another folder, or a CSV, TSV, JSON lines, .ts or "
            ".npz file"
        )
    return found


def _read_parquet(path: Path, wanted: Wanted) -> Examples:
    if wanted.key is not None:
        return read_long_whole(path, wanted)
    return read_columns(columns_of(read_frame(path)), str(path), wanted)


def _read_text(text: str, source: Source, wanted: Wanted) -> Examples:
    name = name_of(source)
    kind = format_of(text, source)
    if wanted.key is not None and kind in ("csv", "tsv", "jsonl"):
        return read_long_whole(Text(text, name), wanted)
    if kind == "csv" or (kind == "lines" and wanted.table):
        return read_csv(text, name, wanted)
    if kind == "tsv":
        return read_tsv(text, name, wanted)
    if kind == "jsonl":
        return read_jsonl(text, name, wanted)
    if kind == "ts":
        return read_ts(text, name)
    return read_lines(text, source, wanted)


def format_of(text: str, source: Source) -> str:
    """The format by the ending of the name, or else by the first line: csv, tsv, jsonl, ts, lines."""
    first = next((line for line in text[: 1 << 16].split("\n") if line.strip()), "")
    kind = ""
    if isinstance(source, Path):
        kind = FORMATS.get(ending(source), "")
    if kind and kind != "lines":
        return kind
    if first.lstrip().startswith("{"):
        return "jsonl"
    if "\t" in first:
        return "tsv"
    return kind or "csv"


def read_lines(text: str, source: Source, wanted: Wanted) -> Examples:
    """A line is an example; where the file's name is the class of its lines, blank ones do not count."""
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    if not wanted.require_labels:
        return Examples(lines, None, name_of(source))
    label = source.name.split(".")[0] if isinstance(source, Path) else name_of(source)
    lines = [line for line in lines if line.strip()]
    return Examples(lines, [label] * len(lines), name_of(source))


def _is_list(file: Path) -> bool:
    return file.suffix == ".txt" and not file.name.startswith(".") and file.is_file()
