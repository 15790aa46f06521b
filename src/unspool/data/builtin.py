"""Text and labelled sequences that every Python brings along or that are made, for a first run without any data."""

from __future__ import annotations

import io
import keyword
import sysconfig
import token
import tokenize
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from unspool.data.sources import Text
from unspool.errors import DataError, SpecError

BUILTIN = ("docs", "python")
SHORTEST: Final = 200  # characters of a piece of source
KINDS: Final = {
    token.NAME: "name",
    token.NUMBER: "number",
    token.STRING: "string",
    token.OP: "operator",
    token.COMMENT: "comment",
    # from Python 3.12 on an f-string is several tokens
    **{
        getattr(token, part): "string"
        for part in ("FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END")
        if hasattr(token, part)
    },
}


def builtin_text(corpus: str) -> Text:
    """The built-in text of that name.

    "docs": the topics of Python's language reference (pydoc_data.topics), sorted by name. "python": the
    source of the standard library's top-level modules, sorted by file name. Both depend on the version of
    Python.
    """
    if corpus == "docs":
        return _docs()
    if corpus == "python":
        return _python()
    raise SpecError(f"the built-in text must be one of {', '.join(BUILTIN)}, got {corpus!r}; choose one of them")


def _docs() -> Text:
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise DataError(
            "the built-in text 'docs' needs pydoc_data, which this Python came without; use --corpus python, "
            "or name a text file"
        ) from error
    text = "\n".join(topics[name] for name in sorted(topics))
    return Text(text, "the topics of the Python language reference (pydoc_data.topics)")


def _python() -> Text:
    sources = "\n".join(map(_read, _modules()))
    return Text(sources, "the source of Python's standard library (top-level modules)")


def _modules() -> list[Path]:
    folder = Path(sysconfig.get_path("stdlib"))
    paths = sorted(folder.glob("*.py"))
    if not paths:
        raise DataError(
            f"the built-in text 'python' needs the standard library's source, but {folder} holds none; "
            "use --corpus docs, or name a text file"
        )
    return paths


def _read(path: Path) -> str:
    with tokenize.open(path) as file:  # honours the encoding that a module declares
        return file.read()


def builtin_labelled(each: int = 2000) -> list[tuple[str, str]]:
    """Lines of the two built-in texts with their kind, "prose" or "code": examples without any data."""
    pairs = []
    for corpus, kind in (("docs", "prose"), ("python", "code")):
        text = builtin_text(corpus).text
        lines = dict.fromkeys(line.strip() for line in str(text).splitlines() if len(line.strip()) >= 10)
        step = max(1, len(lines) // each)
        pairs += [(line, kind) for line in list(lines)[::step][:each]]
    return pairs


def builtin_stepwise(modules: int = 30) -> dict[str, list[Any]]:
    """Characters of the standard library's source, each labelled with the kind of its token.

    Columns "text" (pieces of 200 to 400 characters that begin with a line outside any token), "labels" (a kind for
    each character: keyword, name, number, string, operator, comment or space, by `tokenize`) and "module", of that
    many modules spread over the sorted names. Depends on the version of Python.
    """
    paths = _modules()
    found: dict[str, list[Any]] = {"text": [], "labels": [], "module": []}
    for path in paths[:: max(1, len(paths) // modules)][:modules]:
        for piece, kinds in _pieces(_read(path)):
            found["text"].append(piece)
            found["labels"].append(kinds)
            found["module"].append(path.stem)
    return found


def _pieces(source: str) -> Iterator[tuple[str, list[str]]]:
    """Parts of a module's source with the kind of each character's token."""
    lines = list(io.StringIO(source))
    starts = list(accumulate(map(len, lines), initial=0))
    kinds = ["space"] * len(source)
    free = [True] * len(starts)  # whether a line begins outside any token
    for kind, _, (first, column), (last, end), _ in tokenize.generate_tokens(iter(lines).__next__):
        if kind in KINDS and first <= len(lines):
            start, stop = starts[first - 1] + column, starts[last - 1] + end
            word = kind == token.NAME and keyword.iskeyword(source[start:stop])
            kinds[start:stop] = ["keyword" if word else KINDS[kind]] * (stop - start)
            free[first:last] = [False] * (last - first)
    borders = [start for start, outside in zip(starts, free, strict=True) if outside]
    start = 0
    for border in borders:
        if border - start >= SHORTEST:
            stop = min(border, start + 2 * SHORTEST)
            yield source[start:stop], kinds[start:stop]
            start = border


def builtin_adding(
    length: int = 200, count: int = 10_000, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The adding problem: sequences [count, length, 2] of numbers and marks, and the sum of the two marked numbers.

    Channel 0 is drawn from U[0, 1); channel 1 is 1 at one step of each half and 0 elsewhere. Who always answers 1
    has an MSE of 1/6. Hochreiter and Schmidhuber, "Long short-term memory", 1997, experiment 4, in the form of Le,
    Jaitly and Hinton, arXiv:1504.00941, section 4.1.
    """
    if length < 2 or count < 1:
        raise SpecError(
            f"the adding problem needs two steps and one sequence at least, got {length} steps and {count} sequences; "
            "ask for more"
        )
    rng = np.random.default_rng(seed)
    sequences = np.zeros((count, length, 2), np.float32)
    sequences[:, :, 0] = rng.random((count, length), np.float32)
    rows, half = np.arange(count), length // 2
    first, second = rng.integers(0, half, count), rng.integers(half, length, count)
    sequences[rows, first, 1] = sequences[rows, second, 1] = 1
    return sequences, sequences[rows, first, 0].astype(np.float64) + sequences[rows, second, 0]


def builtin_series(days: int = 100, seed: int = 0) -> dict[str, NDArray[Any]]:
    """A made series, columns "time" and "load": hours with a wave of a day and of a week, a trend, and noise.

    The noise is 0.8 times that of the hour before and something new, so that the last hours say something of the next.
    """
    hours = np.arange(24 * days)
    drawn = np.random.default_rng(seed).standard_normal(len(hours))
    noise = np.array(list(accumulate(drawn, lambda before, new: 0.8 * before + 0.5 * new)))
    day, week = np.sin(2 * np.pi * hours / 24), np.sin(2 * np.pi * hours / 168)
    return {
        "time": np.datetime64("2024-01-01T00", "h") + hours,
        "load": 50 + 8 * day + 4 * week + 0.002 * hours + noise,
    }
