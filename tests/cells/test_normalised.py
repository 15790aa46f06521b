"""The normalised cells against Ba, Kiros and Hinton (2016), equation by equation, in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.laws.cases import Case, normal
from unspool.cells import (
    CELLS,
    NORMALISED,
    ElmanState,
    GRUState,
    LayerNormElman,
    LayerNormGRU,
    LayerNormLSTM,
    LSTMState,
)
from unspool.engine import kernels, run, unroll
from unspool.errors import SpecError

Array = NDArray[np.float64]


def _sigma(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def _ln(z: Array, gain: Array, bias: Array) -> Array:
    """(15) and (16) of the supplementary material, with torch's epsilon."""
    mu = z.mean(-1, keepdims=True)
    sd = np.sqrt(((z - mu) ** 2).mean(-1, keepdims=True) + 1e-5)
    return (z - mu) / sd * gain + bias


def _elman(get: dict[str, Array], x: Array, h: Array, c: Array, mask: Array) -> dict[str, Array]:
    a = (mask * h) @ get["weight_hh"].T + x @ get["weight_ih"].T
    a = _ln(a, get["gain"], get["bias_ih"] + get["bias_hh"])  # (4)
    return {"a": a, "h": np.tanh(a)}


def _lstm(get: dict[str, Array], x: Array, h: Array, c: Array, mask: Array) -> dict[str, Array]:
    recurrent = _ln((mask * h) @ get["weight_hh"].T, get["gain_hh"], get["bias_hh"])
    sums = recurrent + _ln(x @ get["weight_ih"].T, get["gain_ih"], get["bias_ih"])  # (20)
    a_i, a_f, a_g, a_o = np.split(sums, 4, axis=-1)
    c = _sigma(a_f) * c + _sigma(a_i) * np.tanh(a_g)  # (21)
    h = _sigma(a_o) * np.tanh(_ln(c, get["gain_c"], get["bias_c"]))  # (22)
    return {"i": _sigma(a_i), "f": _sigma(a_f), "g": np.tanh(a_g), "o": _sigma(a_o), "c": c, "h": h}


def _gru(get: dict[str, Array], x: Array, h: Array, c: Array, mask: Array) -> dict[str, Array]:
    size = h.shape[-1]
    rz, n = slice(0, 2 * size), slice(2 * size, 3 * size)
    m = mask * h

    def ln(z: Array, rows: slice, side: str) -> Array:
        return _ln(z @ get[f"weight_{side}"][rows].T, get[f"gain_{side}"][rows], get[f"bias_{side}"][rows])

    r, z = np.split(_sigma(ln(m, rz, "hh") + ln(x, rz, "ih")), 2, axis=-1)  # (26)
    candidate = np.tanh(ln(x, n, "ih") + r * ln(m, n, "hh"))  # (27)
    return {"r": r, "z": z, "n": candidate, "h": z * h + (1 - z) * candidate}  # (28), z for 1 - z


MODELS: list[tuple[str, Any, Callable[..., dict[str, Array]], Any]] = [
    ("rnn", LayerNormElman, _elman, ElmanState),
    ("lstm", LayerNormLSTM, _lstm, LSTMState),
    ("gru", LayerNormGRU, _gru, GRUState),
]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("name", "kind", "equations", "state"), MODELS, ids=[model[0] for model in MODELS])
def test_every_quantity_is_the_equation(
    name: str, kind: Any, equations: Callable[..., dict[str, Array]], state: Any, masked: bool
) -> None:
    generator = torch.Generator().manual_seed(4)
    cell = Case(name, lambda: kind(3, 4, recurrent_dropout=0.5 if masked else 0.0)).build(generator)
    x, h, c = normal(generator, 6, 2, 3), normal(generator, 2, 4), normal(generator, 2, 4)
    mask = cell.draw_mask(2, generator)
    output, _, record = unroll(cell, x, state(h, *([c] if name == "lstm" else []), mask), record=cell.records)
    get = {key: value.detach().numpy() for key, value in cell.named_parameters()}
    kept = np.ones((2, 4)) if mask is None else mask.numpy()
    expected: dict[str, list[Array]] = {}
    now: dict[str, Array] = {"h": h.numpy(), "c": c.numpy()}
    for x_t in x.numpy():
        now = {"c": now.get("c", c.numpy())} | equations(get, x_t, now["h"], now.get("c"), kept)
        for key, value in now.items():
            expected.setdefault(key, []).append(value)
    for key, values in (record | {"h": output}).items():
        np.testing.assert_allclose(values.detach().numpy(), np.stack(expected[key]), rtol=0, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("name", list(NORMALISED))
def test_gains_begin_at_1_and_biases_at_0(name: str) -> None:
    cell = NORMALISED[name](3, 4)
    for _ in range(2):
        for key, value in cell.named_parameters():
            if not key.startswith("weight"):
                assert torch.equal(value, torch.full_like(value, float(key.startswith("gain")))), key
        with torch.no_grad():
            for value in cell.parameters():
                value.fill_(0.3)
        cell.reset_parameters()
    assert 0 < cell.weight_hh.std() < 0.5


@pytest.mark.parametrize("name", list(NORMALISED))
def test_the_scale_of_the_recurrent_matrix_does_not_matter(name: str) -> None:
    """Ba et al., section 5.1: invariant to a rescaling of the weight matrix; here of both, as (4) adds them up."""
    generator = torch.Generator().manual_seed(4)
    cell = Case(name, lambda: NORMALISED[name](3, 8)).build(generator)
    x = normal(generator, 5, 2, 3)
    start = cell.init_state(2)
    start = start._replace(h=normal(generator, 2, 8))
    before = unroll(cell, x, start).output
    with torch.no_grad():
        cell.weight_hh.mul_(100)
        cell.weight_ih.mul_(100)
    torch.testing.assert_close(unroll(cell, x, start).output, before, rtol=0, atol=1e-4)  # epsilon


@pytest.mark.parametrize("name", list(NORMALISED))
def test_no_kernel_takes_them(name: str) -> None:
    from unspool.engine import choose

    cell = NORMALISED[name](3, 4)
    choice = choose(cell, torch.zeros(20, 2, 3), cell.init_state(2))
    assert choice.kernel == "loop"
    assert f"no native kernel for {type(cell).__name__}" in choice.reason
    with kernels(True):
        assert run(cell, torch.zeros(20, 2, 3)).output.shape == (20, 2, 4)


def test_they_are_the_cells_they_are_made_of() -> None:
    assert all(issubclass(NORMALISED[name], CELLS[name]) for name in CELLS)


def test_sizes_are_checked() -> None:
    with pytest.raises(SpecError, match="hidden_size must be at least 1, got 0"):
        LayerNormLSTM(3, 0)
