"""The picture of an alignment: which symbols have a row, and that each line lies on its own."""

from __future__ import annotations

import string

import numpy as np
import pytest

from tests.tasks.transcribing.made import transcriber
from unspool.heads.ctc import Alignment
from unspool.tasks.transcribing.inputs import Given
from unspool.tasks.transcribing.picture import ROWS, draw_alignments
from unspool.tasks.transcribing.samples import sampled
from unspool.tasks.transcribing.search import Transcript

LETTERS = string.ascii_letters[:40]


@pytest.mark.parametrize("said", ["a", "nope", LETTERS[::-1]])
def test_every_line_lies_on_the_row_of_its_symbol(said: str) -> None:
    """Also where the network, which has learned nothing, finds more symbols likely than there are rows."""
    source = np.random.default_rng(0)
    series = [source.normal(size=(60, 3)).astype(np.float32) for _ in range(20)]
    task = transcriber((series, [LETTERS] * 20), frame=1, encoder="linear")
    ids = tuple(task.targets.encode(said).tolist())
    places = tuple(range(len(ids)))
    found = Transcript(said, ids, 0.5, Alignment(places, places, (0.5,) * len(ids), -1.0))
    given = Given(series[:1], (None,), (None,), ("one",), "")
    samples = sampled(given, task.source, texts=False).samples
    strip = draw_alignments(task, given, samples, [found]).axes[1]
    names = [label.get_text() for label in strip.get_yticklabels()]
    assert len(names) == ROWS + 1 and names[-1] == "–"
    drawn = [names[int(line.get_ydata()[0])] for line in strip.lines]
    assert drawn == [letter for letter in said if letter in names] and len(drawn) == min(len(said), ROWS)
