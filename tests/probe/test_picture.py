"""The picture is drawn from whatever was found, and says what it needs."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

from unspool.errors import MissingExtra, SpecError
from unspool.probe.gates import Activity
from unspool.probe.gradient import Flow
from unspool.probe.matrices import Stretch
from unspool.probe.picture import draw

FLOWS = [
    Flow(1, "forward", "h", (1.0, 0.1, 0.0, math.nan), (2, 2, 1, 0)),
    Flow(1, "backward", "c", (0.0, 0.0), (1, 1)),
]
GATES = [Activity(1, "forward", "i", 0.5, 0.0, 1.0, 0.1, 0.9, 0.25, 0.5)]
MATRICES = [Stretch(1, "forward", "i", 1.5, 0.7, None)]


def test_it_is_drawn(tmp_path: Path) -> None:
    assert "layer 1 forward i" in draw(FLOWS, GATES, MATRICES, tmp_path / "p.svg").read_text(encoding="utf-8")
    assert draw([], [], [], tmp_path / "empty.png").read_bytes().startswith(b"\x89PNG")


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"end in \.png"):
        draw(FLOWS, GATES, MATRICES, tmp_path / "p.docx")


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"pip install 'unspool\[pictures\]'"):
        draw(FLOWS, GATES, MATRICES, tmp_path / "p.png")
