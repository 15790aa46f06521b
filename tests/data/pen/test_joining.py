"""Samples of one writer side by side, as lines."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.pen.made import line, same
from unspool.data.pen.joining import GAP, joined
from unspool.data.pen.normalise import Normaliser
from unspool.data.pen.strokes import Strokes

RAW = [line(3 + number % 5, number, writer=("ann", "bo", None)[number % 3]) for number in range(12)]
WORDS = [replace(found.strokes, text=f"w{number}") for number, found in enumerate(Normaliser().apply(RAW))]


def parts(found: Strokes) -> list[str]:
    return str(found.text).split()


@settings(max_examples=40, deadline=None)
@given(most=st.integers(1, 6), longest=st.integers(1, 600), seed=st.integers(0, 2**40))
def test_each_sample_stands_in_one_line_of_its_writer(most: int, longest: int, seed: int) -> None:
    lines = joined(WORDS, most, longest, seed)
    assert Counter(text for found in lines for text in parts(found)) == Counter(str(word.text) for word in WORDS)
    by_text = {str(word.text): word for word in WORDS}
    for found in lines:
        words = [by_text[text] for text in parts(found)]
        assert {word.writer for word in words} == {found.writer}
        assert len(words) <= (most if found.writer else 1)
        assert len(found) == sum(map(len, words)) and (len(words) == 1 or len(found) <= longest)
    again = joined(WORDS, most, longest, seed)
    assert len(again) == len(lines) and all(same(one, other) for one, other in zip(lines, again, strict=True))


@pytest.mark.parametrize("left", [False, True])
def test_words_follow_on_their_baseline_after_a_gap(left: bool) -> None:
    words = [replace(word, writer="ann", text=f"{'אב'[number % 2] if left else 'a'}{number}")
             for number, word in enumerate(WORDS)]  # fmt: skip
    by_text = {str(word.text): word for word in words}
    gaps = []
    for found in joined(words, 4, 10_000):
        first, edge = 0, None
        for text in parts(found):
            own = by_text[text]
            points = found.points[first : first + len(own)]
            first += len(own)
            np.testing.assert_allclose(points - points[0], own.points - own.points[0], atol=1e-9)
            np.testing.assert_allclose(points[:, 1], own.points[:, 1], atol=1e-9)
            near, far = (points[:, 0].max(), points[:, 0].min()) if left else (points[:, 0].min(), points[:, 0].max())
            if edge is not None:
                gaps.append(edge - near if left else near - edge)
            edge = far
    assert min(gaps) > 0 and len(set(gaps)) > 3 and max(gaps) / min(gaps) > 1.2 and GAP[0] < GAP[1]


def test_silent_samples_are_joined_without_a_text() -> None:
    lines = joined([replace(word, writer="ann", text=None) for word in WORDS], 3, 10_000)
    assert len(lines) < len(WORDS) and all(found.text is None for found in lines)


def test_no_two_lines_draw_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[int, int]] = []

    def noted(bound: int, seed: int, turn: int) -> int:
        drawn.append((seed, turn))
        return bound - 1

    monkeypatch.setattr("unspool.data.pen.joining.below", noted)
    joined([replace(word, writer="ann") for word in WORDS], 4, 10_000, seed=7)
    assert len(drawn) == 3 * (1 + 3) and len(set(drawn)) == len(drawn)  # three lines of four words
    assert all(turn > 0 for _, turn in drawn)  # turn 0 is the order
