"""Which of the points that a pen wrote belong to which part of what it read."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unspool.data.pen.strokes import Strokes

GAP: Final = 1.0  # sizes beyond the ink at which a stroke belongs to no letter before it
BEGUN: Final = 2  # points of a stroke that is hardly begun


def places_of(phi: NDArray[np.float32], own: int) -> NDArray[np.int64]:
    """Which of the `own` last characters is read most at each point, by phi [T, U + 1]; below 0 it is a style's."""
    places: NDArray[np.int64] = phi.argmax(axis=1) - (phi.shape[1] - 1 - own)
    return places


def left_over(rows: NDArray[np.float32], phi: NDArray[np.float32], own: int) -> int:
    """How many of the points [T, 3] end a style: whole strokes, before phi [T, U + 1] is largest on `own` characters.

    Bars and dots come after the letters that they belong to: those of a style's last word would begin the new text.
    """
    reads_own = np.flatnonzero(places_of(phi, own) >= 0)
    ends = np.flatnonzero(rows[: reads_own[0], 2] > 0.5) if len(reads_own) else reads_own
    return int(ends[-1]) + 1 if len(ends) else 0


def before_next_word(strokes: Strokes, phi: NDArray[np.float32], own: int, *, lifted: bool, ahead: float = 1.0) -> int:
    """How many of the points are the text's: not those with which the pen lands where a next word would begin.

    Begun while phi [T, U + 1] is largest behind the text, a stroke that goes back to the ink is a bar or a dot of the
    last word, one that is well beyond the ink is the next word's. So is one that the stop rule interrupted as soon as
    it had landed. `lifted` says whether the pen was lifted after the last point, `ahead` is 1 where lines are written
    to the right, and -1 to the left.
    """
    along = ahead * strokes.points[:, 0]
    behind = places_of(phi, own) >= own
    for start, end in zip(strokes.starts[1:], strokes.ends[1:], strict=True):
        points = np.inf if lifted or end < len(strokes) else end - start  # that the rule left of the stroke
        beyond = along[start] - along[:start].max() > GAP
        if points == 1 or (beyond and (behind[start] or points <= BEGUN)):
            return int(start)
    return len(strokes)


def first_words(strokes: Strokes, phi: NDArray[np.float32], most: int) -> Strokes | None:
    """The strokes of a line that were begun and ended before the window moved behind its first `most` characters."""
    text = str(strokes.text)
    if len(text) <= most:
        return strokes
    blank = text.rfind(" ", 0, most + 1)
    if blank < 1:
        return None
    beyond = np.flatnonzero(places_of(phi, len(text)) > blank)
    whole = strokes.ends[strokes.ends <= (beyond[0] if len(beyond) else len(strokes))]
    if not len(whole):
        return None
    return replace(strokes.select(np.arange(len(strokes)) < whole[-1]), text=text[:blank])
