"""Run the public command line as a user does, read its JSON, and print a table that says where it was measured."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def unspool(*arguments: str | Path, env: dict[str, str] | None = None) -> dict[str, Any]:
    """Run `unspool ARGUMENTS --json` in a process of its own and return its object and the wall seconds."""
    command = [sys.executable, "-m", "unspool", *map(str, arguments), "--json"]
    began = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env={**os.environ, **(env or {})})
    return {**json.loads(done.stdout), "wall_seconds": time.monotonic() - began}


def print_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a Markdown table, floats with four digits."""
    print("| " + " | ".join(header) + " |")
    print("|" + " --- |" * len(header))
    for row in rows:
        print("| " + " | ".join(f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in row) + " |")


def print_place() -> None:
    """Print the command, the machine, the versions and the date, as docs/benchmarks.md asks for."""
    import torch

    model = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    print(f"`python {' '.join(sys.argv)}` on {model}, {os.cpu_count()} cores, torch {torch.__version__}, ", end="")
    print(f"Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}\n")


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
