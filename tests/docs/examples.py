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
import soundfile

from unspool.data.pen.made import made_inks
from unspool.data.pen.plain import to_plain
from unspool.data.sound.made import made_sounds

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


def power(path: Path) -> None:
    """Readings of a house about every half hour, a day in winter, some of them missing."""
    draw = np.random.default_rng(4)
    minutes = np.cumsum(draw.integers(20, 40, 200))
    stamps = np.datetime64("2020-01-01T00:00") + minutes
    load = 2 + np.sin(minutes / 720 * math.pi) + draw.normal(scale=0.1, size=len(minutes))
    rows = [
        f"{stamp},{value:.3f},{'' if place % 9 == 4 else f'{20 + value / 4:.2f}'}"
        for place, (stamp, value) in enumerate(zip(stamps, load, strict=True))
    ]
    path.write_text("\n".join(["time,load,indoor", *rows]) + "\n", encoding="utf-8")


def sensors(path: Path) -> None:
    """Two sensors in turn, with the zone of their stamps."""
    rows = [
        f"{name},2020-03-{day:02d}T12:00:00+01:00,{day / 7:.3f}" for day in range(1, 29) for name in ("north", "south")
    ]
    path.write_text("\n".join(["sensor,date,level", *rows]) + "\n", encoding="utf-8")


def parquet(path: Path) -> None:
    import pandas  # the other examples need none

    pandas.DataFrame(opinions(), columns=["text", "label"]).to_parquet(path)


def recording(series: np.ndarray, rows: list[str]) -> str:
    """A table of one sequence [T, 2], a row a step, behind the cells that are given for each."""
    return "".join(f"{row}{x:.3f},{y:.3f}\n" for row, (x, y) in zip(rows, series, strict=True))


def walks(path: Path) -> None:
    """Recordings of eight persons in one long table."""
    values, labels = waves()
    parts = [
        recording(series, [f"{number},p{number % 8},{label},{step / 50:.2f}," for step in range(len(series))])
        for number, (series, label) in enumerate(zip(values, labels, strict=True))
    ]
    path.write_text("recording,person,label,time,x,y\n" + "".join(parts), encoding="utf-8")


def recordings(path: Path) -> None:
    for number, (series, label) in enumerate(zip(*waves(), strict=True)):
        (path / label).mkdir(parents=True, exist_ok=True)
        (path / label / f"{number}.csv").write_text("x,y\n" + recording(series, [""] * len(series)), encoding="utf-8")


def digits(path: Path) -> None:
    """Pictures of 4 by 4 pixels in IDX, bright above or below, with their labels."""
    draw = np.random.default_rng(5)
    labels = np.arange(240, dtype=np.uint8) % 2
    pictures = draw.integers(0, 100, (240, 4, 4), dtype=np.uint8)
    pictures[labels == 0, :2] += 150
    pictures[labels == 1, 2:] += 150
    path.mkdir()
    for name, array in (("train-images-idx3-ubyte", pictures), ("train-labels-idx1-ubyte", labels)):
        head = np.array([0x0800 + array.ndim, *array.shape], ">u4").tobytes()
        (path / name).write_bytes(head + array.tobytes())


def engines(path: Path) -> None:
    """X [N, T, C] of two sensors, and a number for each: how strong the first of them swings."""
    values, _ = waves()
    strength = np.random.default_rng(6).uniform(0.5, 2, len(values))
    np.savez(path, X=values * strength[:, None, None], y=strength.round(3))


def sentences(path: Path) -> None:
    """Token, tab, label; a blank line between sentences."""
    draw = random.Random(7)
    kinds = {"the": "DET", "a": "DET", "mind": "NOUN", "fortune": "NOUN", "suffer": "VERB", "is": "VERB"}
    spoken = ([draw.choice(["the", "a"]), "mind", draw.choice(["is", "suffer"]), "the", "fortune"] for _ in range(40))
    path.write_text(
        "\n".join("".join(f"{word}\t{kinds[word]}\n" for word in words) for words in spoken), encoding="utf-8"
    )


def motion(path: Path) -> None:
    """Recordings of two channels, each row with the kind of motion at that time: still, then moving, then still."""
    values, _ = waves()
    kinds = ["still"] * 5 + ["moving"] * 6 + ["still"] * 5
    rows = "".join(
        recording(series, [f"{number},{kind}," for kind in kinds]) for number, series in enumerate(values[:24])
    )
    path.write_text("recording,motion,swing,tilt\n" + rows, encoding="utf-8")


def videos(path: Path) -> None:
    """X [N, T, H, W]: pictures that are bright on the left or on the right, and y [N, T], which of both."""
    draw = np.random.default_rng(8)
    y = draw.integers(0, 2, (16, 6))
    frames = draw.integers(0, 100, (16, 6, 8, 8), dtype=np.uint8)
    frames[..., :4] += (150 * (y == 0))[..., None, None].astype(np.uint8)
    frames[..., 4:] += (150 * (y == 1))[..., None, None].astype(np.uint8)
    np.savez(path, X=frames, y=np.where(y == 0, "left", "right"))


