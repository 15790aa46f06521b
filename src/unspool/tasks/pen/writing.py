"""A pen that writes: point after point from the network's own distributions, until the text is finished."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.cells.base import State
from unspool.data.pen.strokes import Strokes
from unspool.draws import Draws
from unspool.engine.writing import Trace, WindowText, native_writer
from unspool.errors import DataError, SpecError
from unspool.heads.mixture import POINT, UNIFORMS
from unspool.nets.scribe import Scribe, shifted
from unspool.nets.window import Memory, finished, remembered
from unspool.tasks.pen.portions import before_next_word, first_words, left_over
from unspool.tasks.pen.reading import Reader

LIMIT = 3.0  # times the points that a text is expected to take
POINTS = 700  # of a sample without a text, as in the paper


class Line(NamedTuple):
    """One sample and how it came about."""

    strokes: Strokes  # in sizes, the first point at x = 0, the baseline at y = 0
    phi: NDArray[np.float32]  # [T, U + 1], the window's weights on what is read and the place behind; [T, 0] without
    finished: bool  # by the stop rule, and not by the limit


class Lead(NamedTuple):
    """Strokes as the network is led along them before it writes."""

    rows: NDArray[np.float32]  # [P, 3]
    text: str | None
    slant: float = 0.0  # of the hand: the shear that normalising took out, and that what is written gets back


class Start(NamedTuple):
    """Where the writing of a line begins."""

    state: State
    point: Tensor  # [1, 3], the last one that was written
    memory: Memory | None
    lead: Lead | None
    echo: bool  # whether the strokes of the lead are part of what is written


class Pen:
    """A network, how its samples are encoded, and how many points a character has in training.

    `weights` is what the native pen converts the network's to, "f32", "bf16" or "int8"; f32 loses nothing.
    """

    def __init__(self, net: Scribe, reader: Reader, points_per_character: float, weights: str = "f32") -> None:
        self.net, self.reader, self.points_per_character, self.weights = net, reader, points_per_character, weights

    def lines(
        self,
        text: str | None = None,
        *,
        bias: float = 0.0,
        seed: int = 0,
        count: int = 1,
        lead: Lead | None = None,
        points: int | None = None,
        first: int = 0,
        echo: bool = False,
    ) -> Iterator[Line]:
        """Yield samples `first` to `first + count - 1` of a text, each a function of seed and its number alone.

        By section 5.3 of Graves (2013) a sample ends before the point at which the window has moved behind the text.
        Here a network that knows blanks reads one more behind the text, and the sample ends before the window has
        left that: bars and dots of a last letter are drawn while the window is on its way to the next word, whose
        first point is left out again.

        By `bias` (section 5.4) it is neater; with a `lead` (section 5.5) the network is first led along those strokes,
        whose text it reads before its own, and goes on in that hand, slant included; its first strokes are left out
        where the window is still on the text of the style. Without a text, a network that reads none writes `points`
        points, or goes on after the style, with `echo` as part of the sample.

        Raises:
            DataError: the model has not seen a character of the text, or the style has no text.
            SpecError: a text for a network without texts, or none for one with; a bias below 0, no sample.
        """
        if bias < 0 or not math.isfinite(bias) or count < 1 or (points is not None and points < 1):
            raise SpecError(
                f"a line is written with a bias of at least 0, a count and points of at least 1, got bias={bias}, "
                f"count={count}, points={points}; bias 0 is as people write, 1 is neat"
            )
        read, limit = self._asked(text, lead, points)
        said = None if text is None or self.reader.alphabet is None else self.reader.alphabet.check(text)
        self.net.eval()
        start = self._start(read, lead, echo)
        numbers = range(first, first + count)
        return (self._line(start, said, Draws(seed, [number]), 1 + bias, limit) for number in numbers)

    def lead(self, mine: Sequence[Strokes]) -> Lead:
        """Return the first sample of a hand as the network reads it; size and slant are measured on all of them."""
        first, *_ = self.reader.normaliser.apply(mine)
        along, up = first.placement[:, :2].T  # where (1, 0) and (0, 1) go
        slant = float(along @ up / (along @ along))
        return Lead(self.reader.normaliser.encode(first.strokes), first.strokes.text, slant)

    @property
    def single(self) -> bool:
        """Whether the network has learned single words, so that no blank is known to it."""
        return self.reader.alphabet is not None and " " not in self.reader.alphabet.symbols

    def check(self, text: str | None, lead: Lead | None = None) -> None:
        """Refuse a text of any length that cannot be written, or not in that hand.

        Raises:
            DataError, SpecError: as of `lines`; all characters that the network has not seen are named.
        """
        if text is None or self.reader.alphabet is None:
            self._asked(text, lead, None)
            return
        said = self.reader.alphabet.check("".join(text.split()) if self.single else text)
        self._asked(said, lead, None)

    def read(self, text: str, style: Lead | None = None) -> str:
        """Return what the network reads to write a text: that of the style, a blank, and its own."""
        assert self.reader.alphabet is not None
        return self.reader.alphabet.decode(self._asked(text, style, None)[0]).rstrip(" ")

    def retraced(self, line: Line, most: int) -> Lead | None:
        """Return the first words of a line of this network as it read them itself, None if `most` characters hold none.

        The slant is that of the line already.
        """
        strokes = first_words(line.strokes, line.phi, most)
        return None if strokes is None else Lead(self.reader.normaliser.encode(strokes), strokes.text)

    def _asked(self, text: str | None, style: Lead | None, points: int | None) -> tuple[NDArray[np.int64], int]:
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
            return np.append(alphabet.encode(line), alphabet.blank), limit
        if style.text is None:
            raise DataError(
                "a style is read together with its text, but these strokes have none; give it, with --style-text TEXT"
            )
        styled = alphabet.encode(style.text, "the text of the style")
        return np.concatenate([styled, alphabet.blank, alphabet.encode(line), alphabet.blank]), limit

    @torch.no_grad()
    def _start(self, read: NDArray[np.int64], lead: Lead | None, echo: bool) -> Start:
        """Lead the network along the style, if there is one."""
        device, symbols = self.net.output.weight.device, self.reader.alphabet
        memory = None if symbols is None else remembered(torch.from_numpy(read).to(device)[None], len(symbols))
        if lead is None:
            return Start(self.net.init_state(1), torch.zeros(1, POINT, device=device), memory, None, echo)
        points = torch.from_numpy(lead.rows).to(device)[:, None]  # [P, 1, 3]
        # the last point is left to the first step of writing
        return Start(self.net(shifted(points), memory=memory).state, points[-1], memory, lead, echo)

    @torch.no_grad()
    def _line(self, start: Start, text: str | None, draws: Draws, sharpness: float, limit: int) -> Line:
        """One sample; alone, because in a batch its sums could be rounded otherwise."""
        writer = native_writer(self.net, self.weights)
        if isinstance(writer, str):
            rows, phi, done = self._by_loop(start, draws, sharpness, limit)
        else:
            read = None if start.memory is None else WindowText(start.memory.values, start.memory.lengths)
            numbers = (draws.samples, draws.seed)
            ((rows, phi, done),) = writer.write(start.state, start.point, read, *numbers, sharpness, limit=limit)
        return self._own(start, text, rows.numpy(), phi.numpy(), done)

    def _by_loop(self, start: Start, draws: Draws, sharpness: float, limit: int) -> Trace:
        """What a `Writer` gives, step by step."""
        state, point, memory = start.state, start.point, start.memory
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
        rows = torch.stack(written).cpu()
        return Trace(rows, torch.stack(path).cpu() if path else torch.empty(len(rows), 0), done)

    def _own(
        self, start: Start, text: str | None, rows: NDArray[np.float32], phi: NDArray[np.float32], done: bool
    ) -> Line:
        """What of a trace is the text's: without the end of the style before it, and the landing on what may follow."""
        if text is None or self.reader.alphabet is None:
            return Line(self._strokes(start, rows, 0, text), phi, done)
        blank = len(self.reader.alphabet.blank)
        phi = phi[:, : phi.shape[1] - blank]  # the place behind the text is that blank
        late = 0 if start.lead is None else left_over(rows, phi, len(text))
        strokes, phi = self._strokes(start, rows, late, text), phi[late:]
        if blank and done:
            lifted, ahead = bool(rows[-1, 2] > 0.5), math.copysign(1.0, self.reader.normaliser.mean[0])
            slant = 0.0 if start.lead is None else start.lead.slant
            upright = strokes.transformed([[1.0, -slant, 0.0], [0.0, 1.0, 0.0]])
            kept = before_next_word(upright, phi, len(text), lifted=lifted, ahead=ahead)
            strokes, phi = strokes.select(np.arange(len(strokes)) < kept), phi[:kept]
        return Line(strokes, phi, done)

    def _strokes(self, start: Start, rows: NDArray[np.float32], late: int, text: str | None) -> Strokes:
        """Where the rows lie after those of the style and `late` more, whose baseline they keep, moved to x = 0."""
        before, _, slant = start.lead or Lead(np.empty((0, POINT), np.float32), None)
        whole = self.reader.normaliser.decode(np.concatenate([before, rows]), text)
        own = whole if start.echo else whole.select(np.arange(len(whole)) >= len(before) + late)
        slanted = own.points @ [1.0, slant]
        return own.transformed([[1.0, slant, -slanted[0]], [0.0, 1.0, 0.0]])
