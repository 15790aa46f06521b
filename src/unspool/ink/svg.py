"""A page as SVG: one path a stroke, in millimetres."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Final

import numpy as np

from unspool.data.pen.strokes import Points
from unspool.ink.curve import length, smooth
from unspool.ink.options import Page
from unspool.ink.page import Sheet

NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2

# The dash is as long as the path, the gap twice, so that at offset 1 no end of a dash shows at either end. Whoever does
# not animate, or has asked for less motion, sees the written page.
ANIMATION: Final = """<style>
@media (prefers-reduced-motion: no-preference) {
path { stroke-dasharray: 1 2; animation: write linear both; }
.dot { stroke-dasharray: none; }
}
@keyframes write {
from { stroke-dashoffset: 1; visibility: hidden; }
to { stroke-dashoffset: 0; visibility: visible; }
}
</style>
"""


def svg(sheet: Sheet, page: Page) -> bytes:
    """The file: the text as its title, the paper, and the strokes in the order of writing."""
    sides = f"{number(sheet.width)} {number(sheet.height)}"
    width, height = sides.split()
    paths = [_path(points * [1, -1] + [0, sheet.height], straight=page.svg == "straight") for points in sheet.strokes]
    if page.seconds is not None:
        paths = [f"{path} {timing}" for path, timing in zip(paths, _timings(sheet, page.seconds), strict=True)]
    lines = "1 line" if len(sheet.texts) == 1 else f"{len(sheet.texts)} lines"
    ground = None if page.svg == "plotter" else page.ground
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}mm" height="{height}mm" viewBox="0 0 {sides}" '
        'role="img">\n',
        f"<title>{_escaped(_title(sheet))}</title>\n<desc>Handwriting, {lines}</desc>\n",
        ANIMATION if page.seconds is not None else "",
        "" if ground is None else f'<rect width="{width}" height="{height}" fill="{ground}"/>\n',
        f'<g fill="none" stroke="{page.ink}" stroke-width="{number(sheet.pen)}" stroke-linecap="round" '
        'stroke-linejoin="round">\n',
        *(f"<path {path}/>\n" for path in paths),
        "</g>\n</svg>\n",
    ]
    return "".join(parts).encode("utf-8")


def number(value: float) -> str:
    """Millimetres or seconds to a thousandth, in as few characters as that takes."""
    return f"{round(value, 3) + 0.0:.3f}".rstrip("0").rstrip(".")


def _path(points: Points, straight: bool) -> str:
    """The attribute d of a stroke, y down. A dot is a line without length, which a round pen shows."""
    curves = [] if straight else [curve.round(3) for curve in smooth(points)]
    # steps between rounded points, so that the errors do not add up
    if curves:
        way = "c" + " ".join(_pairs(curve[1:] - curve[0]) for curve in curves)
    else:
        way = "l" + _pairs(np.diff(points.round(3), axis=0) if len(points) > 1 else np.zeros(2))
    return f'd="M{_pairs(points[0])}{way}"'


def _pairs(points: Points) -> str:
    return " ".join(map(number, points.ravel().tolist()))


def _timings(sheet: Sheet, seconds: float) -> Iterator[str]:
    """When each stroke is written: as long as it is, one after the other; a dot takes a pen's width."""
    lengths = np.array([length(points) for points in sheet.strokes])
    shares = np.where(lengths > 0, lengths, sheet.pen)
    # rounded ends, not rounded durations, for the same reason
    ends = (np.cumsum(shares) / shares.sum() * seconds).round(3)
    for way, start, end in zip(lengths, np.append(0.0, ends), ends, strict=False):
        kind = 'pathLength="1"' if way > 0 else 'class="dot"'
        yield f'{kind} style="animation-delay:{number(start)}s;animation-duration:{number(end - start)}s"'


def _title(sheet: Sheet) -> str:
    return "\n".join(text or "" for text in sheet.texts).strip() or "Handwriting"


def _escaped(text: str) -> str:
    return escape(NO_XML.sub("\ufffd", text))
