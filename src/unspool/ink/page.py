"""Lines of handwriting laid out on a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from unspool.data.pen.alphabet import runs_left
from unspool.data.pen.strokes import Points, Strokes
from unspool.errors import DataError, SpecError
from unspool.ink.options import LARGEST, SMALLEST, Page

Lines = Sequence[Sequence[Strokes]]

LETTER: Final = 2.5  # mm
PEN: Final = 1 / 6  # of a letter's height
ASCENT: Final = 0.6  # of the line height: above the baseline
FIT: Final = 0.9  # of the pieces on pages decide how small letters are; the few that are wider are set smaller still
HAIR: Final = 1e-6  # mm: no rounding of sums sends a piece to the next line


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is drawn: strokes in the order of writing, in mm, x to the right and y up from the lower left corner.

    width, height: the page's sides in mm. pen: its width in mm. strokes: points [n, 2] of each. texts: what each line
    says, None = unknown. beyond: how many points lay beside the page and were left out. narrowed: how many pieces,
    wider than the room, were set in smaller letters than the others.

    Raises:
        DataError: a point lies beside the page.
    """

    width: float
    height: float
    pen: float
    strokes: tuple[Points, ...]
    texts: tuple[str | None, ...] = ()
    beyond: int = 0
    narrowed: int = 0

    def __post_init__(self) -> None:
        for points in self.strokes:
            outside = (points < -HAIR) | (points > np.add([self.width, self.height], HAIR))
            if outside.any():
                x, y = points[outside.any(axis=1)][0]
                raise DataError(
                    f"all ink must lie on the page, but a point lies at ({x:.4g}, {y:.4g}) mm of {self.width:g} x "
                    f"{self.height:g}; normalise the strokes, or choose a larger page or smaller letters"
                )


@dataclass(frozen=True, slots=True)
class _Row:
    """Pieces that stand beside each other, in sizes; `left` is where each one's ink begins, from the row's left end.

    `scale` is 1, or less for a single piece that is wider than the room.
    """

    line: int  # of which it is a part
    pieces: tuple[Strokes, ...]
    lefts: tuple[float, ...]
    width: float
    scale: float
    backward: bool


def lay_out(lines: Lines, page: Page) -> Sheet:
    """Each line begins at the margin and goes on in the next one where a piece does not fit; [] is an empty line.

    A piece (a word, or a whole line) is never cut. It is normalised: its baseline is y = 0, its unit the height of
    small letters. Lines from right to left stand at the right margin, their first piece outermost.

    Raises:
        SpecError: a piece is wider than the room between the margins, or the lines are higher.
        DataError: ink lies beside the page.
    """
    letter = _letter(lines, page)
    widest = letter * max((_width(piece) for line in lines for piece in line), default=0.0)
    if widest > _room(page)[0] + HAIR:
        raise SpecError(
            f"a piece of handwriting must fit between the margins, {_room(page)[0]:.4g} mm, but one is {widest:.4g} mm "
            f"wide with letters of {letter:.3g} mm; break its line, or choose smaller letters or a larger page"
        )
    rows, fitting = _broken(lines, page, letter), _fitting(page, letter)
    if len(rows) > fitting:
        step = page.line_height * letter
        raise SpecError(
            f"the lines must fit on the page, but {len(rows)} of {step:.3g} mm are higher than the "
            f"{_room(page)[1]:.4g} mm between the margins; choose smaller letters, a larger page, or fewer lines"
        )
    return _sheet(rows, page, letter)


def lay_out_pages(lines: Lines, page: Page) -> list[Sheet]:
    """The same on as many pages as it takes, with letters of one size; no page begins with an empty line.

    A network's line may be wider than any that was planned, or go astray: a piece that is wider than the room is set
    smaller, and as on paper, what runs over the edge of the page leaves no ink.

    Raises:
        SpecError: a single line is higher than the room between the margins.
    """
    letter = _letter(lines, page, FIT)
    rows, fitting = _broken(lines, page, letter), _fitting(page, letter)
    if fitting < 1:
        return [lay_out(lines, page)]  # which says so
    sheets: list[Sheet] = []
    while rows or not sheets:
        while sheets and rows and not rows[0].pieces:
            rows = rows[1:]
        if rows or not sheets:
            sheets.append(_sheet(rows[:fitting], page, letter, cut=True))
        rows = rows[fitting:]
    return sheets


def check_room(page: Page) -> None:
    """Refuse a page on which no line fits, whatever it says.

    Raises:
        SpecError: a line is higher than the room between the margins.
    """
    letter = page.letter or SMALLEST
    if _fitting(page, letter) < 1:
        raise SpecError(
            f"a line must fit on the page, but one of {page.line_height * letter:.3g} mm is higher than the "
            f"{_room(page)[1]:.4g} mm between the margins; choose smaller letters or a larger page"
        )


