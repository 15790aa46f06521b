"""Weight noise against its definition, and adaptive weight noise against torch.distributions."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from unspool.engine import explain, kernels
from unspool.engine.substitute import substituted
from unspool.errors import SpecError
from unspool.nets.noise import AdaptiveWeightNoise, WeightNoise, means, with_complexity
from unspool.nets.sequence import SequenceNet

IDS = torch.randint(0, 7, (9, 4), generator=torch.Generator().manual_seed(0))
KINDS = pytest.mark.parametrize("options", [{"noise": 0.3}, {"adaptive_noise": True, "noise": 0.3}], ids=str)


def net(**options: Any) -> SequenceNet:
    torch.manual_seed(0)
    return SequenceNet(7, **{"cell": "lstm", "hidden_size": 5, "layers": 2, "embedding_size": 5, **options})


def seeded(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@KINDS
def test_it_is_inert_in_evaluation(options: dict[str, Any]) -> None:
    loud, plain = net(**options).eval(), net().eval()
    before = torch.get_rng_state()
    assert torch.equal(loud(IDS).raw, plain(IDS).raw)
    assert torch.equal(loud.nats(IDS, IDS)[0], plain.nats(IDS, IDS)[0])
    assert torch.equal(torch.get_rng_state(), before)
    assert not isinstance(loud.generation_plan(), str)
    assert loud.train().generation_plan() == "the native generator has neither noise nor dropout; call eval()"


@KINDS
@pytest.mark.parametrize("tied", [False, True])
def test_it_is_the_generators_and_on_every_weight(options: dict[str, Any], tied: bool) -> None:
    noisy = net(tied=tied, skip=False, **options)
    before = torch.get_rng_state()
    one, two, other = (noisy.nats(IDS, IDS, generator=seeded(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, two) and not torch.equal(one, other)
    assert noisy.noise is not None
    drawn = noisy.noise.draw(noisy, seeded(1))
    assert drawn.keys() == {key for key, _ in net(tied=tied).named_parameters()}
    plain = net(tied=tied)
    plain.load_state_dict(drawn | ({"output.weight": drawn["embedding.weight"]} if tied else {}))
    assert torch.equal(plain.nats(IDS, IDS)[0], one)
    assert torch.equal(plain(IDS).raw, noisy(IDS, generator=seeded(1)).raw)


@KINDS
def test_the_draws_are_the_gaussian(options: dict[str, Any]) -> None:
    noisy = net(**options)
    assert noisy.noise is not None
    generator = seeded()
    all_drawn = [noisy.noise.draw(noisy, generator) for _ in range(2000)]
    for key, mean in means(noisy):
        column = torch.stack([drawn[key] for drawn in all_drawn])
        torch.testing.assert_close(column.mean(0), mean, rtol=0, atol=5 * 0.3 / math.sqrt(2000))
        assert column.std(0).mean().item() == pytest.approx(0.3, rel=0.02)


@pytest.mark.parametrize("recompute", [False, True])
@KINDS
def test_gradients_reach_the_means_through_any_kernel(options: dict[str, Any], recompute: bool) -> None:
    """Those of a plain network that holds the drawn weights, recomputed or not, by the loop or a kernel."""
    noisy, plain = net(recompute=recompute, **options), net()
    assert noisy.noise is not None
    plain.load_state_dict(noisy.noise.draw(noisy, seeded()))
    with kernels(False):
        plain.nats(IDS, IDS)[0].sum().backward()  # type: ignore[no-untyped-call]
    noisy.nats(IDS, IDS, generator=seeded())[0].sum().backward()  # type: ignore[no-untyped-call]
    expected = {key: value.grad for key, value in plain.named_parameters()}
    for key, mean in means(noisy):
        torch.testing.assert_close(mean.grad, expected[key], rtol=1e-4, atol=1e-4)
    if isinstance(noisy.noise, AdaptiveWeightNoise):  # d w / d log sigma^2 = (w - mu) / 2
        drawn = noisy.noise.draw(noisy, seeded())
        for (key, mean), found in zip(means(noisy), noisy.noise.log_variance.values(), strict=True):
            by_hand = (expected[key] * (drawn[key] - mean) / 2).detach().flatten()  # type: ignore[operator]
            torch.testing.assert_close(found.grad, by_hand, rtol=1e-4, atol=1e-4)
    assert "runs on native" in explain(noisy, IDS)


def test_adaptive_noise_is_not_decayed() -> None:
    noisy = net(adaptive_noise=True)
    assert isinstance(noisy.noise, AdaptiveWeightNoise)
    variances = list(noisy.noise.log_variance.values())
    assert all(vector.dim() == 1 for vector in variances)  # weight decay is for matrices
    assert [vector.numel() for vector in variances] == [mean.numel() for _, mean in means(noisy)]
    assert all(torch.allclose(vector.exp().sqrt(), torch.tensor(0.075)) for vector in variances)


def spread_out(**options: Any) -> SequenceNet:
    noisy = net(adaptive_noise=True, **options).double()
    assert isinstance(noisy.noise, AdaptiveWeightNoise)
    with torch.no_grad():
        for vector in noisy.noise.log_variance.values():
            vector.copy_(torch.randn(vector.shape, generator=seeded()) - 3)
    return noisy


def test_the_complexity_is_the_sum_of_kl_divergences_from_the_best_prior() -> None:
    noisy = spread_out()
    assert isinstance(noisy.noise, AdaptiveWeightNoise)
    mu = torch.cat([mean.detach().flatten() for _, mean in means(noisy)])
    sigma = torch.cat([vector.detach() for vector in noisy.noise.log_variance.values()]).div(2).exp()
    middle = mu.mean()
    width = (sigma**2 + (mu - middle) ** 2).mean().sqrt()  # Graves (2011), the optimal prior
    by_torch = kl_divergence(Normal(mu, sigma), Normal(middle, width)).sum()
    found = noisy.noise.complexity(noisy)
    torch.testing.assert_close(found, by_torch)
    for factor in (0.97, 1.03):  # no other prior is nearer
        assert kl_divergence(Normal(mu, sigma), Normal(middle * factor, width)).sum() > found
        assert kl_divergence(Normal(mu, sigma), Normal(middle, width * factor)).sum() > found
    # Graves (2011): dL/dmu_i = (mu_i - mu) / sigma^2 and dL/dsigma_i^2 = (1/sigma^2 - 1/sigma_i^2) / 2
    wanted = [mean for _, mean in means(noisy)] + list(noisy.noise.log_variance.values())
    grads = torch.autograd.grad(found, wanted)
    half = len(grads) // 2
    torch.testing.assert_close(torch.cat([g.flatten() for g in grads[:half]]), (mu - middle) / width**2)
    torch.testing.assert_close(torch.cat(grads[half:]), (sigma**2 / width**2 - 1) / 2)


def test_derivatives_are_finite_differences() -> None:
    noisy = spread_out(hidden_size=2, embedding_size=2, layers=1)
    names = [key for key, _ in noisy.named_parameters()]
    at = [value.detach().clone().requires_grad_() for value in noisy.parameters()]

    def function(*values: Tensor) -> Tensor:
        weights = dict(zip(names, values, strict=True))
        return substituted(noisy, weights, lambda: loss_of(noisy))

    assert torch.autograd.gradcheck(function, at, fast_mode=True)


def loss_of(noisy: SequenceNet) -> Tensor:
    assert isinstance(noisy.noise, AdaptiveWeightNoise)
    return noisy.nats(IDS, IDS, generator=seeded())[0].sum() + 0.1 * noisy.noise.complexity(noisy)


def test_the_loss_is_that_of_the_data_and_the_gradient_that_of_both() -> None:
    noisy = spread_out()
    assert isinstance(noisy.noise, AdaptiveWeightNoise)
    data = noisy.nats(IDS, IDS, generator=seeded())[0].sum()
    both = with_complexity(noisy, data, 0.1)
    assert torch.equal(both, data)
    wanted = list(noisy.parameters())
    found = torch.autograd.grad(both, wanted)
    for ours, theirs in zip(found, torch.autograd.grad(loss_of(noisy), wanted), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert with_complexity(noisy.eval(), data, 0.1) is data
    assert with_complexity(net(noise=0.1), data, 0.1) is data


def test_what_does_not_exist_is_refused() -> None:
    for wrong in (-0.1, float("nan"), float("inf")):
        with pytest.raises(SpecError, match=r"^weight noise must have a standard deviation above 0, got .*; 0.075 is"):
            WeightNoise(wrong)
