"""Hands with a name that come with the package: strokes and their text, for a pen to go on from (`Pen.lines`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path

from unspool.data.pen.plain import plain_objects, read_plain, to_plain
from unspool.data.pen.strokes import Strokes
from unspool.errors import SpecError
from unspool.spec import unknown_name
from unspool.tasks.shipped import shelf
from unspool.training.checkpoint import write_text

FILE = "styles.json"  # a list of samples in the plain format, each with a "name"
PLACES = 3  # of a coordinate in sizes: a thousandth of the height of a small letter


def style_names() -> list[str]:
    """Return the names of the styles that this installation has, in their order."""
    return list(_styles(_file()))


def named_style(name: str) -> Strokes:
    """Return the strokes of a style of the package.

    Raises:
        SpecError: it has none of that name.
    """
    found = _styles(_file())
    if not found:
        raise SpecError(f"this installation has no named styles, got {name!r}; give a file with strokes and their text")
    if name not in found:
        raise SpecError(unknown_name("style", name, found))
    return found[name]


def write_styles(styles: Mapping[str, Strokes], file: Path) -> Path:
    """Write named samples as the file that `named_style` reads; any reader of pen data reads it too."""
    lines = []
    for name, sample in styles.items():
        plain = to_plain(sample)
        rounded = [[[round(value, PLACES) for value in point] for point in stroke] for stroke in plain["strokes"]]
        lines.append(json.dumps({"name": name, **plain, "strokes": rounded}, allow_nan=False))
    write_text(file, "[" + ",\n".join(lines) + "]\n")
    return file


def _file() -> Traversable:
    return shelf() / FILE


def _styles(file: Traversable) -> dict[str, Strokes]:
    """The samples of the file by their names; none without a file."""
    if not file.is_file():
        return {}
    objects = plain_objects(json.loads(file.read_text(encoding="utf-8")), file.name)
    return {str(found["name"]): read_plain(found, where) for found, where in objects}
