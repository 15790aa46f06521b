"""What every test runs under."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    """A source of random numbers that is the same in every run."""
    return torch.Generator().manual_seed(1)


@pytest.fixture
def rendered() -> None:
    """For a test that wants the pictures of its trainings as users get them."""


@pytest.fixture(autouse=True)
def _no_picture_is_rendered(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a training draws into its run folder is composed, but written as nothing: it takes longer than the training.

    What is drawn by a call, or by --output, is rendered, and so is all that the pages of the docs draw.
    """
    if "rendered" in request.fixturenames:
        return
    for module in ("unspool.tasks.start", "unspool.training.log"):  # by name: an import up there would not be measured
        monkeypatch.setattr(f"{module}.save", _nothing)


def _nothing(figure: Any, path: Path) -> Path:
    path.write_bytes(b"")
    return path
