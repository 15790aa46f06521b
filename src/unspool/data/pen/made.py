"""Pen samples made from a table of letters, each writer with a hand of its own: data for a first run without any."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from unspool.data.pen.strokes import Inks, Strokes

# Strokes are parted by "|", a point is x and y in a grid: descenders reach 0, small letters stand from 2 to 6.
LETTERS: Final = {
    "a": "45 36 16 05 03 12 32 43 46 42",
    "b": "09 02 05 16 36 45 43 32 12 03",
    "c": "45 36 16 05 03 12 32 43",
    "d": "45 36 16 05 03 12 32 43 49 42",
    "e": "04 44 45 36 16 05 03 12 32 43",
    "f": "48 39 28 22 | 16 46",
    "g": "45 36 16 05 03 12 32 43 46 41 30 10",
    "h": "09 02 05 16 36 45 42",
    "i": "26 22 | 28",
    "j": "36 31 20 10 | 38",
    "k": "09 02 | 46 04 42",
    "l": "29 23 32 42",
    "m": "06 02 05 16 25 22 25 36 45 42",
    "n": "06 02 05 16 36 45 42",
    "o": "36 16 05 03 12 32 43 45 36",
    "p": "06 00 05 16 36 45 43 32 12 03",
    "q": "45 36 16 05 03 12 32 43 46 40",
    "r": "06 02 05 16 36",
    "s": "45 36 16 05 14 34 43 32 12 03",
    "t": "28 23 32 42 | 16 46",
    "u": "06 03 12 32 43 46 42",
    "v": "06 22 46",
    "w": "06 12 25 32 46",
    "x": "06 42 | 46 02",
    "y": "06 22 | 46 00",
    "z": "06 46 02 42",
}
HEIGHT: Final = 4.0  # of a small letter, its width too
BASELINE: Final = 2.0
ADVANCE: Final = 6.0  # from one letter to the next


def made_inks(samples: int = 600, writers: int = 20, seed: int = 0) -> Inks:
    """Words of random letters: sample i is by writer i mod `writers`, whose height, slant, width and jitter are one."""
    alphabet = sorted(LETTERS)
    hands = [np.random.default_rng([seed, writer]) for writer in range(writers)]
    shears = [_hand(hand) for hand in hands]
    made = []
    for number in range(samples):
        writer = number % writers
        generator = hands[writer]
        words = [
            "".join(generator.choice(alphabet, size=generator.integers(2, 6)))
            for _ in range(int(generator.integers(1, 4)))
        ]
        made.append(_written(" ".join(words), shears[writer], generator, f"made {writer}"))
    return Inks(made)


def _hand(generator: np.random.Generator) -> NDArray[np.float64]:
    """The matrix [2, 2] that takes the grid to a writer's letters."""
    height, slant, width = generator.uniform([0.7, -0.2, 0.8], [1.4, 0.6, 1.2])
    matrix: NDArray[np.float64] = np.array([[width, slant], [0.0, 1.0]]) * (height / HEIGHT)
    return matrix


def _written(text: str, hand: NDArray[np.float64], generator: np.random.Generator, writer: str) -> Strokes:
    strokes = []
    for place, letter in enumerate(text):
        for stroke in LETTERS.get(letter, "").split("|"):
            grid = np.array([divmod(int(point), 10) for point in stroke.split()], dtype=np.float64).reshape(-1, 2)
            if len(grid):  # a blank has none
                shaken = grid + np.array([place * ADVANCE, -BASELINE]) + generator.normal(scale=0.15, size=grid.shape)
                strokes.append(shaken @ hand.T)
    return Strokes.of(strokes, text=text, writer=writer)
