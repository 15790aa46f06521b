"""The default classifier on labelled sequences: `python benchmarks/classifier.py TRAIN TEST [TRAIN TEST ...]`.

Five seeds; every number is of the test file, which the training never sees. With - in place of a test file a tenth of
each class is set aside first, the same for all seeds. What follows `--` goes to `unspool train`: `-- --minutes 20`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
from command import print_place, print_table, unspool

from unspool.data.labelled import Labelled, read_labelled, split
from unspool.tasks.whole.baselines import accuracies as simple

SET_ASIDE, SPLIT_SEED = 0.1, 12345
BLANKS = str.maketrans("\t\n\r", "   ")


def main() -> None:
    """Train with the defaults for each seed and print mean and range."""
    ours, _, theirs = " ".join(sys.argv[1:]).partition(" -- ")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", help="pairs of training and test file, - for no test file")
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args(ours.split())
    rows = [
        measure(train, test, given.seeds, theirs.split())
        for train, test in zip(given.files[::2], given.files[1::2], strict=True)
    ]
    print_place()
    told = "accuracy (mean)", "range", "macro-F1", "calibration error before, after", "longest s"
    print_table(["data", *told, "baselines on the test file"], rows)


def measure(train: str, test: str, seeds: int, options: list[str]) -> list[object]:
    """Return one row of the table."""
    found, seconds = [], []
    with tempfile.TemporaryDirectory() as scratch:
        known, asked = (train, test) if test != "-" else set_aside(train, Path(scratch))
        for seed in range(seeds):
            out = Path(scratch, f"seed-{seed}")
            told = "--seed", str(seed), "--out", out, "--quiet", "--no-baseline"
            run = unspool("train", "classifier", known, *told, *options)
            found.append(unspool("evaluate", out, asked))
            seconds.append(run["wall_seconds"])
        training = read_labelled(str(known))
        baselines = simple(training, read_labelled(str(asked), classes=training.classes))
    accuracies = [result["accuracy"] for result in found]
    names = ("calibration_error", "calibrated_error")  # the second only where a temperature was fitted
    errors = [statistics.mean(result[name] for result in found) for name in names if name in found[0]]
    return [
        Path(train).stem,
        statistics.mean(accuracies),
        f"{min(accuracies):.4f} to {max(accuracies):.4f}",
        statistics.mean(result["macro_f1"] for result in found),
        ", ".join(f"{error:.4f}" for error in errors),
        round(max(seconds)),
        ", ".join(f"{name} {value:.3f}" for name, value in baselines.items()),
    ]


def set_aside(train: str, folder: Path) -> tuple[Path, Path]:
    """Write the data in two parts, as a table of texts or as arrays."""
    parts = split(read_labelled(train), SET_ASIDE, SPLIT_SEED)
    known, asked = (write(part, folder / name) for part, name in zip(parts, ("train", "test"), strict=True))
    return known, asked


def write(data: Labelled, path: Path) -> Path:
    """Write labelled sequences into a file with an ending of its own."""
    assert data.labels is not None
    names = [data.classes[label] for label in data.labels]
    if data.kind == "text":
        lines = (f"{text.translate(BLANKS)}\t{name}\n" for text, name in zip(data.texts, names, strict=True))
        path = path.with_suffix(".tsv")
        path.write_text("text\tlabel\n" + "".join(lines), encoding="utf-8")
        return path
    path = path.with_suffix(".npz")
    np.savez(path, values=np.concatenate(data.arrays), lengths=data.lengths, labels=np.array(names))
    return path


if __name__ == "__main__":
    main()
