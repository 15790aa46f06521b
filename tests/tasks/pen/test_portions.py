"""Which points belong to the text: not the end of a style, and not the beginning of a word that nobody asked for."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from unspool.data.pen.strokes import Strokes
from unspool.tasks.pen.portions import before_next_word, first_words, left_over


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (8, ("ab cd ef", 6)),
        (7, ("ab cd", 4)),  # the fifth stroke, which is begun for "cd" and ended for "ef", is left out
        (5, ("ab cd", 4)),
        (4, ("ab", 2)),
        (1, None),
    ],
)
def test_the_first_words_of_a_line_lead(most: int, expected: tuple[str, int] | None) -> None:
    ink = Strokes.of([[[x, 0.0], [x, 1.0]] for x in range(6)], text="ab cd ef")
    read = [0, 0, 1, 1, 3, 3, 4, 5, 5, 6, 7, 7]  # the characters at two points of each stroke
    phi = np.zeros((12, 3 + 9), np.float32)  # behind three of a style
    phi[np.arange(12), np.array(read) + 3] = 1.0
    found = first_words(ink, phi, most)
    assert (None if found is None else (found.text, len(found.ends))) == expected


@pytest.mark.parametrize(
    ("nearest", "ends", "expected"),
    [
        ([2, 2, 2, 3, 4], [1, 4], 2),  # a bar, then the text
        ([2, 3, 3, 3, 4], [1, 4], 0),  # the text begins within the first stroke
        ([0, 1, 2, 2, 3], [0, 2, 4], 3),  # two strokes, and a part of the third
        ([3, 2, 2, 3, 4], [2, 4], 0),  # at once
        ([2, 2, 2, 2, 2], [1, 4], 0),  # never: what the pen wrote is all there is
    ],
)
def test_strokes_that_end_a_style_are_not_the_text_s(nearest: list[int], ends: list[int], expected: int) -> None:
    rows, phi = np.zeros((5, 3), np.float32), np.full((5, 6), 0.1, np.float32)
    rows[ends, 2] = 1.0
    phi[np.arange(5), nearest] = 0.9
    assert left_over(rows, phi, own=2) == expected  # behind three of the style


def landed(end: float, *strokes: tuple[float, ...]) -> tuple[Strokes, NDArray[np.float32]]:
    """A letter that ends at x = `end`, then strokes by their x, which are begun behind a text of two characters."""
    letters: list[tuple[float, ...]] = [(0.0, 0.5), (1.0, end)]
    ink = Strokes.of([[[x, 0.0] for x in stroke] for stroke in letters + list(strokes)], text="ab")
    phi = np.full((len(ink), 3 + 3), 0.1, np.float32)  # behind three of a style
    phi[:2, 3] = phi[2:4, 4] = phi[4:, 5] = 0.9
    return ink, phi


@pytest.mark.parametrize(
    ("strokes", "lifted", "expected"),
    [
        ([], True, 4),
        ([(4.2,)], False, 4),  # the pen has landed where the next word begins
        ([(1.0, 3.0), (4.2,)], False, 6),  # a bar before that
        ([(1.0, 3.0)], True, 6),  # a bar
        ([(1.0, 2.0, 3.0)], False, 7),  # a bar in which the rule stopped the pen
        ([(1.0,)], False, 4),  # the pen has only touched
        ([(2.2,)], True, 5),  # a dot
        ([(2.2,)], False, 4),
        ([(2.2, 2.3)], False, 6),  # a dot in which it was stopped
        ([(4.2, 4.3)], False, 4),
        ([(4.2,)], True, 4),  # a dot of the next word
        ([(4.2, 4.4), (1.0, 3.0)], True, 4),  # whatever comes after it
    ],
)
@pytest.mark.parametrize("ahead", [1.0, -1.0])
def test_what_begins_a_next_word_is_not_the_text_s(
    strokes: list[tuple[float, ...]], lifted: bool, expected: int, ahead: float
) -> None:
    ink, phi = landed(2.0, *strokes)
    mirrored = ink.transformed([[ahead, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert before_next_word(mirrored, phi, 2, lifted=lifted, ahead=ahead) == expected


def test_strokes_that_are_begun_before_the_end_of_a_text_are_the_text_s() -> None:
    for stroke, expected in (((4.2, 4.4, 4.6), 7), ((4.2, 4.4), 4)):  # but for one that has only landed
        ink, phi = landed(2.0, stroke)
        phi[4, 4], phi[4, 5] = 0.9, 0.1
        assert before_next_word(ink, phi, 2, lifted=False) == expected
        assert before_next_word(ink, phi, 2, lifted=True) == len(ink)
