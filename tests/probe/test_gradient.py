"""Gradient norms equal products of Jacobians, and vanish, grow or stay as the matrices say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.laws.cases import assert_close, normal
from unspool.cells import GRU, LSTM, Elman
from unspool.cells.base import Cell
from unspool.engine.layers import Recurrent, Stack, build_stack
from unspool.engine.unroll import unroll
from unspool.errors import SpecError
from unspool.probe.gradient import Flow, gradient_flow

T, B, INPUT, H = 12, 3, 2, 4


class Net(nn.Module):
    """A stack and a linear reading v of all its outputs; the loss is the sum over steps, rows and units."""

    def __init__(self, stack: Stack, generator: torch.Generator) -> None:
        super().__init__()
        self.stack = stack
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.6)
        self.double()
        self.v = normal(generator, stack.output_size)

    def forward(self, x: Tensor, lengths: Any = None) -> Tensor:
        return (self.stack(x, None, lengths).output * self.v).sum()


def of(cell: Cell, generator: torch.Generator) -> Net:
    return Net(Stack([Recurrent(cell)]), generator)


def flow(net: Net, x: Tensor, steps: int, lengths: Any = None) -> dict[tuple[int, str, str], Flow]:
    found = gradient_flow(net, lambda batch: net(batch, lengths), [x], steps)
    return {(one.layer, one.direction, one.state): one for one in found}


def test_the_elman_network_equals_the_product_of_its_jacobians(generator: torch.Generator) -> None:
    net, x = of(Elman(INPUT, H), generator), normal(generator, T, B, INPUT)
    w_in, w, b_in, b = (parameter.detach().numpy() for parameter in net.stack.parameters())
    expected = np.zeros((T, B))
    for row in range(B):
        h, jacobians = np.zeros(H), []
        for t in range(T):
            h = np.tanh(w_in @ x[t, row].numpy() + b_in + w @ h + b)
            jacobians.append(np.diag(1 - h**2) @ w)
        gradient = net.v.numpy()
        for k in range(T):
            expected[k, row] = np.linalg.norm(gradient)
            gradient = jacobians[T - 1 - k].T @ gradient
    found = flow(net, x, T - 1)[1, "", "h"]
    np.testing.assert_allclose(found.norms, expected.mean(1), rtol=1e-12)
    assert found.sequences == (B,) * T


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("scale", [0.8, 1.0, 1.25])
def test_the_largest_singular_value_decides(nonlinearity: str, scale: float, generator: torch.Generator) -> None:
    """Small signals through tanh and positive ones through relu: the Jacobian is W = scale x orthogonal itself."""
    net = of(Elman(1, H, nonlinearity), generator)
    with torch.no_grad():
        q = torch.linalg.qr(normal(generator, H, H)).Q if nonlinearity == "tanh" else torch.eye(H)
        for parameter, value in zip(net.stack.parameters(), (torch.ones(H, 1), scale * q, 0.0, 0.0), strict=True):
            parameter.copy_(torch.as_tensor(value))
    found = flow(net, torch.full((41, B, 1), 1e-8, dtype=torch.float64), 40)[1, "", "h"]
    ratios = np.array(found.norms) / found.norms[0]
    np.testing.assert_allclose(ratios, scale ** np.arange(41.0), rtol=1e-6)
    assert found.rate == pytest.approx(scale, rel=1e-6)


def test_the_memory_of_an_lstm_is_an_uninterrupted_path(generator: torch.Generator) -> None:
    """With the forget gate open and no recurrent product, the gradient at c stays and the one at h ends at once."""
    net = of(LSTM(1, H), generator)
    weight_ih, weight_hh, bias_ih, bias_hh = net.stack.parameters()
    with torch.no_grad():
        for parameter in (weight_ih, weight_hh, bias_hh):
            parameter.zero_()
        bias_ih.copy_(torch.tensor([-50.0, 50.0, 0.0, 0.0]).repeat_interleave(H))
    found = flow(net, torch.zeros(51, 1, 1, dtype=torch.float64), 50)
    assert found[1, "", "c"].norms == pytest.approx([0.5 * float(net.v.norm())] * 51)
    assert found[1, "", "h"].norms == pytest.approx([float(net.v.norm()), *[0.0] * 50])


@pytest.mark.parametrize(
    "cell", [LSTM(INPUT, H), LSTM(INPUT, H, peephole=True), GRU(INPUT, H), GRU(INPUT, H, reset="before")], ids=str
)
def test_gated_cells_equal_a_restart_from_the_state(cell: Cell, generator: torch.Generator) -> None:
    net, x = of(cell, generator), normal(generator, T, B, INPUT)
    found, cell = flow(net, x, 5)[1, "", "h"], net.stack[0].cell  # type: ignore[assignment]
    for k in range(1, 6):
        state = unroll(cell, x[: T - k]).state
        h = state.h.detach().requires_grad_()
        last = unroll(cell, x[T - k :], state._replace(h=h)).output[-1]
        (gradient,) = torch.autograd.grad((last * net.v).sum(), h)
        assert found.norms[k] == pytest.approx(float(gradient.norm(dim=1).mean()), rel=1e-10)


def test_every_row_ends_at_its_own_length(generator: torch.Generator) -> None:
    net, x, lengths = of(GRU(INPUT, H), generator), normal(generator, T, 4, INPUT), [T, 3, 0, 7]
    found = flow(net, x, T, lengths)[1, "", "h"]
    alone = [flow(net, x[:n, row : row + 1], n - 1)[1, "", "h"].norms for row, n in enumerate(lengths) if n]
    for k in range(T):
        reached = [norms[k] for norms in alone if k < len(norms)]
        assert (found.norms[k], found.sequences[k]) == (pytest.approx(np.mean(reached)), len(reached))
    assert math.isnan(found.norms[T]) and found.sequences[T] == 0
    assert found.rate == pytest.approx((found.norms[2] / found.norms[0]) ** 0.5)  # the shortest has three steps


def test_each_direction_of_a_bidirectional_network_has_its_own_last_step(generator: torch.Generator) -> None:
    stack = build_stack("lstm", INPUT, H, 1, bidirectional=True)
    net, x, lengths = Net(stack, generator), normal(generator, T, B, INPUT), [T, 5, 8]
    found = flow(net, x, T - 1, lengths)
    turned = torch.stack([torch.cat([x[:n, row].flip(0), x[n:, row]]) for row, n in enumerate(lengths)], dim=1)
    for direction, layer, given, v in (
        ("forward", stack[0].ahead, x, net.v[:H]),  # type: ignore[union-attr]
        ("backward", stack[0].back, turned, net.v[H:]),  # type: ignore[union-attr]
    ):
        single = Net(Stack([Recurrent(LSTM(INPUT, H))]), generator)
        single.stack.load_state_dict({f"layers.0.{name}": value for name, value in layer.state_dict().items()})
        single.v = v
        for state, expected in flow(single, given, T - 1, lengths).items():
            assert found[1, direction, state[2]].norms == pytest.approx(expected.norms, nan_ok=True)


def test_skip_connections_show_every_layer_at_the_last_step_only(generator: torch.Generator) -> None:
    net, x = Net(build_stack("gru", INPUT, H, 2, skip=True), generator), normal(generator, T, B, INPUT)
    steps = flow(net, x, 3)
    state = net.stack(x[: T - 2]).state
    held = [part._replace(h=part.h.detach().requires_grad_()) for part in state]
    last = net.stack(x[T - 2 :], tuple(held)).output[-1]
    gradients = torch.autograd.grad((last * net.v).sum(), [part.h for part in held])
    # the lower layer is also read by the upper one at the same step, which a restart after it leaves out
    assert steps[2, "", "h"].norms[2] == pytest.approx(float(gradients[1].norm(dim=1).mean()))
    assert steps[1, "", "h"].norms[0] > 0


def test_the_network_is_left_as_it_was(generator: torch.Generator) -> None:
    net = Net(build_stack("lstm", INPUT, H, 2, dropout=0.5, recurrent_dropout=0.5, recompute=True), generator).train()
    x = normal(generator, T, B, INPUT)
    before = [(layer.cell, layer.recompute) for layer in net.stack]  # type: ignore[union-attr]
    first, second = (gradient_flow(net, net, [x], 3) for _ in range(2))
    assert first == second, "dropout was on"

    def fails(_: Tensor) -> Tensor:
        raise RuntimeError("no loss")

    with pytest.raises(RuntimeError, match="no loss"):
        gradient_flow(net, fails, [x], 3)
    assert [(layer.cell, layer.recompute) for layer in net.stack] == before  # type: ignore[union-attr]
    assert net.training and not net.stack._forward_hooks
    assert all(parameter.grad is None for parameter in net.parameters())


def test_batches_are_averaged_over_their_rows(generator: torch.Generator) -> None:
    net, x = of(GRU(INPUT, H), generator), normal(generator, T, 5, INPUT)
    whole = gradient_flow(net, net, [x], 4)[0]
    parts = gradient_flow(net, net, [x[:, :2], x[:, 2:]], 4)[0]
    assert_close([torch.tensor(parts.norms)], [torch.tensor(whole.norms)])
    assert parts.sequences == whole.sequences == (5,) * 5


def test_a_network_without_a_stack_is_refused() -> None:
    with pytest.raises(SpecError, match="Linear has none"):
        gradient_flow(nn.Linear(2, 2), lambda batch: batch, [torch.zeros(1)], 1)
