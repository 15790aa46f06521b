"""What a handwriting model is asked to write. Free of torch: the command line reads its flags from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from unspool.spec import Between, check


@dataclass(frozen=True)
class PenRequest:
    """In whose hand, how neatly and how much is written."""

    bias: Annotated[float, Between(0, 100)] = 0.0
    """0 writes as people do, 1 neatly, more as if printed (Graves 2013, section 5.4)."""
    style: str | None = None
    """Write in this hand: a file of strokes with their text, or the name of a style of this installation."""
    style_text: str | None = None
    """What the strokes of --style say, where their file does not."""
    style_sample: Annotated[int, Between(0)] = 0
    """Which sample of the file of --style, from 0."""
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
