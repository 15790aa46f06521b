"""What a handwriting model is asked to write. Free of torch: the command line reads its flags from here."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Annotated

from unspool.errors import SpecError
from unspool.spec import Between, check


@dataclass(frozen=True)
class PenRequest:
    """In whose hand, how neatly and how much is written."""

    bias: Annotated[float | None, Between(0, 100)] = None
    """0 writes as people do, 1 neatly (Graves 2013, section 5.4); left out: 1 for a text, 0 for strokes alone."""
    style: str | None = None
    """Write in this hand: a file of strokes with their text, or the name of a style of this installation."""
    style_text: str | None = None
    """What the strokes of --style say, where their file does not."""
    style_sample: Annotated[int | None, Between(0)] = None
    """Which sample of the file of --style, from 0; left out: the first."""
    adapt: Annotated[int, Between(0, 100_000)] = 0
    """Updates of a copy of the network, before it writes, on lines of that writer in --style: their letters."""
    text_file: str | None = None
    """Write the text of this file."""
    line_length: Annotated[int | None, Between(1)] = None
    """Most characters of a line; left out: what fits on the page and the model has learned to write in one go."""
    points: Annotated[int | None, Between(1)] = None
    """Points that a model without texts writes; 700 otherwise."""
    window: str | None = None
    """Where in the text the pen was, to this file: a picture (.png, .svg, .pdf) or arrays (.npz, .json)."""

    def __post_init__(self) -> None:
        check(self)


def check_asked(text: object, *, line_length: object = None, points: object = None, **numbers: object) -> None:
    """Refuse a text that is none, and numbers that are none.

    Raises:
        SpecError: names the first of them.
    """
    if text is not None and not isinstance(text, str):
        raise SpecError(f"a text must be a str, got {type(text).__name__}; decode bytes, join lines with line ends")
    if line_length is not None:
        numbers["line_length"] = line_length
    if points is not None:
        numbers["points"] = points
    for name, value in numbers.items():
        kind, what = (Real, "a number") if name == "bias" else (Integral, "a whole number")
        if not isinstance(value, kind):
            raise SpecError(f"{name} must be {what}, got {value!r}; convert it, or leave it out")
    if isinstance(line_length, int) and line_length < 1:
        raise SpecError(f"line_length must be at least 1, got {line_length}; leave it out for lines of a usual length")
