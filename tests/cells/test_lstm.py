"""The LSTM against a transcription of Graves (2013), (7)-(11), symbol by symbol."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.laws.cases import Case, normal
from unspool.cells import LSTM, LSTMState
from unspool.engine import unroll

Array = NDArray[np.float64]


def _sigma(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def _graves(cell: LSTM, x: Array, h: Array, c: Array, mask: Array) -> dict[str, Array]:
    """Every quantity of (7)-(11) over time; the matrices of the peepholes are diagonal, as there."""
    get = {key: value.detach().numpy() for key, value in cell.named_parameters()}
    w_xi, w_xf, w_xc, w_xo = np.split(get["weight_ih"], 4)
    w_hi, w_hf, w_hc, w_ho = np.split(get["weight_hh"], 4)
    b_i, b_f, b_c, b_o = np.split(get["bias_ih"] + get["bias_hh"], 4)
    zero = np.zeros(cell.hidden_size)
    w_ci, w_cf, w_co = (np.diag(get.get(f"weight_peephole_{gate}", zero)) for gate in "ifo")
    steps: dict[str, list[Array]] = {name: [] for name in "ifgoch"}
    for x_t in x:
        m = mask * h
        i = _sigma(x_t @ w_xi.T + m @ w_hi.T + c @ w_ci.T + b_i)  # (7)
        f = _sigma(x_t @ w_xf.T + m @ w_hf.T + c @ w_cf.T + b_f)  # (8)
        g = np.tanh(x_t @ w_xc.T + m @ w_hc.T + b_c)
        c = f * c + i * g  # (9)
        o = _sigma(x_t @ w_xo.T + m @ w_ho.T + c @ w_co.T + b_o)  # (10), with the new c
        h = o * np.tanh(c)  # (11)
        for name, value in zip("ifgoch", (i, f, g, o, c, h), strict=True):
            steps[name].append(value)
    return {name: np.stack(values) for name, values in steps.items()}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("peephole", [False, True])
def test_every_quantity_is_graves(peephole: bool, masked: bool, generator: torch.Generator) -> None:
    dropout = 0.5 if masked else 0.0
    cell = Case("", lambda: LSTM(3, 4, peephole=peephole, recurrent_dropout=dropout)).build(generator)
    x, h, c = normal(generator, 6, 2, 3), normal(generator, 2, 4), normal(generator, 2, 4)
    mask = cell.draw_mask(2, generator)
    output, state, record = unroll(cell, x, LSTMState(h, c, mask), record=cell.records)
    kept = np.ones((2, 4)) if mask is None else mask.numpy()
    expected = _graves(cell, x.numpy(), h.numpy(), c.numpy(), kept)
    for name, values in (record | {"h": output}).items():
        np.testing.assert_allclose(values.detach().numpy(), expected[name], rtol=0, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(state.c.detach().numpy(), expected["c"][-1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(state.h.detach().numpy(), expected["h"][-1], rtol=0, atol=1e-12)


def test_the_parameters_are_torchs_and_the_peepholes_stand_beside_them() -> None:
    shapes = {name: tuple(value.shape) for name, value in LSTM(3, 4, peephole=True).named_parameters()}
    theirs = {name: tuple(value.shape) for name, value in torch.nn.LSTMCell(3, 4).named_parameters()}
    assert shapes == theirs | {f"weight_peephole_{gate}": (4,) for gate in "ifo"}
    assert LSTM(3, 4).state_dict().keys() == theirs.keys()
