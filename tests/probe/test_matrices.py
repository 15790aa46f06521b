"""Singular values and spectral radii are numpy's, gate by gate."""

from __future__ import annotations

import numpy as np
import pytest

from unspool.cells import CELLS
from unspool.engine.layers import build_stack
from unspool.probe.matrices import stretches

GATES = {"rnn": "a", "lstm": "ifgo", "gru": "rzn"}


@pytest.mark.parametrize("cell", CELLS)
def test_they_are_numpys(cell: str) -> None:
    stack = build_stack(cell, 3, 5, 2, bidirectional=True)
    found = stretches(stack)
    cells = [recurrent.cell for layer in stack for recurrent in (layer.ahead, layer.back)]  # type: ignore[union-attr]
    expected = []
    for place, one in enumerate(cells):
        for gate, matrix in zip(
            GATES[cell], np.split(one.weight_hh.detach().double().numpy(), len(GATES[cell])), strict=True
        ):
            radius = np.abs(np.linalg.eigvals(matrix)).max()
            singular = np.linalg.svd(matrix, compute_uv=False)[0]
            expected.append((1 + place // 2, ("forward", "backward")[place % 2], gate, singular, radius))
    assert [(one.layer, one.direction, one.gate) for one in found] == [row[:3] for row in expected]
    numbers = [(one.singular_value, one.spectral_radius) for one in found]
    np.testing.assert_allclose(numbers, [row[3:] for row in expected], rtol=1e-10)


@pytest.mark.parametrize(("nonlinearity", "limit"), [("tanh", 1.0), ("relu", 1.0), ("sigmoid", 4.0)])
def test_the_plain_network_has_a_limit(nonlinearity: str, limit: float) -> None:
    assert stretches(build_stack("rnn", 2, 3, 1, nonlinearity=nonlinearity))[0].limit == limit
    assert stretches(build_stack("gru", 2, 3, 1))[0].limit is None
