"""Samples of all devices and hands to one size, upright and level, with a stated number of points, and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import repeat
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.data.pen.cleaning import cleaned
from unspool.data.pen.hands import Hand, Measured, Measuring, by_writer, hand_of, turn
from unspool.data.pen.measures import baseline
from unspool.data.pen.offsets import from_offsets, offsets
from unspool.data.pen.resampling import by_length, by_time
from unspool.data.pen.smoothing import smoothed
from unspool.data.pen.strokes import Strokes
from unspool.errors import DataError, SpecError

RESAMPLING: Final = ("length", "time", "none")
STEP: Final = 0.17  # sizes; a Latin letter has about 4.2 sizes of ink, so about 25 points
TYPICAL: Final = 2000  # samples, evenly spread, that tell how much ink a letter has
DENSEST: Final = 5.0  # the least and the most that a step may be of that, whatever the texts say
JITTER: Final = 0.1  # were all steps equal, a network would learn their length to a thousandth before letters
SMOOTH: Final = 2.0  # units of the grid: successive turns then agree as they do in ink from fine grids
WIDEST: Final = 0.25  # sizes; more takes letters' corners away
COARSEST: Final = 0.25  # sizes; what lies on a coarser grid was not recorded but drawn, corner by corner
UNSEEN: Final = 0.25  # steps; less smoothing than that does not outlast resampling


class Normalised(NamedTuple):
    """A sample in sizes, its first point at x = 0 and its baseline at y = 0, and the way back.

    `strokes.transformed(placement)` lies on the sample that was given.
    """

    strokes: Strokes
    placement: NDArray[np.float64]  # [2, 3]


@dataclass(frozen=True, slots=True)
class Normaliser:
    """p' = S (p - o): from any sample to one that a network reads, and back.

    S = 1/h [[1, -s], [0, 1]] R(-atan b), with h the writer's size, s the writer's slant, b the line's slope, all of
    `measures.py`; o is such that the first point lies at x = 0 and the baseline at y = 0. Samples without a writer are
    each measured alone. Cleaning and resampling come before and after; these two have no way back.

    resample: "length" (points every `step` sizes on average), "time" (`rate` points a second) or "none".
    jitter: d; the steps of "length" vary, the logarithm of one by a standard deviation of d, see `by_length`.
    upright, level: whether slant and slope are taken out; without them s = 0, b = 0.
    smooth: c; after S and before resampling, points are `smoothed` by w = min(c q / h, 1 / 4) sizes, with q the grain
        of the writer's hand; not where w < `step` / 4, nor where q / h > 1 / 4. 0 = none.
    mean, std: of (dx, dy) over all points of the training samples; `encode` gives (dx - mean) / std.
    """

    resample: str = "length"
    step: float = STEP
    rate: float = 60.0
    upright: bool = True
    level: bool = True
    smooth: float = 0.0
    jitter: float = 0.0
    mean: tuple[float, float] = (0.0, 0.0)
    std: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        if self.resample not in RESAMPLING:
            raise SpecError(
                f"resample must be one of {', '.join(RESAMPLING)}, got {self.resample!r}; choose one of them"
            )
        positive = {"step": self.step, "rate": self.rate, "std of dx": self.std[0], "std of dy": self.std[1]}
        for name, value in positive.items():
            if not (value > 0 and math.isfinite(value)):
                raise SpecError(f"the {name} must be a positive number, got {value}; choose another")
        if not (self.smooth >= 0 and math.isfinite(self.smooth)):
            raise SpecError(f"smooth must be 0 or above, got {self.smooth}; 0 leaves the strokes as they are")
        if not 0 <= self.jitter <= 1:
            raise SpecError(f"jitter must lie in 0..1, got {self.jitter}; 0 gives equal steps")

    def paced(self, inks: Sequence[Strokes], points_per_letter: float = 25.0) -> Normaliser:
        """With the `step` or `rate` that gives a letter of these training samples so many points.

        step = the median over samples with a text of (length of ink in sizes / characters that are not blank), divided
        by these points, and 1 / rate the same of (seconds that the pen is down / characters): a script with more ink a
        character has longer steps.

        Raises:
            DataError: it resamples by time, and no sample has times.
        """
        if not points_per_letter > 0:
            raise SpecError(f"points per letter must be above 0, got {points_per_letter}; 25 is usual")
        if self.resample == "none":
            return self
        some = [inks[place] for place in np.unique(np.linspace(0, len(inks) - 1, TYPICAL).astype(np.int64)).tolist()]
        if self.resample == "time":
            timed = [sample for sample in some if sample.times is not None]
            if not timed:
                raise DataError("resampling by time needs times, but no sample has any; use --resample length")
            seconds = ((sample, sample.seconds()) for sample in timed)
            return replace(self, rate=1 / _pace(seconds, 25 / points_per_letter / self.rate, points_per_letter))
        raw = replace(self, resample="none").apply(some)
        lengths = ((sample.strokes, sample.strokes.length()) for sample in raw)
        return replace(self, step=_pace(lengths, STEP * 25 / points_per_letter, points_per_letter))

    def apply(self, inks: Iterable[Strokes], hands: Mapping[str, Hand] | None = None) -> Iterator[Normalised]:
        """One sample after the other; `hands` are those of known writers (None = measured on these samples)."""
        measuring = self._measuring
        known: Iterable[Measured | None] = repeat(None)
        if hands is None:
            inks = inks if isinstance(inks, Sequence) else list(inks)
            samples = [(sample.writer, measuring.sample(cleaned(sample))) for sample in inks]
            known, hands = [measured for _, measured in samples], by_writer(samples)
        for sample, measured in zip(inks, known, strict=False):
            clean = cleaned(sample)
            hand = hands.get(sample.writer) if sample.writer is not None else None
            if hand is None:
                measured = measured or measuring.sample(clean)
                hand = hand_of([measured])
            yield self._one(clean, hand, measuring.slope(clean) if measured is None else measured.slope)

    def encode(self, sample: Strokes) -> NDArray[np.float32]:
        """A normalised sample as rows ((dx - mean) / std, e), float32 [T, 3]."""
        rows = offsets(sample)
        rows[:, :2] = (rows[:, :2] - self.mean) / self.std
        return rows

    def decode(self, rows: NDArray[np.floating[Any]], text: str | None = None, writer: str | None = None) -> Strokes:
        """The normalised sample that `encode` made rows of, or that a network wrote."""
        unscaled = np.asarray(rows, dtype=np.float64).copy()
        unscaled[:, :2] = unscaled[:, :2] * self.std + self.mean
        return from_offsets(unscaled, text, writer)

    def to_dict(self) -> dict[str, Any]:
        """What a model file stores."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Normaliser:
        """The normaliser that `to_dict` described."""
        pairs = {name: (float(stored[name][0]), float(stored[name][1])) for name in ("mean", "std")}
        known = {"smooth": 0.0, "jitter": 0.0, **stored}  # models from before there was either
        return cls(**{field.name: known[field.name] for field in fields(cls)} | pairs)

    @property
    def _measuring(self) -> Measuring:
        return Measuring(self.upright, self.level, self.smooth > 0)

    def _width(self, hand: Hand) -> float:
        unit = hand.grain / hand.size
        width = min(self.smooth * unit, WIDEST)
        return width if unit <= COARSEST and width >= UNSEEN * self.step else 0.0

    def _one(self, clean: Strokes, hand: Hand, rise: float) -> Normalised:
        linear = np.array([[1.0, -hand.slant], [0.0, 1.0]]) @ turn(rise) / hand.size
        upright = clean.transformed(np.column_stack([linear, np.zeros(2)]))
        width = self._width(hand)
        if width:
            upright = smoothed(upright, width)
        origin = np.array([upright.points[0, 0], baseline(upright)])
        if self.resample == "time":  # before the shift, which time does not see
            upright = by_time(upright, self.rate)
        elif self.resample == "length":
            upright = by_length(upright, self.step, self.jitter)
        back = np.linalg.inv(linear)
        moved = upright.transformed([[1.0, 0.0, -origin[0]], [0.0, 1.0, -origin[1]]])
        return Normalised(moved, np.column_stack([back, back @ origin]))


def _pace(samples: Iterable[tuple[Strokes, float]], usual: float, points_per_letter: float) -> float:
    """From one point to the next, of samples with their lengths in sizes or seconds; the usual if none has a text."""
    per_letter = [
        length / letters for sample, length in samples if (letters := len("".join((sample.text or "").split())))
    ]
    if not per_letter:
        return usual
    return float(np.clip(np.median(per_letter) / points_per_letter, usual / DENSEST, usual * DENSEST))
