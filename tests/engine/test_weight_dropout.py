"""Weight dropout: masks from the generator alone, whatever runs the layer; and calls with other weights in general."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from tests.laws.cases import Case, assert_close, gradients, live_leaves, normal, random_state, require_grad
from unspool.cells import CELLS, GRU, LSTM, DeepTransition
from unspool.engine import Bidirectional, Recurrent, build_stack, explain, kernels
from unspool.engine.dropout import mask
from unspool.engine.substitute import substituted
from unspool.errors import SpecError

BY_NAME = pytest.mark.parametrize("name", list(CELLS))


def seeded(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dropped(name: str, generator: torch.Generator, p: float = 0.4, **options: Any) -> Any:
    make: Callable[[], Recurrent] = lambda: Recurrent(CELLS[name](3, 6), weight_dropout=p, **options)  # noqa: E731
    return Case(name, make).build(generator, torch.float32)


@BY_NAME
def test_it_is_dropconnect_on_the_recurrent_matrix(name: str, generator: torch.Generator) -> None:
    """The same as a plain layer whose matrix is masked by hand, and the gradient masked likewise."""
    layer = dropped(name, generator)
    x = normal(generator, 7, 4, 3, dtype=torch.float32)
    plain = Recurrent(CELLS[name](3, 6))
    plain.load_state_dict(layer.state_dict())
    kept = mask((len(layer.cell.weight_hh), 6), 0.4, seeded(), x)
    assert sorted(set(kept.unique().tolist())) == pytest.approx([0, 1 / 0.6], rel=1e-4)
    with torch.no_grad():
        plain.cell.weight_hh.mul_(kept)
    for one in (layer, plain):
        one(x, generator=seeded()).output.square().sum().backward()
    assert torch.equal(layer(x, generator=seeded()).output, plain(x).output)
    grads = {key: value.grad for key, value in plain.named_parameters()}
    for key, value in layer.named_parameters():
        expected = grads[key] * kept if key == "cell.weight_hh" else grads[key]
        torch.testing.assert_close(value.grad, expected, rtol=0, atol=1e-5)


@BY_NAME
def test_the_kernels_run_it(name: str, generator: torch.Generator) -> None:
    layer = dropped(name, generator)
    x = normal(generator, 9, 4, 3, dtype=torch.float32)
    parameters = dict(layer.named_parameters())
    told = explain(layer, x)
    assert told.startswith("cell: ") and "runs on native" in told
    assert all(parameters[key] is value for key, value in layer.named_parameters())
    with kernels(False):
        assert "runs on loop: kernels are switched off" in explain(layer, x)


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("on", [False, True], ids=["loop", "kernel"])
@BY_NAME
def test_gradients_are_the_loops(name: str, on: bool, recompute: bool, generator: torch.Generator) -> None:
    layer = dropped(name, generator, recompute=recompute)
    truth = Recurrent(layer.cell, weight_dropout=0.4)
    x = normal(generator, 10, 4, 3, dtype=torch.float32).requires_grad_()
    start = require_grad(random_state(layer, 4, generator))
    both = []
    for module, switch in ((layer, on), (truth, False)):
        with kernels(switch):
            result = module(x, start, [3, 10, 0, 8], generator=seeded())
            values = [result.output, *live_leaves(result.state)]
            both.append([*values, *gradients(module, x, start, values)])
    assert_close(*both, tolerance=2e-5)


@BY_NAME
def test_it_is_the_generators_and_nothing_outside_training(name: str, generator: torch.Generator) -> None:
    layer = dropped(name, generator)
    x = normal(generator, 7, 4, 3, dtype=torch.float32)
    before = torch.get_rng_state()
    one, two, other = (layer(x, generator=seeded(seed)).output for seed in (1, 1, 2))
    assert torch.equal(one, two) and not torch.equal(one, other)
    layer.eval()
    quiet = layer(x).output
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(quiet, Recurrent(layer.cell)(x).output)
    layer.train()(x)
    assert not torch.equal(torch.get_rng_state(), before)


def test_the_expected_matrix_is_the_matrix(generator: torch.Generator) -> None:
    layer = dropped("rnn", generator, p=0.25)
    drawn = [layer._dropped(generator)["weight_hh"] for _ in range(4000)]
    mean = torch.stack(drawn).mean(0)
    assert_close([mean], [layer.cell.weight_hh], tolerance=0.06)
    assert torch.stack(drawn).eq(0).float().mean().item() == pytest.approx(0.25, abs=0.01)


def test_one_mask_a_window(generator: torch.Generator) -> None:
    """Two windows of truncated back-propagation have two masks; every step and sequence of one has the same."""
    layer = dropped("rnn", generator)
    x = normal(generator, 6, 1, 3, dtype=torch.float32)
    noise = seeded()
    first = layer(x, generator=noise)
    second = layer(x, first.state, generator=noise)
    again = layer(x, first.state, generator=seeded())
    assert not torch.equal(second.output, again.output)
    wide = layer(x.expand(-1, 3, -1), generator=seeded()).output
    assert_close([wide[:, 2:]], [first.output], tolerance=1e-6)


def test_every_layer_direction_and_transition_has_its_own(generator: torch.Generator) -> None:
    stack = build_stack("gru", 3, 16, 2, bidirectional=True, weight_dropout=0.5, transition_layers=1)
    assert all(isinstance(layer, Bidirectional) for layer in stack)
    cells = [one.cell for layer in stack for one in (layer.ahead, layer.back)]
    x = normal(generator, 5, 2, 3, dtype=torch.float32)
    result = stack(x, generator=seeded())
    result.output.sum().backward()
    zeros = [[cell.get_parameter(name).grad == 0 for name in cell.recurrent_weights] for cell in cells]
    assert all(0.2 < bool_mask.float().mean() < 0.8 for row in zeros for bool_mask in row)
    for column in zip(*zeros, strict=True):
        assert len({str(bool_mask.tolist()) for bool_mask in column}) == 4
    assert torch.equal(stack(x, generator=seeded()).output, result.output)


def test_what_it_is_not(generator: torch.Generator) -> None:
    with pytest.raises(SpecError) as caught:
        Recurrent(GRU(3, 4), weight_dropout=1.0)
    assert str(caught.value) == (
        "weight_dropout must be at least 0 and less than 1, got 1.0; it is the share of recurrent weights that is "
        "dropped"
    )
    layer = Recurrent(DeepTransition(LSTM(3, 4)), weight_dropout=0.5)
    before = torch.get_rng_state()
    layer.cell.step(layer.cell.project(torch.zeros(2, 3)), layer.cell.init_state(2))
    assert torch.equal(torch.get_rng_state(), before)  # a step by itself drops nothing


@pytest.mark.parametrize("recompute", [False, True])
def test_other_weights_for_a_call_are_those_of_its_backward_pass_too(
    recompute: bool, generator: torch.Generator
) -> None:
    """Also where the backward pass computes the states anew, when the call is long over."""
    layer = Case("", lambda: Recurrent(LSTM(3, 4), recompute=recompute)).build(generator)
    x = normal(generator, 9, 2, 3)
    weights = {key: normal(generator, *value.shape).requires_grad_() for key, value in layer.named_parameters()}
    twin = Recurrent(LSTM(3, 4)).double()
    twin.load_state_dict(weights)
    twin(x).output.square().sum().backward()

    def check(found: Tensor) -> None:
        grads = torch.autograd.grad(found.square().sum(), list(weights.values()))
        assert_close(list(grads), [value.grad for value in twin.parameters() if value.grad is not None])

    check(functional_call(layer, weights, (x,)).output)
    own = dict(layer.named_parameters())
    check(substituted(layer, weights, layer, x).output)
    assert all(own[key] is value for key, value in layer.named_parameters())
    with pytest.raises(ZeroDivisionError):
        substituted(layer, weights, lambda: 1 / 0)
    assert all(own[key] is value for key, value in layer.named_parameters())
