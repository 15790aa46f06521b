"""The forecasting network: what it is before training, what reaches what, and how it is stepped."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from unspool.heads import DISTRIBUTIONS
from unspool.nets.forecast import ForecastNet

L, H, B, C, K = 6, 4, 3, 2, 1


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def net(head: str = "normal", **options: Any) -> ForecastNet:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"targets": C, "inputs": 2 * C + K, "known": K, "context": L, "horizon": H}
    made = ForecastNet(DISTRIBUTIONS[head](), **sizes, **{"cell": "gru", "hidden_size": 5, "layers": 1, **options})
    made.start(0.3 * torch.randn(C, H, L, generator=seeded(1)), torch.rand(H, C, generator=seeded(2)) + 0.5)
    return made


def shaken(made: ForecastNet) -> ForecastNet:
    """The same with an output and a highway that say something."""
    with torch.no_grad():
        for parameter in (made.output.weight, made.output.bias, made.highway):
            parameter.normal_(generator=seeded(3))
    return made


def inputs(steps: int = L) -> tuple[Tensor, Tensor]:
    past = torch.randn(steps, B, 2 * C + K, generator=seeded(4))
    return past, torch.randn(H, B, K, generator=seeded(5))


@pytest.mark.parametrize("head", ["normal", "student", "quantiles"])
def test_untrained_it_is_the_regression(head: str) -> None:
    made = net(head)
    past, future = inputs()
    values = past[..., :C]
    found = made(past, future)
    for c in range(C):
        expected = values[-1, :, c] + made.ridge[c] @ (values[..., c] - values[-1, :, c])  # [H, B]
        torch.testing.assert_close(made.head.mean(*found)[..., c], expected)
    torch.testing.assert_close(found.scale, made.error[:, None].expand(H, B, C))


def test_counts_are_forecast_in_their_own_unit() -> None:
    made, (past, future) = net("negative-binomial"), inputs()
    past[..., :C] = past[..., :C].abs() + 3
    unit = torch.full((B, C), 10.0)
    small, large = made(past, future, torch.ones(B, C)), made(past, future, unit)
    torch.testing.assert_close(large.location, 10 * small.location)
    torch.testing.assert_close(large.scale, unit.expand(H, B, C))
    assert bool((made.head.mean(*large) > 0).all())


def test_each_step_reads_its_own_future_and_the_mean_before_it() -> None:
    made = shaken(net())
    past, future = inputs()
    future.requires_grad_()
    means = made.head.mean(*made(past, future))
    for h in range(H):
        (reached,) = torch.autograd.grad(means[h].sum(), future, retain_graph=True)
        assert [bool(step.any()) for step in reached] == [step <= h for step in range(H)]


def test_the_mean_is_fed_back() -> None:
    """Step by step with the means of the whole forecast in place of those that it makes itself."""
    made = shaken(net())
    past, future = inputs()
    whole = made(past, future)
    means, state = made.head.mean(*whole), made.encoder(past).state
    before = past[-1, :, :C]
    for h in range(H):
        shown, state = made.decoder.step(made.decoder.project(torch.cat([before, future[h]], 1)), state)
        torch.testing.assert_close(made.output(shown.h).view(B, C, -1), whole.raw[h])
        before = means[h]


def test_a_shorter_future_is_the_beginning_of_a_longer() -> None:
    made = shaken(net())
    past, future = inputs()
    for whole, part in zip(made(past, future), made(past, future[:2]), strict=True):
        torch.testing.assert_close(whole[:2], part)


def test_the_highway_reads_the_last_steps_of_a_longer_past_and_repeats_the_first_of_a_shorter() -> None:
    made = shaken(net())
    past, future = inputs(L + 3)
    torch.testing.assert_close(made(past, future).location, made(past[3:], future).location)
    short = torch.cat([past[:1].expand(3, -1, -1), past[1 : L - 2]])
    torch.testing.assert_close(made(past[: L - 2], future).location, made(short, future).location)


def test_dropout_is_one_mask_for_all_steps() -> None:
    made, (past, future) = shaken(net(dropout=0.5)), inputs()
    made.train()
    first, again, other = (made(past, future, generator=seeded(seed)).raw for seed in (7, 7, 8))
    torch.testing.assert_close(first, again)
    assert not torch.equal(first, other)
    made.eval()
    torch.testing.assert_close(made(past, future).raw, made(past, future, generator=seeded(8)).raw)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_everything_learns(cell: str) -> None:
    made, (past, future) = shaken(net("student", cell=cell, layers=2)), inputs()
    found = made(past, future)
    made.head.loss(found.raw, torch.zeros(H, B, C), found.location, found.scale).sum().backward()  # type: ignore[no-untyped-call]
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.any()), name
