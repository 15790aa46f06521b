from __future__ import annotations

from dataclasses import replace

import pytest

from tests.data.pen.made import line
from unspool.data.pen.screen import Screen
from unspool.data.pen.strokes import Strokes

LINE = line(20, text="nnnn nnnnn nnnn nnnnnnn")
BELOW = LINE.transformed([[1, 0, 0], [0, 1, -2.5]])


def mirrored(sample):
    """As it would be in a script from right to left."""
    return replace(sample.transformed([[-1, 0, 0], [0, 1, 0]]), text=sample.text and sample.text.replace("n", "נ"))


@pytest.mark.parametrize("turned", [lambda sample: sample, mirrored])
@pytest.mark.parametrize(
    ("sample", "verdict"),
    [
        (LINE, None),
        (replace(LINE, text=None), "no text"),
        (replace(LINE, text=" "), "no text"),
        (LINE.transformed([[1, 0, 0], [0, 3.1, 0]]), "several lines"),
        (replace(LINE, text="n" * 20) + replace(BELOW, text="n" * 20), "several lines"),
        (Strokes.of([LINE.points], text=LINE.text), "lost lifts"),
        (replace(LINE, text="nn nn"), "width"),
        (replace(LINE, text="n" * 70), "width"),
        (replace(LINE.transformed([[0.5, 0, 0], [0, 0.5, 0]]), text="n" * 20), "ink"),
        (replace(LINE.transformed([[4, 0, 0], [0, 1, 0]]), text="n" * 20), "width"),
    ],
)
def test_verdicts(sample, verdict, turned):
    assert Screen().verdict(turned(sample)) == verdict


def test_points_have_a_bound():
    assert Screen(longest=len(LINE)).verdict(LINE) is None
    assert Screen(longest=len(LINE) - 1).verdict(LINE) == "too long"


@pytest.mark.parametrize("turned", [lambda sample: sample, mirrored])
def test_going_back_for_a_dot_or_a_bar_is_no_new_line(turned):
    bar = Strokes.of([[[1, 1.5], [3, 1.5]], [[9, 2], [9, 2.1]]], text="n")
    assert Screen().verdict(turned(LINE + bar)) is None
    assert Screen(tallest=99).verdict(turned(LINE + replace(BELOW, text="n" * 20))) == "several lines"


@pytest.mark.parametrize("turned", [lambda sample: sample, mirrored])
def test_going_on_is_no_new_line(turned):
    comma = Strokes.of([[[36, -1], [35.9, -1.4]]], text="n")
    high = Strokes.of([[[26, 2], [27, 2]]], text="n")
    assert Screen().verdict(turned(LINE + high + comma)) is None
