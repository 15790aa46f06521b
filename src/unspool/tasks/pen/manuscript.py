"""A text of any length, written line by line in one hand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from unspool.data.pen.strokes import Strokes
from unspool.ink.options import Page
from unspool.ink.page import LETTER
from unspool.tasks.pen.breaking import Width, paragraphs, too_long
from unspool.tasks.pen.writing import Lead, Line, Pen

FULL: Final = 0.9  # of the room on a page: lines of one length are not of one width
GAP: Final = 1.0  # sizes between what are taken for two words of strokes without a text
LINES: Final = 1 << 32  # samples a line has addresses for: line l of sample n draws the numbers of sample n + l * LINES


class Manuscript(NamedTuple):
    """Paragraphs of lines as they were written; a blank paragraph has none."""

    paragraphs: list[list[Line]]
    read: tuple[str, ...] = ()  # of each line: the text that the window slid over, the style's first
    total: int = 1  # lines of the whole text, of which these may be the first
    cut: tuple[str, ...] = ()  # words that were longer than a line

    @property
    def lines(self) -> list[Line]:
        """All lines, one after the other."""
        return [line for paragraph in self.paragraphs for line in paragraph]

    def ink(self, page: Page | None) -> list[list[Strokes]]:
        """The strokes as `unspool.ink` lays them out: paragraphs flow, if the page has a width of its own."""
        if page is not None and page.sides is not None:
            return [[part for line in paragraph for part in _parts(line.strokes)] for paragraph in self.paragraphs]
        return [row for lines in self.paragraphs for row in ([[line.strokes] for line in lines] or [[]])]


def usual_width(pen: Pen, learned: float, page: Page, lead: Lead | None = None) -> Width:
    """Characters of a line that most likely fit on the page; `learned` are those that the network writes in one go.

    What it is led along before a line counts among them: a style, or up to half of them by itself.
    """
    half = max(learned / 2, 1.0)
    alone = max(learned if lead is None else learned - len(lead.text or ""), half)
    line = half if lead is None else alone
    advance = _advance(pen, lead)
    if page.sides is None or not advance:
        return Width(round(line), round(alone))
    room = FULL * (page.sides[0] - 2 * page.margin) / ((page.letter or LETTER) * advance)
    # where more fits on a row than can be written in one go, rows are written in parts of one length
    return Width(max(int(room / math.ceil(room / line)), 1), max(int(min(room, alone)), 1))


def drafts(
    pen: Pen,
    text: str,
    width: Width,
    *,
    points: int | None = None,
    bias: float = 0.0,
    seed: int = 0,
    number: int = 0,
    lead: Lead | None = None,
) -> Iterator[Manuscript]:
    """Write sample `number` of a text in lines of at most so many characters, and yield what is there after each line.

    It is one list of paragraphs that grows. All lines are in one hand: that of the lead, or else that of the first
    words of a line so far, as many as `width.line` characters hold, after which the network goes on as after a style
    (Graves 2013, section 5.5). A network that has learned single words only writes them one by one.

    Raises:
        DataError: characters that the network has not seen, all named, before anything is written. As of `Pen.lines`.
    """
    pen.check(text, lead)
    given = lead is not None
    found: list[list[Line]] = []
    read: list[str] = []
    planned = paragraphs(text, width, words=pen.single)
    total, cut = sum(map(len, planned)), tuple(too_long(text, width))
    for paragraph in planned:
        found.append([])
        for said in paragraph:
            address = number + len(read) * LINES
            (line,) = pen.lines(said, points=points, bias=bias, seed=seed, first=address, lead=lead)
            found[-1].append(line)
            read.append(pen.read(said, lead))
            if not given and line.finished:
                lead = _longer(lead, pen.retraced(line, width.line))
            yield Manuscript(found, tuple(read), total, cut)


def _longer(lead: Lead | None, other: Lead | None) -> Lead | None:
    """The one that says more, of two that say as much the first."""
    return max((found for found in (lead, other) if found), key=lambda found: len(found.text or ""), default=None)


def _advance(pen: Pen, lead: Lead | None) -> float:
    """Sizes a character: of the lead, or else of what the network has learned."""
    if lead is None or not lead.text:
        return abs(pen.reader.normaliser.mean[0]) * pen.points_per_character
    led = pen.reader.normaliser.decode(lead.rows)
    return float(np.ptp(led.points[:, 0])) / len(lead.text)


def _parts(sample: Strokes) -> list[Strokes]:
    """Strokes without a text, which may be far longer than a row, cut where there is a gap to what comes after."""
    if sample.text is not None:
        return [sample]
    ahead = 1.0 if sample.points[-1, 0] >= sample.points[0, 0] else -1.0  # the way that it is written
    reach = -math.inf
    number, part = -1, []
    for stroke in sample.strokes():
        along = ahead * stroke[:, 0]
        number += bool(along.min() > reach + GAP)
        reach = max(reach, float(along.max()))
        part.append(np.full(len(stroke), number))
    numbers = np.concatenate(part)
    return [sample.select(numbers == wanted) for wanted in range(number + 1)]
