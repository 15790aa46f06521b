"""A pen that writes: point after point from the network's own distributions, until the text is finished."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.cells.base import State
from unspool.data.pen.strokes import Strokes
from unspool.draws import Draws
from unspool.errors import DataError, SpecError
from unspool.heads.mixture import POINT, UNIFORMS
from unspool.nets.scribe import Scribe, shifted
from unspool.nets.window import Memory, finished, remembered
from unspool.tasks.pen.reading import Reader

LIMIT = 3.0  # times the points that a text is expected to take
POINTS = 700  # of a sample without a text, as in the paper


class Line(NamedTuple):
    """One sample and how it came about."""

    strokes: Strokes  # in sizes, the first point at x = 0, the baseline at y = 0
    phi: NDArray[np.float32]  # [T, U + 1], the window's weights on the text and the place behind it; [T, 0] without
    finished: bool  # by the stop rule, and not by the limit


class Start(NamedTuple):
    """Where the writing of a line begins."""

    state: State
    point: Tensor  # [1, 3], the last one that was written
    memory: Memory | None
    before: NDArray[np.float32]  # [P, 3], the points of the style


class Pen:
    """A network, how its samples are encoded, and how many points a character has in training."""

    def __init__(self, net: Scribe, reader: Reader, points_per_character: float) -> None:
        self.net, self.reader, self.points_per_character = net, reader, points_per_character

    def lines(
        self,
        text: str | None = None,
        *,
        bias: float = 0.0,
        seed: int = 0,
        count: int = 1,
        style: Strokes | None = None,
        points: int | None = None,
    ) -> Iterator[Line]:
        """Yield `count` samples of a text, each a function of seed and its number alone.

        By section 5.3 of Graves (2013) a sample ends before the point at which the window has moved behind the text;
        by `bias` (section 5.4) it is neater; with a `style` (section 5.5) the network is first led along those
        strokes, whose text it reads before its own, and goes on in that hand. Without a text, a network that reads
        none writes `points` points, or goes on after the style.

        Raises:
            DataError: the model has not seen a character of the text, or the style has no text.
            SpecError: a text for a network without texts, or none for one with; a bias below 0, no sample.
        """
        if bias < 0 or not math.isfinite(bias) or count < 1 or (points is not None and points < 1):
            raise SpecError(
                f"a line is written with a bias of at least 0, a count and points of at least 1, got bias={bias}, "
                f"count={count}, points={points}; bias 0 is as people write, 1 is neat"
            )
        read, limit = self._asked(text, style, points)
        self.net.eval()
        start = self._start(read, style)
        return (self._line(start, text, Draws(seed, [number]), 1 + bias, limit) for number in range(count))

    def _asked(self, text: str | None, style: Strokes | None, points: int | None) -> tuple[NDArray[np.int64], int]:
        """The ids that the network reads, those of the style's text first, and the most points that it may write."""
        alphabet = self.reader.alphabet
        if alphabet is None or text is None:
            if text is not None:
                raise SpecError(f"this model reads no text, got {text!r}; leave it out")
            if alphabet is not None:
                raise SpecError("this model writes texts, got none; give it one")
            return np.empty(0, np.int64), points or POINTS
        line = alphabet.check(text)
        limit = points or math.ceil(LIMIT * self.points_per_character * len(line))
        if style is None:
            return alphabet.encode(line), limit
        if style.text is None:
            raise DataError("a style must have its text, but these strokes have none; give them what they say")
        blank = " " if " " in alphabet.symbols else ""
        return alphabet.encode(alphabet.check(style.text, "the text of the style") + blank + line), limit

    @torch.no_grad()
    def _start(self, read: NDArray[np.int64], style: Strokes | None) -> Start:
        """Lead the network along the style, if there is one."""
        device, symbols = self.net.output.weight.device, self.reader.alphabet
        memory = None if symbols is None else remembered(torch.from_numpy(read).to(device)[None], len(symbols))
        state, before = self.net.init_state(1), np.empty((0, POINT), np.float32)
        if style is None:
            return Start(state, torch.zeros(1, POINT, device=device), memory, before)
        (normalised,) = self.reader.normaliser.apply([style])
        before = self.reader.normaliser.encode(normalised.strokes)
        points = torch.from_numpy(before).to(device)[:, None]  # [P, 1, 3]
        # the last point is left to the first step of writing
        return Start(self.net(shifted(points), memory=memory).state, points[-1], memory, before)

    @torch.no_grad()
    def _line(self, start: Start, text: str | None, draws: Draws, sharpness: float, limit: int) -> Line:
        """One sample; alone, because in a batch its sums could be rounded otherwise."""
        state, point, memory, _ = start
        written: list[Tensor] = []
        path: list[Tensor] = []
        done = False
        while len(written) < limit:
            raw, state, record = self.net.step(point, state, memory)
            if memory is not None:
                done = bool(written) and bool(finished(record["0.phi"], memory))
                if done:
                    break
                path.append(record["0.phi"][0])
            uniforms = torch.stack([draws.at(UNIFORMS * len(written) + place) for place in range(UNIFORMS)], -1)
            point = self.net.head.sample(raw, sharpness, uniforms=uniforms)
            written.append(point[0])
        rows = torch.stack(written).cpu().numpy()
        phi = torch.stack(path).cpu().numpy() if path else np.empty((len(rows), 0), np.float32)
        return Line(self._strokes(start.before, rows, text), phi, done)

    def _strokes(self, before: NDArray[np.float32], rows: NDArray[np.float32], text: str | None) -> Strokes:
        """Where the rows lie after those of the style, whose baseline they keep, moved to x = 0."""
        whole = self.reader.normaliser.decode(np.concatenate([before, rows]), text)
        own = whole.select(np.arange(len(whole)) >= len(before))
        return own.transformed([[1.0, 0.0, -own.points[0, 0]], [0.0, 1.0, 0.0]])
