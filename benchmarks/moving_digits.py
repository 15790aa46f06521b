"""A label for every frame of videos of moving digits: `python benchmarks/moving_digits.py FOLDER [--videos N] ...`.

FOLDER holds MNIST's training files (train-images-idx3-ubyte and train-labels-idx1-ubyte, .gz or not). In a video of 20
frames of 32 by 32 pixels a digit of 20 by 20 moves, bounces off the borders, and gives way to another digit from time
to time; in three frames of ten it is hidden behind noise, in as many half covered. The digits of the training videos,
of those that the model is chosen by and of those that it is tested on are different ones. Flags that are not ours go
to `unspool train`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from command import print_place, print_table, unspool
from numpy.typing import NDArray

from unspool.data.idx import read_idx
from unspool.data.stepwise import read_stepwise
from unspool.tasks.tagging.baselines import accuracies
from unspool.tasks.tagging.encoding import encoding_of

SIDE, DIGIT, FRAMES = 32, 20, 20
SWITCH = 0.15  # probability that a frame begins another digit
HIDDEN, COVERED = 0.3, 0.3  # shares of frames
GRAIN = 25.0  # deviation of the noise on every pixel, of 255
POOLS = {"train": (0.0, 0.8), "held": (0.8, 0.9), "test": (0.9, 1.0)}  # shares of the digits


def main() -> None:
    """Write the videos, train causal and bidirectional models with the defaults, and print accuracies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--videos", type=int, default=3000, help="for training; a tenth as many are held out and tested"
    )
    parser.add_argument("--seeds", type=int, default=1)
    given, flags = parser.parse_known_args()
    pictures, labels = mnist(given.folder, "images"), mnist(given.folder, "labels")
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as scratch:
        files = {name: Path(scratch, f"{name}.npz") for name in POOLS}
        for number, (name, file) in enumerate(files.items()):
            first, last = (round(share * len(labels)) for share in POOLS[name])
            count = given.videos if name == "train" else max(10, given.videos // 10)
            source = np.random.default_rng(number)
            made = [video(pictures[first:last], labels[first:last], source) for _ in range(count)]
            np.savez(file, X=np.stack([frames for frames, _ in made]), y=np.stack([digits for _, digits in made]))
        rows += per_frame(files)
        for direction, chosen in (("causal", ["--causal"]), ("bidirectional", [])):
            for seed in range(given.seeds):
                out = Path(scratch, f"{direction}-{seed}")
                options = ["--validation", files["held"], "--seed", str(seed), *chosen, *flags]
                run = unspool("train", "tagger", files["train"], *options, "--out", out, "--quiet", "--no-baseline")
                found = unspool("evaluate", out, files["test"])
                rows.append([f"{direction}, seed {seed}", found["accuracy"], found["macro_f1"], run["wall_seconds"]])
    print_place()
    print(f"{given.videos} training videos; measured on {max(10, given.videos // 10)} videos of unseen digits\n")
    print_table(["model", "accuracy over frames", "macro-F1", "training, s"], rows)


def per_frame(files: dict[str, Path]) -> list[list[object]]:
    """Rows of the answers that look at one frame alone, on the test videos."""
    training, test = (read_stepwise(files[name]) for name in ("train", "test"))
    found = accuracies(training, test, encoding_of(training))
    return [[name, accuracy, "", ""] for name, accuracy in found.items()]


def mnist(folder: Path, part: str) -> NDArray[Any]:
    """The pictures [N, 28, 28] or the labels [N] of MNIST's training file."""
    return read_idx(next(path for path in sorted(folder.iterdir()) if path.name.startswith(f"train-{part}")))


def video(
    pictures: NDArray[Any], labels: NDArray[Any], source: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Frames [FRAMES, SIDE, SIDE] and the digit of each [FRAMES]."""
    frames = source.normal(0.0, GRAIN, (FRAMES, SIDE, SIDE))
    digits = np.empty(FRAMES, np.uint8)
    place, speed = source.uniform(0, SIDE - DIGIT, 2), source.uniform(-3, 3, 2)
    margin = (pictures.shape[1] - DIGIT) // 2  # MNIST centres its digits of 20 by 20 in 28 by 28
    for step, frame in enumerate(frames):
        if step == 0 or source.random() < SWITCH:
            number = source.integers(len(labels))
        digits[step] = labels[number]
        top, left = place.round().astype(int)
        window = frame[top : top + DIGIT, left : left + DIGIT]
        disturbance = source.random()
        if disturbance >= HIDDEN:
            window += pictures[number, margin : margin + DIGIT, margin : margin + DIGIT]
        else:
            frame += source.normal(0.0, 4 * GRAIN, frame.shape)
        if HIDDEN <= disturbance < HIDDEN + COVERED:
            window[:, : DIGIT // 2] = 255 * source.random()
        speed = np.where((place + speed < 0) | (place + speed > SIDE - DIGIT), -speed, speed)
        place = place + speed
    return frames.clip(0, 255).astype(np.uint8), digits


if __name__ == "__main__":
    main()
