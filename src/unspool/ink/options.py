"""How a page of handwriting looks. Free of numpy: the command line reads its flags from here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from unspool.errors import SpecError
from unspool.spec import Between, check

SIZES: Final = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}  # mm
COLOURS: Final = {
    "black": "#000000",
    "blue": "#1c3f94",
    "brown": "#6b3e1e",
    "green": "#1e6b3a",
    "grey": "#666666",
    "red": "#b3261e",
    "white": "#ffffff",
}
SMALLEST: Final = 0.2  # mm: a letter that a pen can still write
LARGEST: Final = 10_000.0  # mm: a side of a page
POSITIVE: Final = Between(0, open_low=True)


@dataclass(frozen=True)
class Page:
    """A page, its pen and its file. Lengths in millimetres.

    Example:
        >>> Page(size="148x105").sides
        (148.0, 105.0)
        >>> Page(colour="blue").ink
        '#1c3f94'
    """

    size: str = "a4"
    """a4, letter, WIDTHxHEIGHT in mm, or fit: as large as the lines need."""
    margin: Annotated[float, Between(0)] = 20.0
    """Left free on every side, in mm."""
    letter: Annotated[float | None, Between(SMALLEST)] = None
    """Height of small letters in mm; left out: 2.5, or less where something would not fit between the margins."""
    line_height: Annotated[float, POSITIVE] = 5.0
    """From one line to the next, in heights of small letters."""
    word_gap: Annotated[float, Between(0)] = 2.0
    """Between two pieces on a line, in heights of small letters."""
    direction: Literal["auto", "ltr", "rtl"] = "auto"
    """Where lines begin: ltr left, rtl right, auto as the script of each line has it."""
    colour: str = "black"
    """Of the pen: black, blue, brown, green, grey, red, white or #RRGGBB."""
    paper: str = "white"
    """Colour of the page, or none: transparent."""
    pen: Annotated[float | None, Between(0, 100, open_low=True)] = None
    """Width of the pen in mm; left out: a sixth of the height of small letters."""
    svg: Literal["smooth", "straight", "plotter"] = "smooth"
    """Lines of an SVG file: smooth curves, straight from point to point, or smooth and nothing else, for plotters."""
    seconds: Annotated[float | None, POSITIVE] = None
    """An SVG file writes itself in so many seconds; left out: it is still."""
    dpi: Annotated[int, Between(10, 2400)] = 150
    """Pixels per inch of a PNG file."""
    pen_up: str = "5"
    """G-code that lifts the pen: a height in mm, or commands such as M5, with commas between them."""
    pen_down: str = "0"
    """G-code that sets the pen down: a height in mm, or commands such as M3 S90, with commas between them."""
    feed: Annotated[float, POSITIVE] = 1500.0
    """Speed of a plotter's pen in mm per minute."""

    def __post_init__(self) -> None:
        check(self)
        shorter = min(self.sides or (LARGEST, LARGEST))
        if 2 * self.margin >= shorter:
            raise SpecError(
                f"--margin must leave room on the page, got {self.margin:g} mm on {self.size}; "
                f"choose less than {shorter / 2:g}"
            )
        _hex("colour", self.colour)
        if self.paper.lower() != "none":
            _hex("paper", self.paper)
        for name in ("paper", "seconds") if self.svg == "plotter" else ():
            if getattr(self, name) != getattr(Page, name):
                raise SpecError(f"--{name} needs a picture, but --svg plotter is for machines; leave one of them out")
        for name in ("pen_up", "pen_down"):
            if not re.fullmatch(r"[A-Za-z0-9 .,+-]*[A-Za-z0-9][A-Za-z0-9 .,+-]*", getattr(self, name)):
                raise SpecError(
                    f"--{name.replace('_', '-')} must be a height or G-code of letters, digits and points, "
                    f"got {getattr(self, name)!r}; try 5, or M3 S90"
                )

    @property
    def sides(self) -> tuple[float, float] | None:
        """Width and height in mm; None = as the lines need."""
        size = self.size.lower()
        if size == "fit":
            return None
        if size in SIZES:
            return SIZES[size]
        found = re.fullmatch(r"(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)", size)
        if found is None or not all(1 <= float(side) <= LARGEST for side in found.groups()):
            raise SpecError(
                f"--size must be {', '.join(SIZES)}, fit or WIDTHxHEIGHT of 1 to {LARGEST:g} mm, got {self.size!r}; "
                "try 148x210"
            )
        return float(found[1]), float(found[2])

    @property
    def ink(self) -> str:
        """The pen's colour as #rrggbb."""
        return _hex("colour", self.colour)

    @property
    def ground(self) -> str | None:
        """The paper's colour as #rrggbb; None = transparent."""
        return None if self.paper.lower() == "none" else _hex("paper", self.paper)


def _hex(name: str, colour: str) -> str:
    known = COLOURS.get(colour.lower(), colour)
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", known):
        none = "none, " if name == "paper" else ""
        raise SpecError(f"--{name} must be {none}{', '.join(COLOURS)} or #RRGGBB, got {colour!r}; choose one of them")
    return known.lower()
