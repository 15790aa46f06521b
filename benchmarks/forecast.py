"""The default forecaster beside simple forecasts: `python benchmarks/forecast.py ETTh1.csv co2.csv [--seeds 5]`.

ETTh1, oil temperature alone, on its standard split: 8,640 hours to train, 2,880 to validate, 2,880 to test, every
window of the test part, errors in deviations of the training part. Weekly CO2 with its gaps: trained on all but the
last two years, which are forecast. Everything through the command line with its defaults; the ridge regression reads
the last 336 values (104 of the weeks).
"""

from __future__ import annotations

import argparse
import csv
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from command import print_place, print_table, unspool

TRAIN, VALIDATION, TEST = 8640, 2880, 2880  # hours
WEEKS = 104  # two years
BASELINES = ("ridge", "naive", "seasonal naive", "seasonal naive with drift")


def main() -> None:
    """Train for each seed, measure on what lies after the training data, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("etth1", type=Path)
    parser.add_argument("co2", type=Path)
    parser.add_argument("--horizons", type=int, nargs="*", default=[24, 48, 168])
    parser.add_argument("--seeds", type=int, default=1, help="of ETTh1; CO2 takes five")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        hours, first = standard_split(given.etth1, Path(scratch, "etth1.csv"))
        for horizon in given.horizons:
            share = VALIDATION / (TRAIN + VALIDATION)
            rows.append(row(f"ETTh1 {horizon} h", hours, first, horizon, given.seeds, "--validation", str(share)))
        rows.append(row(f"CO2 {WEEKS} weeks", given.co2, two_years_before_the_end(given.co2), WEEKS, 5))
    print_place()
    header = ["data", "mse (mean)", "range", "x ridge", "coverage of 80 %", "longest s", *BASELINES]
    print_table(header, rows)


def row(name: str, data: Path, first: str, horizon: int, seeds: int, *flags: str) -> list[Any]:
    """Train on what lies before a time, judge what lies after it."""
    runs, found = [], []
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(seeds):
            out = Path(scratch, f"seed-{seed}")
            wanted = ["--before", first, "--horizon", str(horizon), "--seed", str(seed), *flags]
            runs.append(unspool("train", "forecaster", data, *wanted, "--out", out, "--quiet", "--no-baseline"))
            found.append(unspool("evaluate", out, data, "--after", first))
    errors = [result["mse_scaled"] for result in found]
    baselines = found[0]["baselines"]
    mean = statistics.mean(errors)
    return [
        name,
        mean,
        span(errors),
        f"{mean / baselines['ridge']:.3f}",
        f"{span([result['coverage'] for result in found])} (raw {span([result['coverage_raw'] for result in found])})",
        round(max(run["wall_seconds"] for run in runs)),
        *(baselines[simple] for simple in BASELINES),
    ]


def span(numbers: Sequence[float]) -> str:
    """Return the range of some numbers."""
    low, high = f"{min(numbers):.4f}", f"{max(numbers):.4f}"
    return low if low == high else f"{low} to {high}"


def standard_split(source: Path, target: Path) -> tuple[Path, str]:
    """Write date and oil temperature of the first 20 months of 30 days; return the file and where the test begins."""
    with source.open(newline="", encoding="utf-8") as file:
        rows = [(row["date"], row["OT"]) for row in csv.DictReader(file)][: TRAIN + VALIDATION + TEST]
    with target.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("date", "OT"), *rows])
    return target, rows[TRAIN + VALIDATION][0]


def two_years_before_the_end(source: Path) -> str:
    """Return the first stamp of the last 104 weeks."""
    with source.open(newline="", encoding="utf-8") as file:
        stamp = list(csv.DictReader(file))[-WEEKS]["date"]
    return f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:]}"


if __name__ == "__main__":
    main()
