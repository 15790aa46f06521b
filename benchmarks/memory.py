"""Peak anonymous memory against the length of the text read and of the text written (Linux only).

`python benchmarks/memory.py`: texts of 1, 10, 100 and 300 MB are made, a small model trains a few updates on each;
those of 64 MB and more lie in the token cache. Then samples of 1,000, 10,000 and 50,000 characters are written.
`--megabytes N` adds a text of N MB.
"""

from __future__ import annotations

import argparse
import os
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, action="append", default=[1, 10, 100, 300])
    sizes = parser.parse_args().megabytes
    words = [f"{first}{last}" for first in "tslmwnrbdf" for last in ("he", "at", "or", "in", "al", "ent")]
    draw = random.Random(0)
    chunks = [" ".join(draw.choices(words, k=400_000))[: 1 << 20] for _ in range(8)]
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        run = str(Path(scratch, "run"))
        os.environ["UNSPOOL_CACHE"] = str(Path(scratch, "cache"))
        for megabytes in sizes:
            text = Path(scratch, "text.txt")
            with text.open("w", encoding="utf-8") as file:
                file.writelines(chunks[place % len(chunks)] for place in range(megabytes))
            small = ["--hidden-size", "32", "--steps", "20", "--validation", "0.001", "--out", run, "--force"]
            rows.append([f"train on {megabytes:,} MB", peak_megabytes("train", "language", str(text), *small)])
        for length in (1_000, 10_000, 50_000):
            rows.append([f"sample {length:,} characters", peak_megabytes("sample", run, "--length", str(length))])
    print_place()
    print_table(["what", "peak anonymous MB"], rows)


if __name__ == "__main__":
    main()
