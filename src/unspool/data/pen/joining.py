"""Samples of one writer side by side: longer lines to learn from than the words that somebody has collected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np

from unspool.data.pen.alphabet import runs_left, written
from unspool.data.pen.strokes import Strokes
from unspool.data.shuffle import below, permutation

GAP: Final = (0.6, 1.4)  # between two words, the least and the most, in widths of their letters
LETTER: Final = 1.5  # sizes, such a width where no text is known, and half of it at least
FINE: Final = 1 << 16  # gaps between these


def joined(samples: Sequence[Strokes], most: int, longest: int, seed: int = 0) -> list[Strokes]:
    """Lines of one to `most` samples of a writer, drawn by the seed, each sample in one of them.

    A line takes samples as long as it has no more than `longest` points; a sample without a writer is one by itself.
    The samples are normalised: baselines lie at y = 0 and lengths are in sizes. Each begins behind the one before, left
    of it where the text runs left, after a gap that is drawn too, wide between wide letters. Times and pressure go.
    """
    found: list[Strokes] = []
    for places in _by_writer(samples, seed):
        while places:
            turn = 1 + len(found) * (most + 1)  # turn 0 was the order, and each line draws its count and its gaps
            wanted = 1 + below(most, seed, turn)
            line = [samples[places.pop()]]
            while places and len(line) < wanted and sum(map(len, line)) + len(samples[places[-1]]) <= longest:
                line.append(samples[places.pop()])
            found.append(side_by_side(line, seed, turn + 1))
    return found


def _by_writer(samples: Sequence[Strokes], seed: int) -> list[list[int]]:
    """The places of the samples of each writer, in a drawn order."""
    found: dict[str, list[int]] = defaultdict(list)
    for place in permutation(len(samples), seed, 0).tolist():
        writer = samples[place].writer
        found[f"alone {place}" if writer is None else f"writer {writer}"].append(place)
    return list(found.values())


def side_by_side(line: Sequence[Strokes], seed: int, turn: int = 0) -> Strokes:
    """One line of normalised samples, one behind the other, its gaps drawn by the seed, from a turn on."""
    moved, letter = [line[0]], _letter(line)
    for number, sample in enumerate(line[1:]):
        gap = letter * (GAP[0] + (GAP[1] - GAP[0]) * below(FINE, seed, turn + number) / FINE)
        before, own = moved[-1].points[:, 0], sample.points[:, 0]
        shift = before.min() - gap - own.max() if runs_left(sample.text or "") else before.max() + gap - own.min()
        moved.append(sample.transformed([[1.0, 0.0, shift], [0.0, 1.0, 0.0]]))
    points, last = np.concatenate([one.points for one in moved]), np.concatenate([one.last for one in moved])
    texts = [written(one.text) for one in line if one.text is not None]
    return Strokes(points, last, text=" ".join(texts) if len(texts) == len(line) else None, writer=line[0].writer)


def _letter(line: Sequence[Strokes]) -> float:
    """How wide a letter is, its gap to the next included."""
    letters = sum(len("".join((sample.text or "").split())) for sample in line)
    if not letters:
        return LETTER
    return max(sum(float(np.ptp(sample.points[:, 0])) for sample in line) / letters, LETTER / 2)
