"""Named styles, sampled from a model: `python benchmarks/handwriting_styles.py MODEL SHEET.svg [--count N] ...`.

Without `--take` it draws a sheet of samples in the order of their numbers, and prints what tells their hands apart.
With `--take round=3 --take narrow=17` it writes the chosen ones to `--output`, for `src/unspool/models/styles.json`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

import numpy as np
from command import print_table

import unspool
from unspool.data.pen.strokes import Strokes
from unspool.ink.options import Page
from unspool.ink.write import write_pages
from unspool.tasks.pen.handwriting import Handwriting
from unspool.tasks.pen.styles import write_styles

TEXT = "the quick brown fox"


def main() -> None:
    """Draw a sheet of samples, or write the chosen ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("sheet", type=Path, nargs="?")
    parser.add_argument("--text", default=TEXT, help="which every sample says")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bias", type=float, default=0.3, help="low, so that the hands differ")
    parser.add_argument("--take", action="append", default=[], metavar="NAME=NUMBER")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    task = cast(Handwriting, unspool.load(given.model))

    def sample(number: int) -> Strokes:
        line = next(task.lines(given.text, bias=given.bias, seed=given.seed, first=number))
        if not line.finished:
            print(f"sample {number} was cut off before its text was at its end")
        return line.strokes

    if given.take:
        if given.output is None:
            parser.error("--take chooses what is written to --output; give both")
        chosen = dict(item.split("=", 1) for item in given.take)
        file = write_styles({name: sample(int(number)) for name, number in chosen.items()}, given.output)
        print(f"{len(chosen)} styles: {file}, {file.stat().st_size} bytes")
        return
    if given.sheet is None:
        parser.error("name a file for the sheet, or --take what is to be written")
    samples = [sample(number) for number in range(given.count)]
    for file in write_pages([[strokes] for strokes in samples], given.sheet, Page()):
        print(f"sheet: {file}")
    rows = [[number, *traits(strokes)] for number, strokes in enumerate(samples)]
    print_table(["sample", "strokes a letter", "width of a letter", "ascenders", "slant"], rows)


def traits(strokes: Strokes) -> list[object]:
    """What a hand is told by: how joined, how wide, how tall, how slanted it is; lengths in small letters."""
    letters = len("".join((strokes.text or "").split()))
    left, _, right, top = strokes.bounds()
    steps = np.diff(strokes.points, axis=0)[~strokes.last[:-1]]
    down = steps[steps[:, 1] < 0]  # slant by the down strokes, each as much as it is long
    slant = -float((down[:, 0] * -down[:, 1]).sum() / max(float((down[:, 1] ** 2).sum()), 1e-9))
    return [len(strokes.ends) / letters, (right - left) / letters, top, slant]


if __name__ == "__main__":
    main()
