"""Are the defaults near the best of a dozen settings? `python benchmarks/defaults.py TEXT --epochs 8 [--characters N]`.

Every row does the same work: the same passes over the same text. The settings vary what a person would try.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from command import print_place, print_table, unspool

SETTINGS: list[list[str]] = [
    [],
    ["--dropout", "0.1"],
    ["--dropout", "0.3"],
    ["--dropout", "0.5"],
    ["--learning-rate", "0.001"],
    ["--learning-rate", "0.002"],
    ["--learning-rate", "0.004"],
    ["--hidden-size", "128"],
    ["--hidden-size", "256"],
    ["--layers", "1"],
    ["--cell", "gru"],
    ["--batch-size", "16"],
]


def main() -> None:
    """Train once for each setting and print the table, best first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text")
    parser.add_argument("--epochs", default="8")
    parser.add_argument("--characters", type=int, help="use only so many characters from the front")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        text = Path(scratch, "text.txt")
        text.write_text(Path(given.text).read_text(encoding="utf-8")[: given.characters], encoding="utf-8")
        for number, setting in enumerate(SETTINGS):
            out = Path(scratch, str(number))
            run = unspool("train", "language", text, "--epochs", given.epochs, "--out", out, "--quiet", *setting)
            rows.append([" ".join(setting) or "defaults", run["validation_loss"], round(run["wall_seconds"])])
    best = min(row[1] for row in rows)
    print_place()
    print_table(
        ["setting", "validation nats", "over the best", "s"],
        [[row[0], row[1], row[1] - best, row[2]] for row in sorted(rows, key=lambda row: row[1])],
    )


if __name__ == "__main__":
    main()
