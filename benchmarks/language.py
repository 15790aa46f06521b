"""The default language model at fixed work and at fixed time: `python benchmarks/language.py TEXT [--minutes 3]`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from command import print_place, print_table, unspool


def main() -> None:
    """Train with the defaults and print loss, baseline, size and speed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text")
    parser.add_argument("--epochs", type=float, default=8)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", help="keep the runs here")
    given = parser.parse_args()
    budget = ["--minutes", given.minutes] if given.minutes else ["--epochs", given.epochs]
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(given.seeds):
            out = Path(given.out or scratch, f"seed-{seed}")
            run = unspool(
                "train", "language", given.text, *map(str, budget), "--seed", str(seed), "--out", out, "--force"
            )
            options = run["options"]
            size = f"{options['layers']}x{options['hidden_size']}, dropout {options['dropout']}"
            rows.append(
                [
                    Path(given.text).name,
                    " ".join(map(str, budget)),
                    seed,
                    size,
                    run["validation_loss"],
                    run["bits_per_character"],
                    run["baseline"]["5-gram"],
                    round(run["tokens_per_second"]),
                    round(run["wall_seconds"]),
                ]
            )
    print_place()
    header = [
        "text",
        "budget",
        "seed",
        "network",
        "validation nats",
        "bits a character",
        "5-gram nats",
        "symbols/s",
        "s",
    ]
    print_table(header, rows)


if __name__ == "__main__":
    main()
