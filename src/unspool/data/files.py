"""One file or folder of labelled sequences to examples.

The ending of a file's name tells its format; where that says nothing, its first line does.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unspool.data.examples import Examples
from unspool.data.sources import Source, Text, ending, expand, name_of
from unspool.data.tables import Wanted, read_csv, read_jsonl, read_tsv
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
    """The examples of one file, of standard input ("-"), or of each .txt file in a folder."""
    if not isinstance(path, Text) and path != "-" and Path(path).is_dir():
        texts = sorted(file for file in Path(path).iterdir() if _is_list(file))
        if not texts:
            raise DataError(
                f"a folder of examples must hold .txt files, one a class, one example a line, but {path} has "
                "none; name another folder, or a CSV, TSV, JSON lines, .ts or .npz file"
            )
        return [read_lines(text_of(file), file, wanted) for file in texts]
    (source,) = expand([path])
    if isinstance(source, Path) and source.suffix == ".npz":
        return [read_npz(source)]
    return [_read_text(text_of(source), source, wanted)]


def read_npz(path: Path) -> Examples:
    """The arrays X [N, T] or [N, T, C], or values [sum of lengths, C] and lengths [N]; and y [N]."""
    arrays = _load(path)
    labels = next((arrays[name] for name in ("y", "label", "labels") if name in arrays), None)
    if "x" in arrays:
        sequences = list(arrays["x"])
    elif "values" in arrays and "lengths" in arrays:
        sequences = _ragged(arrays["values"], arrays["lengths"], path)
    else:
        raise DataError(
            f"a .npz file must hold X, or values and lengths, but {path} holds "
            f"{', '.join(sorted(arrays)) or 'nothing'}; save it with numpy.savez(path, X=..., y=...)"
        )
    if labels is not None and labels.shape != (len(sequences),):
        raise DataError(
            f"y must hold one label for each of {len(sequences)} examples, but y of {path} has shape "
            f"{list(labels.shape)}; save one label an example"
        )
    return Examples(sequences, None if labels is None else labels.tolist(), str(path))


def _read_text(text: str, source: Source, wanted: Wanted) -> Examples:
    name = name_of(source)
    kind = _format(text, source)
    if kind == "csv" or (kind == "lines" and wanted.table):
        return read_csv(text, name, wanted)
    if kind == "tsv":
        return read_tsv(text, name, wanted)
    if kind == "jsonl":
        return read_jsonl(text, name, wanted)
    if kind == "ts":
        return read_ts(text, name)
    return read_lines(text, source, wanted)


def _format(text: str, source: Source) -> str:
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


def _load(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        # opened here, because np.load leaves a file open that it cannot read
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name.lower(): stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"a .npz file must hold plain arrays of numbers or text, but {path} does not, or is damaged; "
            "save it with numpy.savez, and sequences of unequal length as values and lengths"
        ) from error


def _ragged(values: NDArray[np.generic], lengths: NDArray[np.generic], path: Path) -> list[NDArray[np.generic]]:
    whole = lengths.ndim == 1 and np.issubdtype(lengths.dtype, np.integer)
    if not whole or (lengths.astype(np.int64) < 0).any() or int(lengths.astype(np.int64).sum()) != len(values):
        raise DataError(
            f"lengths must be whole numbers that add up to the {len(values)} rows of values, but those of "
            f"{path} do not; save the length of each example"
        )
    return np.split(values, np.cumsum(lengths.astype(np.int64))[:-1]) if len(lengths) else []
