"""Anomalies planted in a series: does a forecaster's surprise find them? `python benchmarks/anomalies.py [CSV COLUMN]`.

Into the last third of a series, a made one or the column of a file, 30 anomalies of each kind are planted: spikes
(a value moved by some deviations of the series' usual change), values from half a season before (which lie within
the usual range, but come at the wrong time), and sensors that freeze. The forecaster is trained on the first two
thirds with its defaults; its surprise at each row is held against the z-score of the row among all before it, and among
the last season's. The number is the area under the curve: 0.5 is chance, 1 finds all before any normal row.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from command import print_place, print_table, unspool
from numpy.typing import NDArray

from unspool.tasks.forecasting.surprise import auc, z_scores

HOURS, SEASON, COUNT = 6000, 24, 30
Numbers = NDArray[np.float64]


def spikes(values: Numbers, at: int, source: np.random.Generator) -> int:
    """Move one value by three to six times the usual change from step to step."""
    usual = np.abs(np.diff(values)).mean()
    values[at] += source.choice([-1, 1]) * source.uniform(3, 6) * usual
    return 1


def displaced(values: Numbers, at: int, source: np.random.Generator) -> int:
    """Put three values from half a season before in place."""
    values[at : at + 3] = values[at - SEASON // 2 : at - SEASON // 2 + 3]
    return 3


def frozen(values: Numbers, at: int, source: np.random.Generator) -> int:
    """Hold a value for eight steps."""
    values[at : at + 8] = values[at]
    return 8


def main() -> None:
    """Plant each kind, train once, score, and print the areas."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("column", nargs="?", default="value")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    values = made(given.seed) if given.file is None else column(given.file, given.column)
    cut, rows = 2 * len(values) // 3, []
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch, "run")
        train = write(Path(scratch, "train.csv"), values[:cut])
        unspool("train", "forecaster", train, "--out", out, "--quiet", "--no-baseline")
        kinds: list[Callable[[Numbers, int, np.random.Generator], int]] = [spikes, displaced, frozen]
        for kind in kinds:
            spoiled, planted = plant(values, cut, kind, given.seed)
            scores = surprise(out, write(Path(scratch, f"{kind.__name__}.csv"), spoiled), len(spoiled))
            late = slice(cut, None)
            simple = [z_scores(spoiled), z_scores(spoiled, SEASON)]
            rows.append([kind.__name__, *(auc(found[late], planted[late]) for found in (scores, *simple))])
    print_place()
    print_table(["anomalies", "surprise", "z-score", "z-score of the last season"], rows)


def made(seed: int) -> Numbers:
    """Return hours with a daily and a weekly wave, a slow drift and noise that hangs together."""
    source, time = np.random.default_rng(seed), np.arange(HOURS)
    noise = np.zeros(HOURS)
    for step in range(1, HOURS):
        noise[step] = 0.8 * noise[step - 1] + 0.3 * source.standard_normal()
    waves = 5 * np.sin(2 * np.pi * time / SEASON) + 2 * np.sin(2 * np.pi * time / (7 * SEASON))
    values: Numbers = 50 + 0.001 * time + waves + noise
    return values


def column(path: Path, name: str) -> Numbers:
    """Return a column of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return np.array([float(row[name]) for row in csv.DictReader(file)])


def plant(
    values: Numbers, cut: int, kind: Callable[[Numbers, int, np.random.Generator], int], seed: int
) -> tuple[Numbers, NDArray[np.bool_]]:
    """Return the series with anomalies in it, and which rows are theirs."""
    source = np.random.default_rng([seed, 1])
    spoiled, planted = values.copy(), np.zeros(len(values), dtype=bool)
    places = np.linspace(cut + SEASON, len(values) - SEASON, COUNT).astype(int)
    for place in places + source.integers(-SEASON // 4, SEASON // 4, COUNT):
        length = kind(spoiled, int(place), source)
        planted[place : place + length] = True
    return spoiled, planted


def write(path: Path, values: Numbers) -> Path:
    """Write a series of hours."""
    times = np.datetime64("2024-01-01T00") + np.arange(len(values))
    rows = zip(np.datetime_as_string(times, unit="s"), values.tolist(), strict=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("time", "value"), *rows])
    return path


def surprise(run: Path, data: Path, rows: int) -> Numbers:
    """Return the score of each row; NaN of the first, which have no whole context before them."""
    scores = [row["score"] for row in unspool("score", run, data)["rows"]]
    found = [np.nan if score is None else score for score in scores]
    return np.array([np.nan] * (rows - len(found)) + found)


if __name__ == "__main__":
    main()
