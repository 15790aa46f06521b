"""What the cells bring with them when they are imported."""

from __future__ import annotations

import subprocess
import sys


def test_importing_the_cells_imports_torch_and_themselves_alone() -> None:
    code = (
        "import sys, torch; before = set(sys.modules); import unspool.cells, unspool.engine, unspool.nn;"
        "print(*sorted(set(sys.modules) - before))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    new = found.stdout.split()
    assert "unspool.cells.lstm" in new
    assert [name for name in new if not name.startswith("unspool")] == []
