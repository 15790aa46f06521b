"""Pen samples for tests: any strokes at all, and lines that look written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from unspool.data.pen.strokes import Strokes

NUMBERS = st.floats(-1e4, 1e4).map(lambda value: round(value, 3))
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).map(str.strip).filter(bool)
NAMES = st.none() | WORDS
EITHER = st.booleans()


@st.composite
def samples(draw, timed=EITHER, pressed=EITHER, named=True):
    """Any strokes of 1 to 12 points."""
    count = draw(st.integers(1, 12))
    points = draw(arrays.arrays(np.float64, (count, 2), elements=NUMBERS))
    last = draw(arrays.arrays(np.bool_, count))
    last[-1] = True
    times = pressure = None
    if draw(timed):
        times = np.cumsum(draw(arrays.arrays(np.int64, count, elements=st.integers(0, 500)))) / 1000
    if draw(pressed):
        pressure = draw(arrays.arrays(np.float64, count, elements=st.integers(0, 256).map(lambda value: value / 256)))
    text, writer = (draw(NAMES), draw(NAMES)) if named else (None, None)
    return Strokes(points, last, times, pressure, text, writer)


def same(left: Strokes, right: Strokes, tolerance: float = 0.0) -> bool:
    """Whether two samples hold the same, numbers up to a tolerance."""
    for name in ("points", "times", "pressure"):
        ours, theirs = getattr(left, name), getattr(right, name)
        if (ours is None) != (theirs is None):
            return False
        if ours is not None and (ours.shape != theirs.shape or not np.allclose(ours, theirs, rtol=0, atol=tolerance)):
            return False
    return bool((left.last == right.last).all()) and (left.text, left.writer) == (right.text, right.writer)


def line(letters: int = 20, seed: int = 0, text: str | None = None, writer: str | None = "w") -> Strokes:
    """A line of upright letters of height 1 on y = 0, one in five with an ascender, one in five with a descender."""
    rng = np.random.default_rng(seed)
    strokes = []
    for place in range(letters):
        top = 2.0 if place % 5 == 1 else 1.0
        foot = -1.0 if place % 5 == 3 else 0.0
        x = 1.2 * place + rng.uniform(-0.02, 0.02)
        down = np.stack([np.full(12, x), np.linspace(top, foot, 12)], axis=1)
        up = np.stack([np.linspace(x + 0.1, x + 0.8, 12), np.linspace(foot + 0.05, 0.9, 12)], axis=1)
        strokes.append(np.concatenate([down, up]))
    return Strokes.of(strokes, text="n" * letters if text is None else text, writer=writer)


def write(path: Path, content: str | bytes) -> Path:
    """The path, now with this content, and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
