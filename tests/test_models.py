"""What comes with the package beside its code works as it is."""

from __future__ import annotations

import re

import numpy as np
import pytest

import unspool
from unspool.cli.main import run
from unspool.data.builtin import builtin_text
from unspool.data.pen.strokes import Strokes
from unspool.data.text import text_of
from unspool.tasks.pen.handwriting import Handwriting
from unspool.tasks.pen.styles import named_style, style_names
from unspool.tasks.shipped import model_file, names
from unspool.tasks.transcribing.copybook import copied, known_words

MOST = 8_000_000  # bytes of a model


@pytest.fixture(scope="module")
def pen() -> Handwriting:
    task = unspool.load("handwriting")
    assert isinstance(task, Handwriting)
    return task


def test_models_are_small_and_say_whose_data_they_know(capsys: pytest.CaptureFixture[str]) -> None:
    assert names() == ["handwriting"]
    assert model_file("handwriting").stat().st_size < MOST
    assert run(["info", "handwriting"]) == 0
    card = capsys.readouterr().out
    for part in ("CC BY 4.0", "UNIPEN", "## Recipe", "## Numbers", "## Limits"):
        assert part in card


@pytest.mark.parametrize("bias", [0.0, 1.0])
def test_texts_end_where_they_should(pen: Handwriting, bias: float) -> None:
    for number, text in enumerate(("hello", "Zoe has 37 jazz boxes.", "the quick brown fox")):
        line = next(pen.lines(text, bias=bias, first=number))
        assert line.finished
        assert 0.4 < len(line.strokes) / (pen.pace.per_character * len(text)) < 2.5


def test_every_style_is_gone_on_from(pen: Handwriting) -> None:
    """Letters are wider after a wide hand, and of the same width after each where the style is not read."""
    assert set(style_names()) == {"upright", "small", "joined", "wide"}
    widths: dict[str, float] = {}
    for name in style_names():
        style = named_style(name)
        assert isinstance(style, Strokes) and style.text
        lines = [pen.write("thanks for the letter", style=name, seed=seed)[0] for seed in range(6)]
        widths[name] = float(np.median([np.ptp(line.points[:, 0]) for line in lines]))
    assert widths["wide"] > 1.1 * widths["small"]


def test_words_for_transcribers_to_learn_from() -> None:
    words = copied(6, seed=1)
    assert len(words) == 6 and {str(sample.text) for sample in words} <= set(known_words())
    assert all(sample.writer is None for sample in words)  # each has a hand of its own
    assert words.fingerprint() == copied(6, seed=1).fingerprint()


def test_those_words_are_whole_words_of_their_text() -> None:
    whole = set(re.split(r"[^\w'’]+", text_of(builtin_text("docs"))))
    known = known_words()
    assert set(known) <= whole and len(known) > 1000 and max(map(len, known)) == 8