def live(path: Path) -> None:
    """Rows of three devices in turn, two channels each."""
    values, _ = waves()
    rows = [
        f"device-{device},{x:.3f},{y:.3f}"
        for step in zip(*values[:3], strict=True)
        for device, (x, y) in enumerate(step)
    ]
    path.write_text("\n".join(["device,swing,tilt", *rows]) + "\n", encoding="utf-8")


def demand(days: int, first: str = "2024-01-01", unknown: int = 0) -> Callable[[Path], None]:
    """Hours of a load that follows day and temperature; of the last `unknown` hours, only what is known ahead."""

    def write(path: Path) -> None:
        draw = np.random.default_rng(9)
        hours = np.arange(24 * days)
        day = np.datetime64(first, "h") + hours
        warmth = 10 + 5 * np.sin((hours - 8) / 24 * math.tau) + draw.normal(scale=0.5, size=len(hours))
        load = 50 - warmth + 8 * np.sin(hours / 24 * math.tau) + draw.normal(size=len(hours))
        holiday = hours // 24 % 7 == 6
        rows = [
            f"{stamp},{'' if hour >= len(hours) - unknown else f'{load[hour]:.2f}'},"
            f"{'' if hour >= len(hours) - unknown else f'{warmth[hour]:.1f}'},{int(holiday[hour])}"
            for hour, stamp in enumerate(day)
        ]
        path.write_text("\n".join(["time,load,warmth,holiday", *rows]) + "\n", encoding="utf-8")

    return write


def shops(path: Path) -> None:
    """Daily sales of three shops, counts."""
    draw = np.random.default_rng(10)
    days = np.datetime64("2023-01-01") + np.arange(200)
    rows = [
        f"{shop},{day},{draw.poisson(5 * size * (1.5 if place % 7 > 4 else 1))}"
        for size, shop in enumerate(("Aachen", "Bonn", "Celle"), start=1)
        for place, day in enumerate(days)
    ]
    path.write_text("\n".join(["shop,date,sold", *rows]) + "\n", encoding="utf-8")


def hands(samples: int, seed: int) -> Callable[[Path], None]:
    """Words that four made hands wrote, in whole pixels of a screen."""

    def write(path: Path) -> None:
        plain = [
            to_plain(sample.transformed([[30, 0, 0], [0, 30, 0]]), "down") for sample in made_inks(samples, 4, seed)
        ]
        for sample in plain:
            sample["strokes"] = [[[round(x), round(y)] for x, y in stroke] for stroke in sample["strokes"]]
        path.write_text("\n".join(map(json.dumps, plain)), encoding="utf-8")

    return write


def speech(path: Path) -> None:
    """Made syllables, and a list of their texts."""
    (path / "wavs").mkdir(parents=True)
    sounds = made_sounds(24, 4)
    for number, sound in enumerate(sounds):
        soundfile.write(path / "wavs" / f"{number}.wav", sound.samples(8000), 8000)
    texts = [f"{number}|{sound.text}|{sound.text}\n" for number, sound in enumerate(sounds)]
    (path / "metadata.csv").write_text("".join(texts), encoding="utf-8")


def spoken(path: Path) -> None:
    """One more recording."""
    soundfile.write(path, made_sounds(1, 1, seed=1)[0].samples(11025), 11025)


def said(path: Path) -> None:
    """What is said, a line for each recording."""
    path.write_text("".join(f"{sound.text}\n" for sound in made_sounds(120, 4, seed=2)), encoding="utf-8")


def letter(path: Path) -> None:
    """Paragraphs in the characters of the hands."""
    said = " ".join(["the dog and the fox", "jump over the quick brown mind", "for the lazy hand"] * 2)
    path.write_text(f"hello fox\n\n{said}\n{said}\n\nthe dog\n", encoding="utf-8")


EXAMPLES: dict[str, Callable[[Path], None]] = {
    "speech": speech,
    "new.wav": spoken,
    "said.txt": said,
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
    "power.csv": power,
    "sensors.csv": sensors,
    "reviews.parquet": parquet,
    "walks.csv": walks,
    "recordings": recordings,
    "digits": digits,
    "engines.npz": engines,
    "sentences.txt": sentences,
    "motion.csv": motion,
    "videos.npz": videos,
    "live.csv": live,
    "demand.csv": demand(21),
    "tomorrow.csv": demand(22, unknown=24),
    "later.csv": demand(14, "2024-02-05"),
    "shops.csv": shops,
    "lines.json": hands(50, 0),
    "more-lines.json": hands(20, 1),
    "me.json": hands(1, 2),
    "letter.txt": letter,
}


def write_examples(folder: Path) -> None:
    for name, write in EXAMPLES.items():
        write(folder / name)
