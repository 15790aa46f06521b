"""Nobody waits for a library they did not ask for: torch is imported inside the verbs."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
TRIES = 10

IMPORT = """
import sys, time
start = time.perf_counter()
import unspool
print(time.perf_counter() - start)
print(*sorted({"torch", "numpy", "pandas", "matplotlib"} & set(sys.modules)))
"""


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A new interpreter as a user's would be: with this source, without what a coverage run adds."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("COV_", "COVERAGE_"))}
    environment |= {"PYTHONPATH": str(SOURCE), "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True, timeout=60
    )


def best(measure: Callable[[], float], bound: float) -> float:
    """The least of several timings in seconds, as others can only add; one within the bound ends it."""
    least = float("inf")
    for _ in range(TRIES):
        least = min(least, measure())
        if least < bound:
            break
    return least


def test_the_package_imports_at_once() -> None:
    def measure() -> float:
        seconds, loaded = python("-c", IMPORT).stdout.split("\n")[:2]
        assert loaded == "", f"import unspool has loaded {loaded}"
        return float(seconds)

    assert best(measure, 0.15) < 0.15


def processor_seconds(*arguments: str) -> float:
    """What an interpreter computes: waiting for the test beside this one does not count."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    python(*arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("command", ["--help", "train language --help", "train classifier --help", "sample --help"])
def test_help_answers_at_once(command: str) -> None:
    """In 0.3 s; on a machine that is slow just now, within four times what the libraries alone take to be loaded."""
    words = command.split()
    assert "Usage" in python("-m", "unspool", *words).stdout  # and what is not yet compiled is compiled
    libraries = best(lambda: processor_seconds("-c", "import cyclopts, rich.console"), 0.0)
    bound = max(0.3, 4 * libraries)
    assert best(lambda: processor_seconds("-m", "unspool", *words), bound) < bound
