"""The default classifier on labelled sequences: `python benchmarks/classifier.py TRAIN TEST [TRAIN TEST ...]`.

Five seeds; every number is of the test file, which the training never sees. One training file alone (names by
nationality, say) is measured on its held-out tenth.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from command import print_place, print_table, unspool


def main() -> None:
    """Train with the defaults for each seed and print mean and range."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", help="pairs of training and test file, - for no test file")
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    rows = []
    for train, test in zip(given.files[::2], given.files[1::2], strict=True):
        accuracies, f1, seconds = [], [], []
        baselines: dict[str, float] = {}
        with tempfile.TemporaryDirectory() as scratch:
            for seed in range(given.seeds):
                out = Path(scratch, f"seed-{seed}")
                run = unspool("train", "classifier", train, "--seed", str(seed), "--out", out, "--quiet")
                found = run if test == "-" else unspool("evaluate", out, test)
                accuracies.append(found["accuracy"])
                f1.append(found["macro_f1"])
                seconds.append(run["wall_seconds"])
                baselines = run["baseline"]
        spread = f"{min(accuracies):.4f} to {max(accuracies):.4f}"
        told = ", ".join(f"{name} {value:.3f}" for name, value in baselines.items())
        rows.append(
            [Path(train).stem, statistics.mean(accuracies), spread, statistics.mean(f1), round(max(seconds)), told]
        )
    print_place()
    header = ["data", "accuracy (mean)", "range", "macro-F1", "longest s", "baselines on the held-out tenth"]
    print_table(header, rows)


if __name__ == "__main__":
    main()
