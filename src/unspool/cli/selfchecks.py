"""The self-checks of `unspool doctor` on the machine at hand: two ways to the same numbers, and their difference."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from unspool.cli import generation_checks, kernel_checks, pen_checks
from unspool.cli.comparison import Comparison, largest
from unspool.nets.sequence import SequenceNet
from unspool.training import checkpoint


class Check(NamedTuple):
    """A self-check's result; `error` is relative to the largest value, nan or a reason where it could not be had."""

    name: str
    error: float
    tolerance: float
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance; nan is not."""
        return not self.reason and self.error <= self.tolerance


def checks(device: torch.device) -> Iterator[Check]:
    """Run all self-checks on a device; one that fails with an exception is a result too."""
    for name, tolerance, error in _all(device):
        try:
            yield Check(name, error(), tolerance)
        except Exception as failure:  # whatever a broken installation does is what we are here to tell
            yield Check(name, float("nan"), tolerance, f"{type(failure).__name__}: {failure}".splitlines()[0])


def _all(device: torch.device) -> Iterator[Comparison]:
    yield from kernel_checks.comparisons(device)
    if device.type == "cpu":
        yield from generation_checks.comparisons()
        yield from pen_checks.comparisons()
        yield Comparison("model file, written and read", 0.0, file_error)


def file_error() -> float:
    """The weights of a small network against those of another that took them from the first one's file."""
    first, second = (_network(seed) for seed in (1, 2))
    document = {"text": "\u00fc\u2028\U0001f600", "number": 0.1}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        checkpoint.write(path, "model", checkpoint.parameters(first), document)
        tensors, found = checkpoint.read(path, "model")
    if found != document:
        raise RuntimeError("the document came back changed")
    checkpoint.load_parameters(second, tensors, str(path))
    return largest(list(second.parameters()), list(first.parameters()))


def _network(seed: int) -> SequenceNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SequenceNet(7, cell="lstm", hidden_size=8, layers=2, embedding_size=5).eval()
