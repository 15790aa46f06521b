"""Clipping inside back-propagation against back-propagation by hand."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.nets.graves import Array, sigma, weights
from unspool.cells import LSTM
from unspool.engine import explain, kernels, run
from unspool.errors import SpecError
from unspool.nets.clipping import ClippedLSTM, Clipping
from unspool.nets.scribe import PredictionNet, SynthesisNet

HIDDEN = 4


def by_hand(get: dict[str, Array], x: Array, dy: Array, bound: float) -> tuple[Array, Array]:
    """dL/dx and dL/dweight_hh of (7)-(11) for one sequence, every dL/da kept in [-bound, bound]."""
    p_i, p_f, p_o = (get[f"weight_peephole_{gate}"] for gate in "ifo")
    h, c = np.zeros(HIDDEN), np.zeros(HIDDEN)
    steps = []
    for x_t in x:
        sums = get["weight_ih"] @ x_t + get["weight_hh"] @ h + get["bias_ih"] + get["bias_hh"]
        a_i, a_f, a_g, a_o = np.split(sums, 4)
        i, f, g = sigma(a_i + p_i * c), sigma(a_f + p_f * c), np.tanh(a_g)
        after = f * c + i * g
        o = sigma(a_o + p_o * after)
        steps.append((h, c, i, f, g, o, after))
        h, c = o * np.tanh(after), after
    dh, dc = np.zeros(HIDDEN), np.zeros(HIDDEN)
    dx, dweight = np.zeros_like(x), np.zeros_like(get["weight_hh"])
    for t in reversed(range(len(x))):
        before, c, i, f, g, o, after = steps[t]
        dh = dh + dy[t]
        d_o = np.clip(dh * np.tanh(after) * o * (1 - o), -bound, bound)
        dc = dc + dh * o * (1 - np.tanh(after) ** 2) + d_o * p_o
        d_i = np.clip(dc * g * i * (1 - i), -bound, bound)
        d_f = np.clip(dc * c * f * (1 - f), -bound, bound)
        d_g = np.clip(dc * i * (1 - g**2), -bound, bound)
        d = np.concatenate([d_i, d_f, d_g, d_o])
        dx[t], dh = get["weight_ih"].T @ d, get["weight_hh"].T @ d
        dweight += np.outer(d, before)
        dc = dc * f + d_i * p_i + d_f * p_f
    return dx, dweight


def lstm(clipping: Clipping | None) -> LSTM:
    torch.manual_seed(0)
    cell = LSTM(3, HIDDEN, peephole=True) if clipping is None else ClippedLSTM(3, HIDDEN, clipping, peephole=True)
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter)
    return cell.double()


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("bound", [0.05, 1.0, math.inf])
def test_derivatives_of_the_gates_inputs_are_clipped_at_every_step(bound: float) -> None:
    cell, x, dy = lstm(Clipping(inputs=bound)), normal(1, 12, 1, 3).requires_grad_(), 8 * normal(2, 12, 1, HIDDEN)
    output = run(cell, x).output
    assert torch.equal(output, run(lstm(None), x).output)
    dx, dweight = torch.autograd.grad(output, [x, cell.weight_hh], dy)
    expected = by_hand(weights(cell), x.detach()[:, 0].numpy(), dy[:, 0].numpy(), bound)
    np.testing.assert_allclose(dx[:, 0].numpy(), expected[0], rtol=0, atol=1e-11)
    np.testing.assert_allclose(dweight.numpy(), expected[1], rtol=0, atol=1e-11)
    (free,) = torch.autograd.grad(run(lstm(None), x).output, x, dy)
    assert torch.allclose(free, dx) is (bound == math.inf)


def test_the_bounds_count_in_units_of_the_measured_loss() -> None:
    """A loss that is divided after it was measured is clipped as it was, then divided."""
    x, found = normal(1, 9, 2, 3), []
    clipping = Clipping(inputs=0.05)
    cell = lstm(clipping)
    for share in (1.0, 1e-3):
        losses = clipping.measured(run(cell, x).output.square().sum(2))
        found.append(torch.autograd.grad(losses.sum() * share, list(cell.parameters())))
    for whole, part in zip(*found, strict=True):
        torch.testing.assert_close(part, whole * 1e-3)
    plain = lstm(None)
    free = torch.autograd.grad(run(plain, x).output.square().sum(), list(plain.parameters()))
    assert not torch.allclose(free[0], found[0][0])


def net(clipping: Clipping | None, text: bool = False) -> PredictionNet | SynthesisNet:
    torch.manual_seed(0)
    made = SynthesisNet(5, 8, 2, clipping=clipping) if text else PredictionNet(8, 2, clipping=clipping)
    torch.nn.init.normal_(made.output.weight)
    return made


def test_derivatives_of_the_outputs_are_clipped_for_each_point() -> None:
    """Far from every mean a loss has derivatives in the thousands."""
    x, target = normal(3, 6, 2, 3).float(), 50 * normal(4, 6, 2, 3).float()
    found = {}
    for bound in (100.0, math.inf):
        made = net(Clipping(outputs=bound, inputs=math.inf))
        nats, _ = made.nats(x, target)
        (found[bound],) = torch.autograd.grad(nats.sum() / 12, made.output.bias)
        raw = made(x).raw.detach().requires_grad_()
        (of_raw,) = torch.autograd.grad(-made.head.log_prob(raw, target).sum(), raw)
        expected = of_raw.clamp(-bound, bound).sum((0, 1)) / 12
        torch.testing.assert_close(found[bound], expected, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(*found.values())


def test_which_layers_keep_their_kernel() -> None:
    x = torch.zeros(30, 2, 3)
    outputs_only = explain(net(Clipping(inputs=math.inf)), x)
    assert outputs_only.count("LSTM") == 2 and "ClippedLSTM" not in outputs_only
    with_inputs = explain(net(Clipping()), x)
    assert with_inputs.count("runs on loop: there is no native kernel for ClippedLSTM") == 2


def test_a_measured_loss_leaves_no_trace_in_later_ones() -> None:
    x, target = normal(3, 6, 2, 3).float(), 50 * normal(4, 6, 2, 3).float()
    made = net(Clipping(100.0, 0.01))

    def derivative() -> Tensor:
        loss = -made.head.log_prob(made(x).raw, target).sum()
        (found,) = torch.autograd.grad(loss, made.output.bias)
        (below,) = torch.autograd.grad(made(x).raw.square().sum(), made.stack[0].cell.weight_ih)  # type: ignore[union-attr]
        return torch.cat([found, below.flatten()])

    before = derivative()
    (made.nats(x, target)[0].sum() * 1e-6).backward()  # type: ignore[no-untyped-call]
    assert torch.equal(derivative(), before)


def test_no_kernel_gives_another_gradient() -> None:
    x, target = normal(3, 20, 2, 3).float(), 50 * normal(4, 20, 2, 3).float()
    grads = []
    for switch in (False, True):
        made = net(Clipping(100.0, 0.01))
        with kernels(switch):
            made.nats(x, target)[0].sum().backward()  # type: ignore[no-untyped-call]
        grads.append([parameter.grad for parameter in made.parameters()])
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other)


def test_a_copy_of_a_network_has_bounds_of_its_own() -> None:
    made = net(Clipping())
    twin = copy.deepcopy(made)
    assert twin.clipping is not made.clipping
    assert twin.stack[1].cell.clipping is twin.clipping  # type: ignore[union-attr]


def test_wrong_bounds_are_refused() -> None:
    for wrong in (0.0, -1.0, math.nan):
        with pytest.raises(SpecError, match="the bound on derivatives of inputs must be above 0"):
            Clipping(inputs=wrong)
    with pytest.raises(SpecError, match="bounded in a plain LSTM only, got cell='gru'"):
        PredictionNet(4, 1, cell="gru", clipping=Clipping())
