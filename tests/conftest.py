"""What every test runs under."""

from __future__ import annotations

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    """A source of random numbers that is the same in every run."""
    return torch.Generator().manual_seed(1)
