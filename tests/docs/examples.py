"""The files that the docs speak of, made small: a command of the docs finds here what a reader would bring.

A new name in the docs needs a line in EXAMPLES.
"""

from __future__ import annotations

import gzip
import json
import math
import random
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np

WORDS = [
    "to",
    "be",
    "or",
    "not",
    "that",
    "is",
    "the",
    "question",
    "whether",
    "nobler",
    "in",
    "mind",
    "suffer",
    "slings",
    "and",
    "arrows",
    "of",
    "fortune",
]
MOODS = {"good": ["lovely", "bright", "kind", "warm"], "bad": ["dull", "cold", "broken", "sad"]}
EXAMPLES_OF_A_CLASS = 24


def play(seed: int = 0, lines: int = 160) -> str:
    """Speeches in the look of a play, with the prompts that the docs use: about 8 kB.

    Every word begins a line, so that all plays have the same characters and a model of one can read another.
    """
    draw = random.Random(seed)
    names = ["ROMEO", "JULIET", "HAMLET"]
    spoken = (
        f"{WORDS[i % len(WORDS)].capitalize()} {draw.choice(WORDS)}, {' '.join(draw.choices(WORDS, k=6))}.\n"
        for i in range(lines)
    )
    return "".join(f"{names[i % len(names)]}:\n{''.join(islice(spoken, 4))}\n" for i in range(lines // 4))


def opinions() -> list[tuple[str, str]]:
    """(text, label): the label follows from one word of the text."""
    draw = random.Random(1)
    return [
        (f"a {draw.choice(MOODS[label])} {draw.choice(WORDS)} it was", label)
        for _ in range(EXAMPLES_OF_A_CLASS)
        for label in MOODS
    ]


def names() -> list[tuple[str, str]]:
    """(name, nation): each nation has its own endings."""
    draw = random.Random(3)
    endings = {"Italian": ["ini", "etti"], "Polish": ["ski", "wicz"], "Greek": ["opoulos", "akis"]}
    starts = ["Mar", "Kor", "Bel", "Tad", "Gal", "Pap", "Nik", "Ros"]
    return [(draw.choice(starts) + draw.choice(endings[nation]), nation) for _ in range(60) for nation in endings]


def waves() -> tuple[np.ndarray, np.ndarray]:
    """X [N, T=16, C=2], y [N]: slow and fast sine waves with some noise."""
    draw = np.random.default_rng(2)
    y = np.repeat(["slow", "fast"], EXAMPLES_OF_A_CLASS)
    turns = np.where(y == "slow", 1.0, 3.0)[:, None] * np.linspace(0.0, math.tau, 16)
    clean = np.stack([np.sin(turns), np.cos(turns)], axis=-1)
    return clean + draw.normal(scale=0.1, size=clean.shape), y


def text(seed: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(play(seed), encoding="utf-8")

    return write


def text_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(play().encode()))


def text_folder(path: Path) -> None:
    path.mkdir()
    for name in ("one", "two"):
        (path / f"{name}.txt").write_text(play(len(name)), encoding="utf-8")


def table(separator: str, header: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        rows = [separator.join(row) for row in opinions()]
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")

    return write


def names_table(path: Path) -> None:
    rows = [("name", "nation"), *names()]
    path.write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")


def jsonl(path: Path) -> None:
    rows = [json.dumps({"text": text, "label": label}) for text, label in opinions()]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def class_folder(path: Path) -> None:
    path.mkdir()
    for wanted in MOODS:
        texts = [text for text, label in opinions() if label == wanted]
        (path / f"{wanted}.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")


def ts(path: Path) -> None:
    values, labels = waves()
    rows = [
        ":".join(",".join(f"{value:.4f}" for value in channel) for channel in series.T) + f":{label}"
        for series, label in zip(values, labels, strict=True)
    ]
    head = ["@problemName waves", "@timeStamps false", "@missing false", "@univariate false", "@dimensions 2"]
    head += ["@equalLength true", "@seriesLength 16", "@classLabel true slow fast", "@data"]
    path.write_text("\n".join([*head, *rows]) + "\n", encoding="utf-8")


def npz(path: Path) -> None:
    values, labels = waves()
    np.savez(path, X=values, y=labels)


EXAMPLES: dict[str, Callable[[Path], None]] = {
    "shakespeare.txt": text(0),
    "book.txt": text(4),
    "held-out.txt": text(5),
    "notes.txt.gz": text_gzip,
    "notes": text_folder,
    "names.csv": names_table,
    "reviews.csv": table(",", "text,label"),
    "new-reviews.csv": table(",", "text,label"),
    "reviews.tsv": table("\t", "text\tlabel"),
    "tickets.csv": table(",", "message,team"),
    "reviews.jsonl": jsonl,
    "reviews": class_folder,
    "gestures.ts": ts,
    "gestures.npz": npz,
}


def write_examples(folder: Path) -> None:
    for name, write in EXAMPLES.items():
        write(folder / name)
