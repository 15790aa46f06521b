"""A page as G-code for pen plotters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import numpy as np

from unspool.data.pen.strokes import Points
from unspool.ink.curve import drawn
from unspool.ink.options import Page
from unspool.ink.page import Sheet
from unspool.ink.svg import number

HARMFUL: Final = re.compile(r"[^A-Za-z0-9 .,:'\"+=<>/&_-]")
HEIGHT: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
TOLERANCE: Final = 0.005  # mm
COMMENT: Final = 60  # characters: controllers keep short lines


def gcode(sheet: Sheet, page: Page) -> bytes:
    """G21 (millimetres), G90 (absolute), the strokes along the smooth curve, and the pen back at the origin.

    x to the right, y up, the origin at the page's lower left corner; G0 with the pen up, G1 with the pen down.
    """
    up, down = commands(page.pen_up, "G0"), commands(page.pen_down, "G1")
    lines = [*map(_comment, (text for text in sheet.texts if text)), "G21", "G90", f"F{number(page.feed)}", *up]
    for points in sheet.strokes:
        # between points a curve may pass the edge by a hair
        way = np.clip(drawn(points, TOLERANCE), 0.0, [sheet.width, sheet.height])
        lines += [f"G0 {_place(way[0])}", *down, *_moves(way[1:]), *up]
    return "".join(f"{line}\n" for line in [*lines, "G0 X0 Y0", "M2"]).encode("ascii")


def commands(given: str, move: str) -> list[str]:
    """A height in mm as a move to it, or commands between commas as they are."""
    if HEIGHT.fullmatch(given.strip()):
        return [f"{move} Z{number(float(given))}"]
    return [command for part in given.split(",") if (command := part.strip())]


def _moves(way: Points) -> Iterator[str]:
    yield from (f"G1 {_place(point)}" for point in way)


def _place(point: Points) -> str:
    return f"X{number(float(point[0]))} Y{number(float(point[1]))}"


def _comment(text: str) -> str:
    """One line of ASCII: some controllers obey !, ? and ~ even here, and parentheses may end a comment."""
    plain = HARMFUL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return f"; {plain}" if len(plain) <= COMMENT else f"; {plain[: COMMENT - 3]}..."
