"""Samples of all devices and hands to one size, upright and level, with a stated number of points, and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.data.pen.cleaning import cleaned
from unspool.data.pen.measures import baseline, size, slant, slope, weighted_median
from unspool.data.pen.offsets import from_offsets, offsets
from unspool.data.pen.resampling import by_length, by_time
from unspool.data.pen.strokes import Strokes
from unspool.errors import DataError, SpecError

RESAMPLING: Final = ("length", "time", "none")
STEP: Final = 0.17  # sizes; a Latin letter has about 4.2 sizes of ink, so about 25 points
TYPICAL: Final = 2000  # samples, evenly spread, that tell how much ink a letter has
DENSEST: Final = 5.0  # the least and the most that a step may be of that, whatever the texts say


class Hand(NamedTuple):
    """What is measured of one writer: the letters' height and the shear that makes them upright."""

    size: float
    slant: float


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

    resample: "length" (points every `step` sizes), "time" (`rate` points a second) or "none".
    upright, level: whether slant and slope are taken out; without them s = 0, b = 0.
    mean, std: of (dx, dy) over all points of the training samples; `encode` gives (dx - mean) / std.
    """

    resample: str = "length"
    step: float = STEP
    rate: float = 60.0
    upright: bool = True
    level: bool = True
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

    def fitted(self, inks: Sequence[Strokes], points_per_letter: float = 25.0) -> Normaliser:
        """With `step`, and then `mean` and `std`, of training samples.

        By length, step = the median over samples with a text of (length of ink / characters that are not blank) in
        sizes, divided by the points that a letter shall have; a script with more ink a character has longer steps.
        """
        hands = measure_hands(inks, self)
        fitted = self if self.resample != "length" else replace(self, step=_step(inks, hands, self, points_per_letter))
        count, total, squares = 0, np.zeros(2), np.zeros(2)
        for sample in fitted.apply(inks, hands):
            steps = offsets(sample.strokes)[:, :2].astype(np.float64)
            count, total, squares = count + len(steps), total + steps.sum(axis=0), squares + (steps**2).sum(axis=0)
        if not count:
            raise DataError("normalising must be fitted on at least one sample, but none came; name training data")
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - mean**2, 0))
        std[std == 0] = 1.0  # a coordinate that never changes keeps its scale
        return replace(fitted, mean=(float(mean[0]), float(mean[1])), std=(float(std[0]), float(std[1])))

    def apply(self, inks: Iterable[Strokes], hands: Mapping[str, Hand] | None = None) -> Iterator[Normalised]:
        """One sample after the other; `hands` are those of known writers (None = measured on these samples)."""
        if hands is None:
            inks = inks if isinstance(inks, Sequence) else list(inks)
            hands = measure_hands(inks, self)
        for sample in inks:
            clean = cleaned(sample)
            hand = hands.get(sample.writer) if sample.writer is not None else None
            yield self._one(clean, hand or _hand([_measured(clean, self)]))

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
        return cls(**{field.name: stored[field.name] for field in fields(cls)} | pairs)

    def _one(self, clean: Strokes, hand: Hand) -> Normalised:
        linear = np.array([[1.0, -hand.slant], [0.0, 1.0]]) @ _turn(slope(clean) if self.level else 0.0) / hand.size
        upright = clean.transformed(np.column_stack([linear, np.zeros(2)]))
        origin = np.array([upright.points[0, 0], baseline(upright)])
        if self.resample == "time":  # before the shift, which time does not see
            upright = by_time(upright, self.rate)
        elif self.resample == "length":
            upright = by_length(upright, self.step)
        back = np.linalg.inv(linear)
        moved = upright.transformed([[1.0, 0.0, -origin[0]], [0.0, 1.0, -origin[1]]])
        return Normalised(moved, np.column_stack([back, back @ origin]))


def measure_hands(inks: Iterable[Strokes], normaliser: Normaliser) -> dict[str, Hand]:
    """Size and slant of every writer: the medians over the samples, weighted by the height of their ink."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    for sample in inks:
        if sample.writer is not None:
            found.setdefault(sample.writer, []).append(_measured(cleaned(sample), normaliser))
    return {writer: _hand(measured) for writer, measured in found.items()}


def _measured(clean: Strokes, normaliser: Normaliser) -> tuple[float, float, float]:
    """Size, slant, and the weight of both; a sample without a down stroke has its larger side for a size."""
    turned = clean
    if normaliser.level:
        turned = clean.transformed(np.column_stack([_turn(slope(clean)), np.zeros(2)]))
    shear, weight = slant(turned) if normaliser.upright else (0.0, slant(turned)[1])
    if weight == 0:
        return float(np.ptp(clean.points, axis=0).max()), 0.0, 0.0
    return size(turned), shear, weight


def _hand(measured: list[tuple[float, float, float]]) -> Hand:
    sizes, slants, weights = np.array(measured).T
    if not weights.any():  # dots and dashes alone
        return Hand(float(sizes.max()) or 1.0, 0.0)
    return Hand(weighted_median(sizes, weights), weighted_median(slants, weights))


def _turn(rise: float) -> NDArray[np.float64]:
    """R(-atan b): what makes a line of slope b level."""
    return np.array([[1.0, rise], [-rise, 1.0]]) / math.hypot(1.0, rise)


def _step(
    inks: Sequence[Strokes], hands: Mapping[str, Hand], normaliser: Normaliser, points_per_letter: float
) -> float:
    if not points_per_letter > 0:
        raise SpecError(f"points per letter must be above 0, got {points_per_letter}; 25 is usual")
    raw = replace(normaliser, resample="none")
    some = [inks[place] for place in range(0, len(inks), math.ceil(len(inks) / TYPICAL) or 1)]
    per_letter = [
        sample.strokes.length() / letters
        for sample in raw.apply(some, hands)
        if (letters := len("".join((sample.strokes.text or "").split())))
    ]
    usual = STEP * 25 / points_per_letter
    if not per_letter:
        return usual
    return float(np.clip(np.median(per_letter) / points_per_letter, usual / DENSEST, usual * DENSEST))
