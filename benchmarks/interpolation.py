"""Interpolations against known signals: `python benchmarks/interpolation.py`.

A signal that is known everywhere is observed at some stamps and resampled to a grid four times as fine as the mean
distance between them; what counts is the error against the signal itself, as a share of its standard deviation. Points
between the first and the last observation count, the mean of `--seeds` draws is shown, the best of a row in bold. The
second table resamples to a coarser step, with and without the low-pass filter, against the slow part of the signal.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from command import print_place, print_table
from numpy.typing import NDArray

import unspool
from unspool.data.resample import METHODS

ROWS = 400  # observations, one a unit of time in the mean
FINER = 4
COARSER = 4
Signal = Callable[[NDArray[np.float64]], NDArray[np.float64]]
Stamps = Callable[[np.random.Generator], NDArray[np.float64]]


class Case(NamedTuple):
    """A signal, where it is observed, and with how much noise (as a share of its deviation)."""

    name: str
    signal: Callable[[np.random.Generator], Signal]
    stamps: Stamps
    noise: float = 0.0


def sines(slowest: float, fastest: float) -> Callable[[np.random.Generator], Signal]:
    """Draw six sines with periods between two bounds, and amplitudes that grow with the period."""

    def draw(random: np.random.Generator) -> Signal:
        periods = np.exp(random.uniform(np.log(fastest), np.log(slowest), 6))
        phases, weights = random.uniform(0, 2 * np.pi, 6), np.sqrt(periods)
        return lambda times: np.sin(2 * np.pi * times[:, None] / periods + phases) @ weights

    return draw


def noise(share: float) -> Callable[[np.random.Generator], Signal]:
    """Draw noise with all frequencies alike up to a share of the Nyquist frequency of the mean step: 64 sines."""

    def draw(random: np.random.Generator) -> Signal:
        frequencies, phases = random.uniform(0, share / 2, 64), random.uniform(0, 2 * np.pi, 64)
        return lambda times: np.sin(2 * np.pi * times[:, None] * frequencies + phases).sum(axis=1)

    return draw


def steps(random: np.random.Generator) -> Signal:
    """Draw levels that last 20 units in the mean."""
    edges = np.sort(random.uniform(0, ROWS, ROWS // 20))
    levels = random.normal(size=len(edges) + 1)
    return lambda times: levels[np.searchsorted(edges, times)]


def decay(random: np.random.Generator) -> Signal:
    """Draw jumps of 1 to 3 that fade away over 8 units: steep on one side, smooth on the other, never below zero."""
    starts, heights = np.sort(random.uniform(-20, ROWS, ROWS // 25)), random.uniform(1, 3, ROWS // 25)

    def signal(times: NDArray[np.float64]) -> NDArray[np.float64]:
        since = times[:, None] - starts
        return np.where(since >= 0, np.exp(-np.maximum(since, 0) / 8), 0) @ heights

    return signal


def regular(random: np.random.Generator) -> NDArray[np.float64]:
    """One stamp a unit."""
    return np.arange(ROWS, dtype=np.float64)


def jittered(random: np.random.Generator) -> NDArray[np.float64]:
    """One stamp a unit, up to 0.4 early or late."""
    return regular(random) + random.uniform(-0.4, 0.4, ROWS)


def scattered(random: np.random.Generator) -> NDArray[np.float64]:
    """As many stamps anywhere, 0.01 apart at least: pauses of several units, and pairs that are close."""
    return np.unique(np.sort(random.uniform(0, ROWS, ROWS)).round(2))


def holed(random: np.random.Generator) -> NDArray[np.float64]:
    """One stamp a unit, with ten holes of 3 to 12 units."""
    keep = np.ones(ROWS, dtype=bool)
    for start in random.integers(5, ROWS - 20, 10):
        keep[start : start + random.integers(3, 13)] = False
    return regular(random)[keep]


SMOOTH, MIDDLE, ROUGH = sines(200, 20), noise(0.4), noise(0.9)
CASES = [
    Case("six sines, periods of 20 to 200 steps", SMOOTH, regular),
    Case("the same, stamps jittered", SMOOTH, jittered),
    Case("the same, stamps scattered", SMOOTH, scattered),
    Case("the same, holes of 3 to 12 steps", SMOOTH, holed),
    Case("the same, noise of 5 % on the values", SMOOTH, regular, 0.05),
    Case("the same, scattered and noise of 5 %", SMOOTH, scattered, 0.05),
    Case("noise up to 0.4 of the Nyquist frequency", MIDDLE, regular),
    Case("the same, stamps scattered", MIDDLE, scattered),
    Case("the same, holes of 3 to 12 steps", MIDDLE, holed),
    Case("noise up to 0.9 of the Nyquist frequency", ROUGH, regular),
    Case("levels that last 20 steps", steps, regular),
    Case("the same, stamps scattered", steps, scattered),
    Case("jumps that decay over 8 steps", decay, regular),
    Case("the same, stamps scattered", decay, scattered),
]


def finer_error(case: Case, method: str, seed: int) -> float:
    """Return the error of one draw, the same for every method."""
    random = np.random.default_rng(seed)
    signal, times = case.signal(random), case.stamps(random)
    clean = signal(times)
    seen = clean + case.noise * clean.std() * random.normal(size=len(times))
    found = unspool.resample(times, seen, 1 / FINER, method)
    return relative_error(found.values[:, 0], signal(found.times))


def coarser_error(stamps: Stamps, antialias: bool, method: str, seed: int) -> float:
    """Return the error against the slow sines, when fast noise above the new Nyquist frequency lies on them."""
    random = np.random.default_rng(seed)
    slow, times = SMOOTH(random), stamps(random)
    frequencies, phases = random.uniform(0.55 / COARSER, 0.45, 32), random.uniform(0, 2 * np.pi, 32)
    fast = np.sin(2 * np.pi * times[:, None] * frequencies + phases).sum(axis=1)
    seen = slow(times) + 0.3 * slow(times).std() / fast.std() * fast
    found = unspool.resample(times, seen, COARSER, method, antialias=antialias)
    return relative_error(found.values[:, 0], slow(found.times))


def relative_error(found: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Return the root of the mean squared error, in standard deviations of the truth."""
    return float(np.sqrt(np.nanmean((found - truth) ** 2)) / truth.std())


def bold_least(errors: list[float]) -> list[str]:
    """Return the cells of a row, the least in bold."""
    return [f"**{error:.2g}**" if error <= 1.001 * min(errors) else f"{error:.2g}" for error in errors]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = range(parser.parse_args().seeds)
    print_place()
    rows = []
    for case in CASES:
        errors = [float(np.mean([finer_error(case, method, seed) for seed in seeds])) for method in METHODS]
        rows.append([case.name, *bold_least(errors)])
    print_table(["error in deviations of the signal", *METHODS], rows)
    print(f"\nTo a step {COARSER} times as long, with noise of 30 % above the new Nyquist frequency:\n")
    rows = []
    for stamps in (regular, scattered):
        for antialias, name in ((True, "low-pass filter first"), (False, "without it")):
            draws = [[coarser_error(stamps, antialias, method, seed) for seed in seeds] for method in METHODS]
            rows.append([f"{stamps.__name__} stamps, {name}", *bold_least(np.mean(draws, axis=1).tolist())])
    print_table(["error in deviations of the signal", *METHODS], rows)


if __name__ == "__main__":
    main()
