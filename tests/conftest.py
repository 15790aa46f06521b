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
def instructions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A test with the native kernels in these instructions, skipped where the processor has none of them."""
    from unspool.engine.library import isa
    from unspool.errors import SpecError

    monkeypatch.setenv("UNSPOOL_KERNELS", request.param)
    try:
        assert isa() == request.param
    except SpecError as error:
        pytest.skip(str(error))
    return str(request.param)


@pytest.fixture
def bfloat16(instructions: str) -> None:
    """A test of products of bfloat16 in these instructions, skipped where the processor has none."""
    from unspool.engine.library import has_bfloat16

    if not has_bfloat16():
        pytest.skip(f"this processor has no bfloat16 products in {instructions}")


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