def _room(page: Page) -> tuple[float, float]:
    """Width and height between the margins in mm."""
    width, height = page.sides or (LARGEST, LARGEST)
    return width - 2 * page.margin, height - 2 * page.margin


def _fitting(page: Page, letter: float) -> int:
    """How many rows fit between the margins."""
    return int((_room(page)[1] + HAIR) // (page.line_height * letter))


def _broken(lines: Lines, page: Page, letter: float) -> list[_Row]:
    """The rows of all lines, with letters of so many millimetres."""
    room = (_room(page)[0] + HAIR) / letter
    return [row for number, line in enumerate(lines) for row in _rows(number, line, page, room)]


def _sheet(rows: Sequence[_Row], page: Page, letter: float, *, cut: bool = False) -> Sheet:
    """One page of these rows; what lies beside it is `cut` off, or refused."""
    step = page.line_height * letter
    room = _room(page)
    if page.sides is None:
        room = max((row.width for row in rows), default=0.0) * letter, max(len(rows), 1) * step
    strokes: list[Points] = []
    for number, row in enumerate(rows):
        size = letter * row.scale
        start = page.margin + (room[0] - row.width * size if row.backward else 0.0)
        baseline = page.margin + room[1] - (number + ASCENT) * step
        for piece, left in zip(row.pieces, row.lefts, strict=True):
            origin, place = [piece.bounds()[0], 0.0], [start + left * size, baseline]
            with np.errstate(over="ignore"):  # what is infinite lies beside the page
                strokes += [(points - origin) * size + place for points in piece.strokes()]
    said: dict[int, list[Strokes]] = {}
    for row in rows:
        said.setdefault(row.line, []).extend(row.pieces)
    width, height = (side + 2 * page.margin for side in room)
    whole = strokes
    if cut:
        strokes = [part for points in strokes for part in _inside(points, width, height)]
    beyond = sum(map(len, whole)) - sum(map(len, strokes))
    pen = letter * PEN if page.pen is None else page.pen
    narrowed = sum(row.scale < 1 for row in rows)
    return Sheet(width, height, pen, tuple(strokes), tuple(map(_text, said.values())), beyond, narrowed)


def _inside(points: Points, width: float, height: float) -> Iterator[Points]:
    """The parts of a stroke [n, 2] that lie on the page."""
    inside = ((points >= -HAIR) & (points <= np.add([width, height], HAIR))).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]])))
    for start, end in edges.reshape(-1, 2):
        yield points[start:end]


def _letter(lines: Lines, page: Page, share: float = 1.0) -> float:
    """Millimetres a unit: as asked for, or so that a share of the pieces fits, and a line into the height."""
    if page.letter is not None:
        return page.letter
    room, height = _room(page)
    widths = [_width(piece) for line in lines for piece in line]
    wide = float(np.quantile(widths, share, method="higher")) if widths else 0.0
    fitting = min(room / wide if wide else LETTER, height / page.line_height)
    return max(min(LETTER, fitting), SMALLEST)


def _rows(number: int, line: Sequence[Strokes], page: Page, room: float) -> list[_Row]:
    """One line, broken before each piece that would pass the room, in sizes."""
    backward = page.direction == "rtl" or (page.direction == "auto" and runs_left(_text(line) or ""))
    broken: list[list[Strokes]] = [[]]
    used = 0.0
    for piece in line:
        wanted = used + _width(piece) + (page.word_gap if broken[-1] else 0.0)
        if broken[-1] and wanted > room:
            broken.append([])
            wanted = _width(piece)
        broken[-1].append(piece)
        used = wanted
    return [_row(number, tuple(pieces), page.word_gap, room, backward) for pieces in broken]


def _row(line: int, pieces: tuple[Strokes, ...], gap: float, room: float, backward: bool) -> _Row:
    widths = np.array([_width(piece) for piece in pieces])
    before = np.cumsum(widths) - widths + gap * np.arange(len(pieces))
    width = float(widths.sum() + gap * max(len(pieces) - 1, 0))
    lefts = width - before - widths if backward else before
    return _Row(line, pieces, tuple(lefts.tolist()), width, room / width if width > room else 1.0, backward)


def _width(piece: Strokes) -> float:
    left, _, right, _ = piece.bounds()
    return right - left


def _text(line: Sequence[Strokes]) -> str | None:
    """What a line says, as far as its pieces know."""
    return " ".join(piece.text for piece in line if piece.text) or None
