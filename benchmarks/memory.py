"""Peak anonymous memory against the length of the text read and of the text written (Linux only).

`python benchmarks/memory.py`: texts of 1, 10 and 100 MB are made, a small model trains a few updates on each; then
samples of 1,000, 10,000 and 50,000 characters are written.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from command import print_place, print_table


def peak_megabytes(*arguments: str) -> float:
    """Run `unspool ARGUMENTS` and return the largest anonymous memory that was seen, looking every 20 ms."""
    command = [sys.executable, "-m", "unspool", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    status, peak = Path(f"/proc/{process.pid}/status"), 0
    while process.poll() is None:
        lines = status.read_text().splitlines() if status.exists() else []
        peak = max([peak, *(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))])
        time.sleep(0.02)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed with {process.returncode}")
    return peak / 1024


def main() -> None:
    """Print both tables."""
    words = [f"{first}{last}" for first in "tslmwnrbdf" for last in ("he", "at", "or", "in", "al", "ent")]
    draw = random.Random(0)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        run = str(Path(scratch, "run"))
        for megabytes in (1, 10, 100):
            text = Path(scratch, "text.txt")
            with text.open("w", encoding="utf-8") as file:
                for _ in range(megabytes):
                    chunk = " ".join(draw.choices(words, k=400_000))[: 1 << 20]
                    file.write(chunk)
            small = ["--hidden-size", "32", "--steps", "20", "--validation", "0.001", "--out", run, "--force"]
            rows.append([f"train on {megabytes} MB", peak_megabytes("train", "language", str(text), *small)])
        for length in (1_000, 10_000, 50_000):
            rows.append([f"sample {length:,} characters", peak_megabytes("sample", run, "--length", str(length))])
    print_place()
    print_table(["what", "peak anonymous MB"], rows)


if __name__ == "__main__":
    main()
