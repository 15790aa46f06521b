"""Writing with a trained handwriting model: any text, in any hand, on a page or as strokes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import torch

from unspool.data.pen.strokes import Inks, Strokes
from unspool.engine.writing import native_writer
from unspool.errors import SpecError
from unspool.ink.options import Page
from unspool.ink.write import DRAWN, check_drawing, write_pages
from unspool.nets.scribe import Scribe
from unspool.tasks.pen.adapting import adapted
from unspool.tasks.pen.breaking import Width
from unspool.tasks.pen.hand import Style, hand
from unspool.tasks.pen.manuscript import Manuscript, drafts, usual_width
from unspool.tasks.pen.options import HandwritingOptions
from unspool.tasks.pen.reading import PenData, Reader
from unspool.tasks.pen.request import check_asked
from unspool.tasks.pen.writing import Lead, Line, Pen

NEAT: Final = 1.0
UPDATES: Final = 100  # that a network is adapted by, where nobody says


class Pace(NamedTuple):
    """Of the training samples."""

    points: float  # of a sample, on average
    per_character: float  # points on average, blanks counted; 0 without texts
    long: float  # points that 99 of 100 samples do not exceed: what a network learns to write in one go


class PenModel:
    """The writing half of a handwriting model; `Handwriting` adds training."""

    options: HandwritingOptions
    reader: Reader
    pace: Pace
    model: Scribe

    @property
    def symbols(self) -> int:
        """V, 0 for a network that reads no text."""
        return 0 if self.reader.alphabet is None else len(self.reader.alphabet)

    @property
    def learned(self) -> float:
        """Characters, those of a style included, of as long a line as the network has learned to write in one go."""
        return min(self.pace.long, self.options.longest) / self.pace.per_character

    def bias(self, asked: float | None) -> float:
        """How neatly it writes: where nobody says, a text is to be read, and strokes alone are as people make them."""
        return asked if asked is not None else NEAT if self.symbols else 0.0

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        return self.model.output.weight.device

    def write(
        self,
        text: str | None = None,
        *,
        bias: float | None = None,
        seed: int = 0,
        number: int = 0,
        style: Style | Lead | None = None,
        points: int | None = None,
        line_length: int | None = None,
        weights: str = "f32",
    ) -> list[Strokes]:
        """Return sample `number` as strokes in sizes, one `Strokes` a line.

        A line is what the network writes in one go; on a page several of them may make a row.

        Args:
            text: of any length; None for a network that learned none.
            bias: 0 writes as people do, 1 neatly, more as if printed; None = 1 for a text, 0 for strokes alone.
            seed: of the random numbers; a sample depends on seed, number and the other arguments alone.
            style: whose hand: strokes, with their text, a file of them, or the name of a style.
            points: of a network without texts; with one the most of a line.
            line_length: most characters of a line; None = as many as the network has learned to write in one go.
            weights: "f32", or "bf16" or "int8" of the native pen, which are faster and a little off.

        Raises:
            DataError: the model has not seen a character of the text, or the style has no text.
            SpecError: a text for a network without texts, or none for one with; a bias below 0, or no number.
        """
        asked: dict[str, Any] = {"bias": bias, "seed": seed, "number": number, "points": points, "weights": weights}
        found = self.manuscript(text, style=style, line_length=line_length, **asked)
        return [line.strokes for line in found.lines]

    def led(self, style: Style | Inks | Lead, sample: int = 0, text: str | None = None) -> Lead:
        """Return one sample of a style as the network reads it, by the size and slant of what its writer wrote there.

        It can be given as a style itself, which a file with several samples is the first of otherwise.

        Raises:
            DataError, SpecError: as of `unspool.tasks.pen.hand.hand`.
        """
        if isinstance(style, Lead):
            return style
        return self.pen().lead(hand(style, sample, text))

    def encoded_style(self, style: Style | Inks, sample: int = 0) -> PenData:
        """Return what the network can learn from one sample of a style, and from up to 100 more by its writer.

        Raises:
            DataError: there is no such sample, or not one is a line of characters that the model knows.
            SpecError: there is no style of that name.
        """
        return self.reader.encoded(hand(style, sample))

    def adapted(
        self, style: Style | Inks | PenData, updates: int = UPDATES, *, tell: Callable[[int], object] | None = None
    ) -> Self:
        """Return this model with a network that has gone on learning from what somebody wrote: it takes up a hand.

        What a `style` leaves in the network's state is size, slant and joins; letters as somebody forms them come with
        a few updates on lines of theirs, and letters that these lines do not have get worse. For more than some dozens
        of lines, train with `--from`. The writer is that of the first sample, or of the one that `encoded_style` was
        asked for. `tell` is given the number of updates that are done, after each.

        Raises:
            DataError, SpecError: as of `encoded_style`; updates below 1, or no whole number.
        """
        check_asked(None, updates=updates)
        if updates < 1:
            raise SpecError(f"a network is adapted by at least 1 update, got {updates}; {UPDATES} are usual")
        data = style if isinstance(style, PenData) else self.encoded_style(style)
        found = copy.copy(self)
        found.model = adapted(self.model, data, self.symbols, updates, tell=tell or (lambda done: None))
        return found

    def check(self, text: str | None, style: Lead | None = None, weights: str = "f32") -> None:
        """Refuse a text, a style and weights that `write` would refuse, before anything takes long.

        Raises:
            DataError, SpecError: as of `write`.
        """
        self.pen(weights).check(text, style)

    def manuscript(self, text: str | None = None, **asked: Any) -> Manuscript:
        """Return the last one of `drafts`: all lines."""
        *_, found = self.drafts(text, **asked)
        return found

    def drafts(
        self,
        text: str | None = None,
        *,
        page: Page | None = None,
        style: Style | Inks | Lead | None = None,
        line_length: int | None = None,
        echo: bool = False,
        weights: str = "f32",
        bias: float | None = None,
        **asked: Any,
    ) -> Iterator[Manuscript]:
        """Yield what `write` returns, as far as it is there after each line, with the path of the window.

        Lines fit on a page if one is given. With `echo` the strokes that a network without texts goes on after are part
        of what is yielded.
        """
        asked["bias"] = self.bias(bias)
        check_asked(text, line_length=line_length, **asked)
        if line_length is not None and not self.symbols:
            raise SpecError(f"a model that reads no text writes no lines, got line_length={line_length}; leave it out")
        lead = None if style is None else self.led(style)
        if text is None or not self.symbols:
            number = asked.pop("number", 0)
            yield Manuscript([list(self.pen(weights).lines(text, lead=lead, echo=echo, first=number, **asked))])
            return
        pen = self.pen(weights)
        usual = usual_width(pen, self.learned, page or Page(size="fit"), lead)
        width = usual if line_length is None else Width(line_length, line_length)
        yield from drafts(pen, text, width, lead=lead, **asked)

    def draw(
        self, text: str | None, path: str | Path, page: Page | None = None, *, echo: bool = True, **asked: Any
    ) -> list[Path]:
        """Write a text to a file, as `write` does and on as many pages as it takes; return the files.

        The first page has the given name, whose ending says the format; the others add -page-2, -page-3 to it. Without
        a text the page shows the strokes of the style too, after which the network goes on, unless `echo` is False.

        Raises:
            DataError, SpecError: as of `write` and `unspool.write_ink`.
        """
        chosen = page or Page()
        check_drawing(Path(path), chosen, "the name of a page")
        layout = chosen if Path(path).suffix.lower() in DRAWN else None
        found = self.manuscript(text, page=layout, echo=echo, **asked)
        return write_pages(found.ink(layout), Path(path), chosen)

    def pen(self, weights: str = "f32") -> Pen:
        """Return the network as a pen.

        Raises:
            SpecError: weights other than "f32" without the native pen.
        """
        if weights != "f32" and isinstance(reason := native_writer(self.model, weights), str):
            raise SpecError(f"--weights {weights} needs the native pen, but {reason}; use f32")
        return Pen(self.model, self.reader, self.pace.per_character, weights)

    def lines(
        self,
        text: str | None = None,
        *,
        style: Style | Lead | None = None,
        weights: str = "f32",
        bias: float | None = None,
        **asked: Any,
    ) -> Iterator[Line]:
        """Yield samples of a single line, with the path of the window. See `Pen`."""
        asked["bias"] = self.bias(bias)
        return self.pen(weights).lines(text, lead=None if style is None else self.led(style), **asked)
