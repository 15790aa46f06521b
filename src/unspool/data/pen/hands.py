"""How large and how slanted each writer writes, and on how coarse a grid: over all samples of one hand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.data.pen.cleaning import cleaned
from unspool.data.pen.measures import size, slant, slope, weighted_median
from unspool.data.pen.smoothing import grain
from unspool.data.pen.strokes import Strokes


class Hand(NamedTuple):
    """What is measured of one writer: the letters' height, the shear that makes them upright, and the grid's unit."""

    size: float
    slant: float
    grain: float = 0.0


class Measured(NamedTuple):
    """Size and slant of one sample, their weight, which is the height of its ink, its line's slope and its grain."""

    size: float
    slant: float
    weight: float
    slope: float
    grain: float


class Measuring(NamedTuple):
    """Whether slant, slope and grain are measured; without it each is 0."""

    upright: bool = True
    level: bool = True
    grid: bool = True

    def slope(self, clean: Strokes) -> float:
        """The slope of a clean sample."""
        return slope(clean) if self.level else 0.0

    def sample(self, clean: Strokes) -> Measured:
        """All of one clean sample; one without a down stroke has its larger side for a size."""
        rise = self.slope(clean)
        turned = clean.transformed(np.column_stack([turn(rise), np.zeros(2)])) if self.level else clean
        shear, weight = slant(turned)
        if weight == 0:
            return Measured(float(np.ptp(clean.points, axis=0).max()), 0.0, 0.0, rise, 0.0)
        return Measured(size(turned), shear if self.upright else 0.0, weight, rise, grain(clean) if self.grid else 0.0)

    def hands(self, inks: Iterable[Strokes]) -> dict[str, Hand]:
        """Size, slant and grain of every writer: the medians over the samples, weighted by the height of their ink."""
        return by_writer((ink.writer, self.sample(cleaned(ink))) for ink in inks if ink.writer is not None)


def by_writer(samples: Iterable[tuple[str | None, Measured]]) -> dict[str, Hand]:
    """The hand of every writer, of samples that are measured."""
    found: dict[str, list[Measured]] = {}
    for writer, measured in samples:
        if writer is not None:
            found.setdefault(writer, []).append(measured)
    return {writer: hand_of(measured) for writer, measured in found.items()}


def hand_of(measured: list[Measured]) -> Hand:
    """The hand that wrote these samples."""
    sizes, slants, weights, _, grains = np.array(measured).T
    if not weights.any():  # dots and dashes alone
        return Hand(float(sizes.max()) or 1.0, 0.0)
    return Hand(*(weighted_median(values, weights) for values in (sizes, slants, grains)))


def turn(rise: float) -> NDArray[np.float64]:
    """R(-atan b): what makes a line of slope b level."""
    return np.array([[1.0, rise], [-rise, 1.0]]) / math.hypot(1.0, rise)
