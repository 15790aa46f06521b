"""The adding problem by the regressor's defaults: `python benchmarks/adding.py [--lengths 200 600]`.

Hochreiter and Schmidhuber 1997, experiment 4, as Le, Jaitly and Hinton have it (arXiv:1504.00941): one answer after the
last step. What is made is written to a file and learned by the public command within the minutes of each length; the
error is measured on 2,000 other sequences.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from command import print_place, print_table, unspool

from unspool.data.builtin import builtin_adding

COUNT, ASKED = 10_000, 2_000
MINUTES = {200: 5, 600: 20}


def main() -> None:
    """Train for each length and print the errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lengths", type=int, nargs="+", default=sorted(MINUTES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, help="for each length; by default 5 for 200 and 20 for 600")
    given = parser.parse_args()
    rows = []
    for length in given.lengths:
        minutes = given.minutes or MINUTES.get(length, 20)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            for name, count, seed in (("train", COUNT, given.seed), ("test", ASKED, given.seed + 1000)):
                sequences, sums = builtin_adding(length, count, seed)
                np.savez(folder / f"{name}.npz", X=sequences, y=sums)
            options = ("--seed", str(given.seed), "--out", folder / "run", "--quiet")
            run = unspool("train", "regressor", folder / "train.npz", "--minutes", str(minutes), *options)
            found = unspool("evaluate", folder / "run", folder / "test.npz")
        simple = ", ".join(f"{name.removeprefix('mse of ')} {error:.4f}" for name, error in run["baseline"].items())
        rows.append([length, minutes, f"{found['mse']:.2e}", f"{found['mae']:.4f}", round(run["wall_seconds"]), simple])
    print_place()
    print_table(["steps", "minutes asked", "mse", "mae", "seconds taken", "mse of baselines"], rows)


if __name__ == "__main__":
    main()
