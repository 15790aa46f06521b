"""The GRU against its equations in NumPy, with the reset gate after and before the recurrent product."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.laws.cases import Case, normal
from unspool.cells import GRU, GRUState
from unspool.engine import unroll
from unspool.errors import SpecError

Array = NDArray[np.float64]


def _sigma(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def _equations(cell: GRU, x: Array, h: Array, mask: Array) -> dict[str, Array]:
    get = {key: value.detach().numpy() for key, value in cell.named_parameters()}
    w_r, w_z, w = np.split(get["weight_ih"], 3)
    u_r, u_z, u = np.split(get["weight_hh"], 3)
    b_r, b_z, b = np.split(get["bias_ih"], 3)
    d_r, d_z, d = np.split(get["bias_hh"], 3)
    steps: dict[str, list[Array]] = {name: [] for name in "rznh"}
    for x_t in x:
        m = mask * h
        r = _sigma(x_t @ w_r.T + b_r + m @ u_r.T + d_r)
        z = _sigma(x_t @ w_z.T + b_z + m @ u_z.T + d_z)
        if cell.reset == "before":
            n = np.tanh(x_t @ w.T + b + (r * m) @ u.T + d)  # Cho et al. (2014), (8), with biases
        else:
            n = np.tanh(x_t @ w.T + b + r * (m @ u.T + d))  # torch.nn.GRU
        h = z * h + (1 - z) * n  # Cho et al. (2014), (7)
        for name, value in zip("rznh", (r, z, n, h), strict=True):
            steps[name].append(value)
    return {name: np.stack(values) for name, values in steps.items()}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("reset", ["after", "before"])
def test_every_quantity_is_the_equation(reset: str, masked: bool, generator: torch.Generator) -> None:
    dropout = 0.5 if masked else 0.0
    cell = Case("", lambda: GRU(3, 4, reset=reset, recurrent_dropout=dropout)).build(generator)
    x, h = normal(generator, 6, 2, 3), normal(generator, 2, 4)
    mask = cell.draw_mask(2, generator)
    output, state, record = unroll(cell, x, GRUState(h, mask), record=cell.records)
    expected = _equations(cell, x.numpy(), h.numpy(), np.ones((2, 4)) if mask is None else mask.numpy())
    for name, values in (record | {"h": output}).items():
        np.testing.assert_allclose(values.detach().numpy(), expected[name], rtol=0, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(state.h.detach().numpy(), expected["h"][-1], rtol=0, atol=1e-12)


def test_the_two_resets_differ(generator: torch.Generator) -> None:
    after = Case("", lambda: GRU(3, 4)).build(generator)
    before = GRU(3, 4, reset="before").double()
    before.load_state_dict(after.state_dict())
    x = normal(generator, 3, 2, 3)
    assert not torch.allclose(unroll(after, x).output, unroll(before, x).output)


def test_an_unknown_reset_is_refused() -> None:
    with pytest.raises(
        SpecError, match=r"^reset must be 'after' or 'before' .*, got 'never'; choose 'after' for torch"
    ):
        GRU(3, 4, reset="never")
