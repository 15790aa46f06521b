"""Dropout: what share, what scale, whose random numbers."""

from __future__ import annotations

import pytest
import torch

from unspool.engine.dropout import dropout


def test_the_share_is_dropped_and_the_rest_scaled(generator: torch.Generator) -> None:
    x = torch.full((300, 100), 3.0, requires_grad=True)
    before = torch.get_rng_state()
    y = dropout(x, 0.25, True, generator)
    assert torch.equal(torch.get_rng_state(), before)
    assert y.unique().tolist() == pytest.approx([0, 4])
    assert (y == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(gradient, y / 3)


def test_nothing_happens_outside_training_or_at_0(generator: torch.Generator) -> None:
    x = torch.rand(3, 4)
    assert dropout(x, 0.5, False, generator) is x
    assert dropout(x, 0.0, True, generator) is x
    assert not torch.equal(dropout(x, 0.5, True), x)
