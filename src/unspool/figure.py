"""Pictures: matplotlib where it is installed, and files that are whole or not there."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unspool.errors import DataError, MissingExtra, SpecError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")


def new_figure(width: float, height: float, **options: Any) -> Figure:
    """Return an empty figure of so many inches that no window belongs to.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("a picture needs matplotlib; pip install 'unspool[pictures]'") from error
    return Figure(figsize=(width, height), **{"layout": "constrained", **options})


def check_format(path: Path) -> None:
    """Refuse a name whose ending is none of the formats.

    Raises:
        SpecError: it is not.
    """
    if path.suffix.lower() not in FORMATS:
        raise SpecError(f"--output must end in {', '.join(FORMATS)}, got {path}; rename it")


def save(figure: Figure, path: Path, dpi: int = 120) -> Path:
    """Write a figure in the format of its name's ending.

    Raises:
        SpecError: the format is none of ours.
        DataError: the file cannot be written.
    """
    check_format(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")  # it is drawn as an empty box
            figure.savefig(temporary, dpi=dpi, format=path.suffix.lower()[1:])
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise DataError(f"the picture {path} cannot be written ({error.strerror}); choose another place") from error
    return path
