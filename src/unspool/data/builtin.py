"""Text and labelled lines that every Python brings along, for a first run without any data."""

from __future__ import annotations

import sysconfig
import tokenize
from pathlib import Path

from unspool.data.sources import Text
from unspool.errors import DataError, SpecError

BUILTIN = ("docs", "python")


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
    folder = Path(sysconfig.get_path("stdlib"))
    sources = []
    for path in sorted(folder.glob("*.py")):
        with tokenize.open(path) as file:  # honours the encoding that a module declares
            sources.append(file.read())
    if not sources:
        raise DataError(
            f"the built-in text 'python' needs the standard library's source, but {folder} holds none; "
            "use --corpus docs, or name a text file"
        )
    return Text("\n".join(sources), "the source of Python's standard library (top-level modules)")


def builtin_labelled(each: int = 2000) -> list[tuple[str, str]]:
    """Lines of the two built-in texts with their kind, "prose" or "code": examples without any data."""
    pairs = []
    for corpus, kind in (("docs", "prose"), ("python", "code")):
        text = builtin_text(corpus).text
        lines = dict.fromkeys(line.strip() for line in str(text).splitlines() if len(line.strip()) >= 10)
        step = max(1, len(lines) // each)
        pairs += [(line, kind) for line in list(lines)[::step][:each]]
    return pairs
