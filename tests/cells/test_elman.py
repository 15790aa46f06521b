"""The plain network against NumPy: the forward pass, and backpropagation through time derived by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.laws.cases import Case, normal
from unspool.cells import Elman
from unspool.cells.elman import ElmanState
from unspool.engine import unroll
from unspool.errors import SpecError

Array = NDArray[np.float64]

# f, and its derivative as a function of f's value
FUNCTIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh": (np.tanh, lambda h: 1 - h * h),
    "relu": (lambda a: np.maximum(a, 0), lambda h: (h > 0).astype(np.float64)),
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda h: h * (1 - h)),
}


def _bptt(
    name: str, weights: dict[str, Array], x: Array, h0: Array, mask: Array, d_output: Array, d_last: Array
) -> tuple[Array, dict[str, Array]]:
    """The outputs, and the gradients of sum(d_output * output) + sum(d_last * h_T)."""
    f, slope = FUNCTIONS[name]
    u, w, b, c = (weights[key] for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    h = [h0]
    for x_t in x:
        h.append(f(x_t @ u.T + b + (mask * h[-1]) @ w.T + c))
    found = {key: np.zeros_like(value) for key, value in weights.items()}
    d_x, d_h = np.zeros_like(x), d_last
    for t in reversed(range(len(x))):
        d_a = (d_output[t] + d_h) * slope(h[t + 1])
        found["weight_ih"] += d_a.T @ x[t]
        found["weight_hh"] += d_a.T @ (mask * h[t])
        found["bias_ih"] += d_a.sum(axis=0)
        found["bias_hh"] += d_a.sum(axis=0)
        d_x[t] = d_a @ u
        d_h = mask * (d_a @ w)
    return np.stack(h[1:]), found | {"x": d_x, "h0": d_h}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_forward_and_backward_are_the_textbook(name: str, masked: bool, generator: torch.Generator) -> None:
    cell = Case(name, lambda: Elman(3, 4, name, recurrent_dropout=0.5 if masked else 0.0)).build(generator)
    x, h0 = normal(generator, 6, 2, 3).requires_grad_(), normal(generator, 2, 4).requires_grad_()
    mask = cell.draw_mask(2, generator)
    d_output, d_last = normal(generator, 6, 2, 4), normal(generator, 2, 4)
    output, state, _ = unroll(cell, x, ElmanState(h0, mask))
    torch.autograd.backward([output, state.h], [d_output, d_last])
    weights = {key: value.detach().numpy() for key, value in cell.named_parameters()}
    kept = np.ones((2, 4)) if mask is None else mask.numpy()
    expected, found = _bptt(
        name, weights, x.detach().numpy(), h0.detach().numpy(), kept, d_output.numpy(), d_last.numpy()
    )
    np.testing.assert_allclose(output.detach().numpy(), expected, rtol=0, atol=1e-12)
    ours = {"x": x.grad, "h0": h0.grad} | {key: value.grad for key, value in cell.named_parameters()}
    assert ours.keys() == found.keys()
    for key, gradient in ours.items():
        assert gradient is not None
        np.testing.assert_allclose(gradient.numpy(), found[key], rtol=0, atol=1e-11, err_msg=key)


def test_the_sum_before_the_nonlinearity_is_recorded(generator: torch.Generator) -> None:
    cell = Case("elman", lambda: Elman(3, 4)).build(generator)
    output, _, record = unroll(cell, normal(generator, 5, 2, 3), record=["a"])
    torch.testing.assert_close(record["a"].tanh(), output)


def test_an_unknown_nonlinearity_is_refused() -> None:
    with pytest.raises(SpecError, match=r"^nonlinearity must be one of tanh, relu, sigmoid, got 'gelu'; choose one"):
        Elman(3, 4, "gelu")
