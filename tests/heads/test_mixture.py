"""The pen's mixture against a transcription of Graves (2013), (15)-(26), and against its own samples."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.nets import graves
from unspool.draws import Draws
from unspool.errors import ShapeError, SpecError
from unspool.heads import HEADS, Head, PenMixture, mixture


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some(components: int, *shape: int, scale: float = 0.7) -> tuple[Tensor, Tensor]:
    """Raw numbers and targets, float64."""
    raw = scale * torch.randn(*shape, 6 * components + 1, generator=seeded(), dtype=torch.float64)
    place = torch.randn(*shape, 2, generator=seeded(1), dtype=torch.float64)
    ends = torch.rand(*shape, 1, generator=seeded(2)) < 0.4
    return raw, torch.cat([place, ends.double()], -1)


def uniforms(count: int, seed: int = 0) -> Tensor:
    source = Draws(seed, range(count))
    return torch.stack([source.at(address) for address in range(4)], -1)  # [N, 4]


@pytest.mark.parametrize("components", [1, 5])
def test_the_loss_is_graves(components: int) -> None:
    raw, target = some(components, 6, 4)
    expected = [
        graves.nats(*pair) for pair in zip(raw.flatten(0, 1).numpy(), target.flatten(0, 1).numpy(), strict=True)
    ]
    found = -PenMixture(components).log_prob(raw, target)
    np.testing.assert_allclose(found.flatten().numpy(), expected, rtol=1e-11)


def test_derivatives_are_finite_differences() -> None:
    raw, target = some(2, 3)
    head = PenMixture(2)

    def function(raw: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        whole = torch.cat([place, target[:, 2:]], -1)
        return head.log_prob(raw, whole), head.mean(raw)

    at = (raw.requires_grad_(), target[:, :2].clone().requires_grad_())
    assert torch.autograd.gradcheck(function, at, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, at, fast_mode=True)


@pytest.mark.parametrize("slope", [-1e3, -9.0, 9.0, 1e3])
def test_a_correlation_near_1_is_exact_in_float32(slope: float) -> None:
    """On the line where almost all of the density lies, a difference of squares would have nothing left."""
    head, raw = PenMixture(1), torch.zeros(2, 7)
    raw[:, 6] = slope
    side = math.copysign(1, slope)
    target = torch.tensor([[1.5, 1.5 * side, 0.0], [300.0, -300.0 * side, 1.0]])
    wide = head.log_prob(raw.double(), target.double())
    raw.requires_grad_()
    found = head.log_prob(raw, target)
    torch.testing.assert_close(found.double(), wide, rtol=1e-5, atol=0)
    (gradient,) = torch.autograd.grad(found.sum(), raw)
    assert bool(found.isfinite().all() and gradient.isfinite().all())
    assert bool((head.parse(raw).slope.tanh().abs() < 1).all())


def test_a_far_point_has_a_log_density_where_its_density_is_0() -> None:
    raw = torch.zeros(1, 13, requires_grad=True)
    found = PenMixture(2).log_prob(raw, torch.tensor([[1e4, -1e4, 1.0]]))
    assert float(found.detach()) == pytest.approx(-1e8 - math.log(2 * math.pi) - math.log(2), rel=1e-6)
    found.backward()
    assert raw.grad is not None and bool(raw.grad.isfinite().all())


def test_the_density_integrates_to_1() -> None:
    raw, _ = some(4, scale=0.4)
    axis = torch.linspace(-12, 12, 241, dtype=torch.float64)
    place = torch.cartesian_prod(axis, axis)
    total = 0.0
    for end in (0.0, 1.0):
        points = torch.cat([place, torch.full((len(place), 1), end)], -1)
        total += float(PenMixture(4).log_prob(raw.expand(len(points), -1), points).exp().sum()) * 0.1**2
    assert total == pytest.approx(1, abs=1e-6)


TRUTH = torch.tensor([1.2, 0.4, -0.3, -2.0, 1.0, 0.5, -1.5, -0.8, 0.2, -0.3, -0.6, 0.9, -0.5], dtype=torch.float64)


def test_it_recovers_known_parameters_from_its_own_samples() -> None:
    head, count = PenMixture(2), 10_000
    points = head.sample(TRUTH.expand(count, 13), uniforms=uniforms(count))
    raw = torch.zeros(13, dtype=torch.float64)
    raw[3:7] = TRUTH[3:7].sign()  # so that the components keep their order
    raw.requires_grad_()
    optimiser = torch.optim.LBFGS([raw], max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = -head.log_prob(raw.expand(count, 13), points).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    found, true = head.parse(raw.detach()), head.parse(TRUTH)
    for ours, theirs in zip(found, true, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0.07)


@pytest.mark.parametrize("bias", [0.0, 1.0])
def test_samples_have_the_moments_of_the_biased_mixture(bias: float) -> None:
    """(61) and (62) for places; the end of the stroke stays as it is."""
    head, count = PenMixture(2), 20_000
    points = head.sample(TRUTH.expand(count, 13), 1 + bias, uniforms=uniforms(count, seed=1))
    weights = ((1 + bias) * TRUTH[1:3]).softmax(0)
    means, scales = TRUTH[3:7].view(2, 2), (TRUTH[7:11] - bias).exp().view(2, 2)  # of x, of y; components last
    expected = (weights * means).sum(1)
    slack = 5 / math.sqrt(count)
    torch.testing.assert_close(points[:, :2].mean(0), expected, rtol=0, atol=3 * slack)
    second = (weights * (means**2 + scales**2)).sum(1)
    torch.testing.assert_close(points[:, :2].square().mean(0), second, rtol=0, atol=8 * slack)
    product = (weights * (means.prod(0) + TRUTH[11:].tanh() * scales.prod(0))).sum()
    torch.testing.assert_close(points[:, :2].prod(1).mean(), product, rtol=0, atol=8 * slack)
    assert float(points[:, 2].mean()) == pytest.approx(1 / (1 + math.exp(1.2)), abs=slack)
    assert set(points[:, 2].tolist()) == {0.0, 1.0}


def test_a_great_bias_writes_the_likeliest_components_mean() -> None:
    found = PenMixture(2).sample(TRUTH.expand(50, 13), 41.0, uniforms=uniforms(50))
    torch.testing.assert_close(found[:, :2], TRUTH[[3, 5]].expand(50, 2), rtol=0, atol=1e-12)


def test_a_sample_is_a_function_of_its_row() -> None:
    raw, _ = some(3, 5, 2)
    numbers = uniforms(10).view(5, 2, 4)
    whole = PenMixture(3).sample(raw.float(), 1.5, uniforms=numbers)
    assert whole.shape == (5, 2, 3) and whole.dtype == torch.float32
    assert torch.equal(whole[3, 1], PenMixture(3).sample(raw.float()[3, 1], 1.5, uniforms=numbers[3, 1]))
    edge = torch.tensor([0.0, 0.0, 0.0, 0.0]), torch.full((4,), 1 - 2.0**-53, dtype=torch.float64)
    for row in edge:
        assert bool(PenMixture(3).sample(raw[0, 0], uniforms=row).isfinite().all())


def test_mean_and_squared_error() -> None:
    head = PenMixture(2)
    raw, target = TRUTH.expand(3, 13), torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, -2.0, 0.0]]).double()
    weights = TRUTH[1:3].softmax(0)
    x, y = float(weights @ TRUTH[3:5]), float(weights @ TRUTH[5:7])
    assert head.mean(raw)[0].tolist() == pytest.approx([x, y, 1 / (1 + math.exp(1.2))])
    expected = [x**2 + y**2, (x - 1) ** 2 + y**2, x**2 + (y + 2) ** 2]
    assert head.squared_error(raw, target).tolist() == pytest.approx(expected)


def test_wrong_calls_are_refused() -> None:
    head, raw = PenMixture(2), torch.zeros(5, 13)
    with pytest.raises(SpecError, match="at least 1 component"):
        PenMixture(0)
    with pytest.raises(ShapeError, match=r"raw must be \[..., 13\]"):
        head.mean(torch.zeros(5, 12))
    with pytest.raises(ShapeError, match=r"target must be \[5, 3\]"):
        head.log_prob(raw, torch.zeros(5))
    with pytest.raises(ShapeError, match=r"uniforms must be \[5, 4\]"):
        head.sample(raw, uniforms=torch.zeros(5, 3))
    for sharpness in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(SpecError, match="sharpness must be above 0"):
            head.sample(raw, sharpness, uniforms=torch.zeros(5, 4))


def test_the_registry_names_it_and_it_follows_the_protocol() -> None:
    head: Head = PenMixture(20)
    assert HEADS["pen-mixture"] is type(head)
    assert head.size == 121


def test_examples() -> None:
    assert doctest.testmod(mixture).failed == 0
