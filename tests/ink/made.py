"""Handwriting for tests: words that look a little written, in heights of small letters, and a page parsed back."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np

from unspool.data.pen.strokes import Points, Strokes

SVG = "{http://www.w3.org/2000/svg}"


def word(width: float = 8.0, text: str | None = "word", x: float = 0.0) -> Strokes:
    """A wave as wide as this, a straight bar, and a dot above."""
    along = np.linspace(0.0, width, 40)
    wave = np.stack([x + along, 0.5 + 0.5 * np.sin(4 * along)], axis=1)
    return Strokes.of([wave, [[x, 1.2], [x + width, 1.5]], [[x + width / 2, 2.0]]], text=text)


def paths(content: bytes) -> list[ElementTree.Element]:
    return ElementTree.fromstring(content).findall(f"{SVG}g/{SVG}path")


def controls(path: ElementTree.Element, height: float) -> tuple[str, Points]:
    """The command of a path and its control points [n, 2], y up; of a curve, every third one lies on it."""
    found = re.fullmatch(r"M(\S+ \S+)([lc])(.*)", path.attrib["d"])
    assert found is not None
    start, command, rest = found.groups()
    here = np.array(start.split(), dtype=np.float64)
    steps = np.array(rest.split(), dtype=np.float64).reshape(-1, 2)
    points = [here]
    for number, step in enumerate(steps, start=1):
        points.append(here + step)
        if command == "l" or number % 3 == 0:
            here = points[-1]
    return command, np.array(points) * [1, -1] + [0, height]
