"""Graves's RMSProp against its four lines in plain numbers, and resumed."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from tests.tasks.made import LANGUAGE, story
from unspool.tasks.start import Session, begin, reopen
from unspool.training.options import Budget
from unspool.training.rmsprop import GravesRMSProp


def graves(w: float, derivatives: list[float]) -> float:
    """(38)-(45)."""
    n = g = delta = 0.0
    for e in derivatives:
        n = 0.95 * n + 0.05 * e**2
        g = 0.95 * g + 0.05 * e
        delta = 0.9 * delta - 0.0001 * e / math.sqrt(n - g**2 + 0.0001)
        w = w + delta
    return w


def test_it_is_the_four_lines_of_the_paper() -> None:
    derivatives = torch.randn(30, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    derivatives = derivatives * torch.logspace(-4, 3, 6, dtype=torch.float64).view(2, 3)  # the floor is 0.01
    weight = torch.nn.Parameter(torch.linspace(-1, 1, 6, dtype=torch.float64).view(2, 3))
    start = weight.detach().clone()
    optimiser = GravesRMSProp([weight])
    for derivative in derivatives:
        weight.grad = derivative.clone()
        optimiser.step()
        assert torch.equal(weight.grad, derivative)
    expected = [graves(float(start[i, j]), derivatives[:, i, j].tolist()) for i in range(2) for j in range(3)]
    torch.testing.assert_close(
        weight.detach().flatten(), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-14
    )


def test_a_derivative_that_stays_the_same_leaves_the_root_its_floor() -> None:
    """n - g^2 is 0 in the end; rounding must not make it less."""
    weight = torch.nn.Parameter(torch.zeros(200))
    optimiser = GravesRMSProp([weight], lr=1e-8)
    for step in range(600):
        weight.grad = torch.logspace(0, 5, 200) * (2 if step < 100 else 1)
        optimiser.step()
    assert bool(weight.isfinite().all())


def test_weight_decay_is_decoupled_and_a_weight_without_derivative_stays() -> None:
    weight, other = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    optimiser = GravesRMSProp([weight, other], lr=0.5, weight_decay=0.1)
    weight.grad = torch.zeros(2)
    optimiser.step()
    assert weight.tolist() == pytest.approx([0.95, 0.95]) and other.tolist() == [1.0, 1.0]


def start(out: Path) -> Session:
    options = {**LANGUAGE, "optimizer": "graves", "learning_rate": 0.01}
    text = out.parent / "story.txt"
    text.write_text(story(), encoding="utf-8")
    return begin("language", [str(text)], options=options, budget=Budget("steps", 12), out=str(out), baseline=False)


def test_a_resumed_training_is_the_one_that_never_stopped(tmp_path: Path) -> None:
    for _ in (whole := start(tmp_path / "whole")).events:
        pass
    assert isinstance(whole.training.optimizer, GravesRMSProp)
    stopped = start(tmp_path / "stopped")
    for event in stopped.events:
        if event.step >= 5:
            break
    stopped.close()
    session = reopen(tmp_path / "stopped", None)
    assert isinstance(session, Session)
    for _ in session.events:
        pass
    for name in ("model.safetensors", "last.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "stopped" / name).read_bytes()
