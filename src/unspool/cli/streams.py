"""What a program reads goes to standard output, what a person reads to standard error."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

from unspool.errors import DataError

DASH = "-"  # standard input, where a file or a text is named


def remark(text: str = "", *, quiet: bool = False) -> None:
    """Tell the person something."""
    if not quiet:
        print(text, file=sys.stderr, flush=True)


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print one JSON object; numbers that JSON does not have become null."""
    print(json_text(value, indent), flush=True)


def json_text(value: Any, indent: int | None = 2) -> str:
    """Return a JSON object as text; numbers that JSON does not have become null."""
    return json.dumps(_plain(value), ensure_ascii=False, indent=indent)


def print_table(values: dict[str, Any], *, spaces: bool = True) -> None:
    """Print names and values in two columns, with spaces for underscores unless the names are meant literally."""
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        shown = f"{value:.4f}" if isinstance(value, float) else str(value)
        print(f"{name.replace('_', ' ') if spaces else name:<{width}}  {shown}")


def write_output(path: str, content: str | bytes) -> None:
    """Write a file that the user asked for."""
    try:
        Path(path).write_bytes(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)
    except OSError as error:
        raise DataError(f"--output {path} cannot be written ({error.strerror}); choose another place") from error


def use_utf8() -> None:
    """Write UTF-8 whatever the locale says; samples hold any Unicode."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return str(value) if isinstance(value, Path) else value
