"""Spoken digits, by two splits: `python benchmarks/spoken_digits.py FOLDER [--minutes M] [--leave-out SPEAKER ...]`.

FOLDER is laid out as the Free Spoken Digit Dataset is: LABEL_SPEAKER_INDEX.wav, 50 recordings of each digit by each
speaker, of which indices 0 to 4 are the official test part. With --make, FOLDER is filled with recordings by a speech
synthesiser (espeak-ng, `apt-get install espeak-ng`) in that layout: six voices at speeds and pitches of their own,
with noise, at 8 kHz. Speakers are in both parts of the official split; leaving one out says what a stranger can expect.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from command import print_place, print_table, unspool

VOICES = {
    "anna": "en-us+f2", "ben": "en-gb+m1", "cora": "en-gb-x-rp+f4", "dan": "en-us+m3", "ewan": "en-gb-scotland+m7",
    "fay": "en-029+f5",
}  # fmt: skip
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
RATE, TIMES = 8000, 50
OFFICIAL = "*_[0-4].wav"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--make", action="store_true")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--leave-out", nargs="*", help="speakers; all of them, one after the other, if none is named")
    given = parser.parse_args()
    if given.make:
        make(given.folder)
    found = sorted(given.folder.glob("*_*_*.wav"))
    speakers = sorted({file.stem.split("_")[1] for file in found})
    print_place()
    print(f"{len(found)} recordings of {len(speakers)} speakers\n")
    splits = {"official: indices 0-4": OFFICIAL}
    if given.leave_out is not None:
        splits |= {f"without {speaker}": f"*_{speaker}_*" for speaker in given.leave_out or speakers}
    rows = [[name, *measured(given.folder, pattern, given.minutes, given.threads)] for name, pattern in splits.items()]
    print_table(["held out", "recordings", "digits right", "character error rate", "seconds"], rows)


def measured(folder: Path, pattern: str, minutes: float, threads: int | None) -> list[float]:
    """Train with what matches the pattern held out, and return how that is read."""
    with tempfile.TemporaryDirectory() as out:
        asked = ["--hold-out", pattern, "--minutes", str(minutes), "--out", f"{out}/run", "--quiet"]
        asked += [] if threads is None else ["--threads", str(threads)]
        found = unspool("train", "transcriber", folder, *asked)
    rates = found["exact_match"], found["character_error_rate"]
    return [found["sequences"], *rates, round(found["wall_seconds"])]


def make(folder: Path) -> None:
    """Have every voice say every digit TIMES times, each time a little differently."""
    folder.mkdir(parents=True, exist_ok=True)
    for (speaker, voice), (label, word) in itertools.product(VOICES.items(), enumerate(DIGITS)):
        generator = np.random.default_rng([label, sorted(VOICES).index(speaker)])
        for index in range(TIMES):
            _say(folder / f"{label}_{speaker}_{index}.wav", voice, word, generator)


def _say(file: Path, voice: str, word: str, generator: np.random.Generator) -> None:
    import soundfile
    import soxr

    speed, pitch = np.clip(generator.normal((160, 50), (25, 12)), (100, 10), (240, 90)).astype(int)
    subprocess.run(["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-w", file, word], check=True)
    samples, rate = soundfile.read(file, dtype="float32")
    samples = soxr.resample(samples, rate, RATE)
    samples = samples[np.flatnonzero(np.abs(samples) > 0.01)[0] :]  # FSDD has no silence before the digit either
    loud = generator.uniform(0.2, 1.0)
    noise = generator.normal(0, 10 ** generator.uniform(-3.5, -2.0), len(samples))
    soundfile.write(file, (loud * samples + noise).clip(-1, 1), RATE, subtype="PCM_16")


if __name__ == "__main__":
    main()
