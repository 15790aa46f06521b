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

WORD: Final = re.compile(r"(?<![\w'’])[A-Za-z]{1,8}(?![\w'’])")  # a whole one: no "informat", no "isn" of "isn't"
BIASES: Final = (0.0, 1.0)  # from as people write to neat


def known_words() -> list[str]:
    """The whole words of a text about Python, of eight letters at most, each once."""
    return sorted(set(WORD.findall(text_of(builtin_text("docs")))))


def copied(count: int = 600, seed: int = 0) -> Inks:
    """`count` words of `known_words`, each in the hand that its random numbers give."""
    from unspool.tasks.load import load

    task = load(model_file("handwriting"))
    assert isinstance(task, Handwriting)
    generator = np.random.default_rng(seed)
    words = generator.choice(known_words(), count)
    found = []
    for number, word in enumerate(words.tolist()):
        (line,) = task.write(word, bias=float(generator.uniform(*BIASES)), seed=seed, number=number)
        found.append(Strokes(line.points, line.last, text=word))
    return Inks(found)
