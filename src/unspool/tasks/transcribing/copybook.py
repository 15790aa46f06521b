"""Words that the handwriting model of the package writes: strokes for a first run without any."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from unspool.data.builtin import builtin_text
from unspool.data.pen.strokes import Inks, Strokes
from unspool.data.text import text_of
from unspool.tasks.pen.handwriting import Handwriting
from unspool.tasks.shipped import model_file

WORD: Final = re.compile(r"[A-Za-z]{1,8}")
BIASES: Final = (0.0, 1.0)  # from as people write to neat


def copied(count: int = 600, seed: int = 0) -> Inks:
    """`count` words of a text about Python, each in the hand that its random numbers give."""
    from unspool.tasks.load import load

    task = load(model_file("handwriting"))
    assert isinstance(task, Handwriting)
    generator = np.random.default_rng(seed)
    known = sorted(set(WORD.findall(text_of(builtin_text("docs")))))
    words = generator.choice(known, count)
    found = []
    for number, word in enumerate(words.tolist()):
        (line,) = task.write(word, bias=float(generator.uniform(*BIASES)), seed=seed, number=number)
        found.append(Strokes(line.points, line.last, text=word))
    return Inks(found)
