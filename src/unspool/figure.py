"""Pictures: matplotlib where it is installed, and files that are whole or not there."""

from __future__ import annotations

import os
import warnings
from functools import cache
from pathlib import Path
from textwrap import wrap
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


def check_format(path: Path, flag: str = "--output") -> None:
    """Refuse a name, given by a flag, whose ending is none of the formats.

    Raises:
        SpecError: it is not.
    """
    if path.suffix.lower() not in FORMATS:
        raise SpecError(f"{flag} must end in {', '.join(FORMATS)}, got {path}; rename it")


def save(figure: Figure, path: Path, dpi: int = 120, *, flag: str = "--output") -> Path:
    """Write a figure in the format of its name's ending; where the usual font lacks characters, with another one.

    What no installed font has is drawn as boxes, and a line below the picture says so.

    Raises:
        SpecError: the format is none of ours.
        DataError: the file cannot be written.
    """
    check_format(path, flag)
    if boxes := _without_boxes(figure):
        shown = "".join(sorted(boxes)[:8])
        told = " ".join(f"U+{ord(character):04X}" for character in shown) + (" ..." if len(boxes) > 8 else "")
        told = f"boxes: no font here has {told}; install one, Noto Sans CJK for instance"
        room = max(20, int(figure.get_figwidth() * 16))  # characters of 7 points
        figure.supxlabel("\n".join(wrap(told, room)), fontsize=7)
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


def _without_boxes(figure: Figure) -> set[str]:
    """Let another font help where a text has characters that the usual one lacks; return those that none has."""
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.text import Text

    usual = _characters(findfont(FontProperties()))
    helped = {}
    for text in figure.findobj(Text):
        lacking = {
            character for character in text.get_text() if ord(character) not in usual and character.isprintable()
        }
        if lacking:
            helped[text] = lacking
    missing = set().union(*helped.values())
    if not missing:
        return set()
    name, has = _best_font(missing)
    for text in helped:
        text.set_fontfamily([*text.get_fontfamily(), name] if name else text.get_fontfamily())
    return missing - has


def _best_font(wanted: set[str]) -> tuple[str | None, set[str]]:
    """The installed font that has most of the characters, and which of them it has."""
    from matplotlib.font_manager import fontManager

    best: tuple[str | None, set[str]] = (None, set())
    for entry in sorted(fontManager.ttflist, key=lambda entry: ("CJK" not in entry.name, entry.name)):
        if entry.name.startswith("Last Resort"):  # a box for everything
            continue
        has = {character for character in wanted if ord(character) in _characters(entry.fname)}
        if len(has) > len(best[1]):
            best = entry.name, has
        if len(has) == len(wanted):
            break
    return best


@cache
def _characters(file: str) -> frozenset[int]:
    """The code points that a font file has; none where it cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(file).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
