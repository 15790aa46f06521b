"""Which samples are one line of the text that is said of them; real collections hold others too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unspool.data.pen.alphabet import runs_left
from unspool.data.pen.strokes import Strokes


@dataclass(frozen=True, slots=True)
class Screen:
    """Bounds on a normalised sample, whose unit is the height of small letters; `verdict` names what is broken.

    With w the width, h the height, n the characters that are not blank, all lengths in sizes:

    - no text: it is None or blank;
    - several lines: h > tallest, or the pen, lifted, goes back to where its text begins, left or right, by more than
      both return_width * w and return_least, and down by more than return_drop: word lists in columns, lines that
      wrap;
    - lost lifts: fewer strokes than words, so lines run through the gaps;
    - width, ink: w / n or the length of ink / n out of bounds, so text and ink do not belong together;
    - too long: more points than longest.
    """

    tallest: float = 9.0
    return_width: float = 0.25
    return_least: float = 5.0
    return_drop: float = 1.2
    width: tuple[float, float] = (0.5, 4.5)
    ink: tuple[float, float] = (1.5, 12.0)
    longest: int = 4000

    def verdict(self, sample: Strokes) -> str | None:
        """The first rule that a sample breaks; None if it breaks none."""
        text = sample.text or ""
        letters = len("".join(text.split()))
        if not letters:
            return "no text"
        left, bottom, right, top = sample.bounds()
        if top - bottom > self.tallest or self._returns(sample, right - left):
            return "several lines"
        if len(sample.ends) < len(text.split()):
            return "lost lifts"
        if not self.width[0] <= (right - left) / letters <= self.width[1]:
            return "width"
        if not self.ink[0] <= sample.length() / letters <= self.ink[1]:
            return "ink"
        return "too long" if len(sample) > self.longest else None

    def _returns(self, sample: Strokes, width: float) -> bool:
        lifted = np.flatnonzero(sample.last[:-1])
        moves = sample.points[lifted + 1] - sample.points[lifted]
        back = moves[:, 0] if runs_left(sample.text or "") else -moves[:, 0]
        far = max(self.return_width * width, self.return_least)
        return bool(((back > far) & (moves[:, 1] < -self.return_drop)).any())
