"""Laws that every distribution of one number follows, and what its own equations say."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
import torch
from scipy import stats  # type: ignore[import-untyped]

from unspool.draws import Draws
from unspool.errors import ShapeError, SpecError
from unspool.heads import (
    DISTRIBUTIONS,
    HEADS,
    Head,
    NegativeBinomial,
    Normal,
    Quantiles,
    StudentT,
    Univariate,
    negative_binomial,
    normal,
    quantile,
    student,
)

torch.set_num_threads(1)

LOCATION, SCALE = 3.0, 4.0
RAW = {
    "normal": [0.5, -0.3],
    "student": [0.5, -0.3, 1.0],
    "negative-binomial": [0.5, 0.2],
    "quantiles": [0.5, 0.3, -0.8, 0.1, 1.0, -0.4, 0.6],
}
every = pytest.mark.parametrize("name", list(DISTRIBUTIONS))
continuous = pytest.mark.parametrize("name", [name for name, head in DISTRIBUTIONS.items() if not head.discrete])


def one(name: str, rows: int | None = None, dtype: torch.dtype = torch.float64) -> tuple[Univariate, torch.Tensor]:
    """A head and its raw numbers, [rows, size] or [size]."""
    raw = torch.tensor(RAW[name], dtype=dtype)
    return DISTRIBUTIONS[name](), raw if rows is None else raw.expand(rows, len(raw))


def uniforms(count: int) -> torch.Tensor:
    return torch.cat([Draws(7, range(1000)).at(step) for step in range(-(-count // 1000))])[:count]


def outcomes(head: Univariate) -> torch.Tensor:
    """Where the distributions above have nearly all of their mass."""
    if head.discrete:
        return torch.arange(3000, dtype=torch.float64)
    return torch.linspace(-300, 300, 60_001, dtype=torch.float64)  # 0.01 apart


@every
def test_probabilities_add_up_to_one(name: str) -> None:
    head, raw = one(name)
    y = outcomes(head)
    p = head.log_prob(raw.expand(len(y), -1), y, LOCATION, SCALE).exp()
    total = p.sum() if head.discrete else torch.trapezoid(p, y)
    assert float(total) == pytest.approx(1, abs=5e-4)


@every
def test_the_distribution_function_adds_up_probabilities(name: str) -> None:
    head, raw = one(name)
    y = outcomes(head)
    rows = raw.expand(len(y), -1)
    p = head.log_prob(rows, y, LOCATION, SCALE).exp()
    summed = p.cumsum(0) if head.discrete else torch.cumulative_trapezoid(p, y)
    expected = head.cdf(rows, y, LOCATION, SCALE)
    assert torch.allclose(summed, expected if head.discrete else expected[1:] - expected[0], atol=5e-4)


@every
def test_the_mean_is_that_of_the_outcomes(name: str) -> None:
    head, raw = one(name)
    y = outcomes(head)
    weighted = y * head.log_prob(raw.expand(len(y), -1), y, LOCATION, SCALE).exp()
    expected = weighted.sum() if head.discrete else torch.trapezoid(weighted, y)
    assert float(head.mean(raw, LOCATION, SCALE)) == pytest.approx(float(expected), abs=0.02)


@every
def test_the_mean_of_samples_is_the_mean(name: str) -> None:
    head, raw = one(name, 40_000)
    draws = head.sample(raw, uniforms=uniforms(40_000), location=LOCATION, scale=SCALE)
    error = float(draws.std()) / math.sqrt(len(draws))
    assert float(draws.mean()) == pytest.approx(float(head.mean(raw[0], LOCATION, SCALE)), abs=4 * error)


@every
def test_samples_are_spread_as_the_distribution_function_says(name: str) -> None:
    head, raw = one(name, 5000)
    draws = head.sample(raw, uniforms=uniforms(5000), location=LOCATION, scale=SCALE).sort().values
    shares = torch.searchsorted(draws, draws, right=True) / len(draws)
    far = (head.cdf(raw, draws, LOCATION, SCALE) - shares).abs().max()
    assert float(far) < 1.95 / math.sqrt(len(draws))  # Kolmogorov and Smirnov, level 0.001


@every
def test_quantiles_are_the_inverse_of_the_distribution_function(name: str) -> None:
    levels = torch.tensor([1e-9, 0.001, 0.03, 0.05, 0.2, 0.5, 0.6, 0.95, 0.99, 1 - 1e-9], dtype=torch.float64)
    head, raw = one(name, len(levels))
    y = head.quantile(raw, levels, LOCATION, SCALE)
    found = head.cdf(raw, y, LOCATION, SCALE)
    if head.discrete:
        assert bool((found >= levels).all())
        assert bool((head.cdf(raw, y - 1, LOCATION, SCALE) < levels).all())
    else:
        assert torch.allclose(found, levels, rtol=1e-9, atol=1e-14)


@every
def test_several_quantiles_rise(name: str) -> None:
    head, raw = one(name, 3)
    found = head.quantiles(raw, [0.1, 0.5, 0.9], LOCATION, SCALE)
    assert found.shape == (3, 3)
    assert bool((found.diff(dim=-1) > 0).all())
    assert torch.equal(found[:, 1], head.quantile(raw, 0.5, LOCATION, SCALE))


@continuous
def test_location_and_scale_are_a_change_of_units(name: str) -> None:
    head, raw = one(name, 9)
    x = torch.linspace(-5, 5, 9, dtype=torch.float64)
    y = LOCATION + SCALE * x
    moved = head.log_prob(raw, y, LOCATION, SCALE)
    assert torch.allclose(moved, head.log_prob(raw, x) - math.log(SCALE), atol=1e-12)
    tensors = torch.full((9,), LOCATION, dtype=torch.float64), torch.full((9,), SCALE, dtype=torch.float64)
    assert torch.allclose(head.log_prob(raw, y, *tensors), moved, atol=1e-12)
    assert torch.allclose(head.cdf(raw, y, *tensors), head.cdf(raw, x), atol=1e-12)
    assert torch.allclose(head.mean(raw, *tensors), LOCATION + SCALE * head.mean(raw))
    assert torch.allclose(head.quantile(raw, 0.7, *tensors), LOCATION + SCALE * head.quantile(raw, 0.7))
    assert torch.allclose(head.surprise(raw, y, *tensors), head.surprise(raw, x), atol=1e-9)


@every
def test_the_first_raw_number_is_the_location(name: str) -> None:
    """What is added to it moves the median by that much, for counts as long as they are far from 0."""
    head, raw = one(name, 2)
    moved = raw + torch.tensor([30.0] + [0.0] * (head.size - 1), dtype=torch.float64)
    if head.discrete:
        assert float(head.mean(moved, 0, 4)[0]) == pytest.approx(30.5 * 4, abs=1e-4)
    else:
        away = head.quantile(moved, 0.4, 1, 4) - head.quantile(raw, 0.4, 1, 4)
        assert away.tolist() == pytest.approx([120, 120])


@every
def test_surprise_is_the_logarithm_of_a_tail(name: str) -> None:
    head, raw = one(name, 2000)
    draws = head.sample(raw, uniforms=uniforms(2000), location=LOCATION, scale=SCALE)
    surprise = head.surprise(raw, draws, LOCATION, SCALE)
    assert bool((surprise >= 0).all())
    for least in (0.5, 2.0, 4.0):
        share, bound = float((surprise >= least).double().mean()), math.exp(-least)
        noise = 4 * math.sqrt(bound * (1 - bound) / 2000)
        assert share < bound + noise
        assert head.discrete or share > bound - noise
    far = head.surprise(raw[:3], torch.tensor([30.0, 300.0, 3000.0], dtype=torch.float64), LOCATION, SCALE)
    assert bool(far.isfinite().all()) and bool((far.diff() > 1).all())


@every
def test_sharpness_draws_towards_the_median(name: str) -> None:
    head, raw = one(name, 500)
    u = uniforms(500)
    median = head.quantile(raw[0], 0.5, LOCATION, SCALE)
    spread = [
        float((head.sample(raw, sharpness, uniforms=u, location=LOCATION, scale=SCALE) - median).abs().mean())
        for sharpness in (0.5, 1.0, 4.0, 1e12)
    ]
    assert spread[0] > spread[1] > spread[2] > spread[3]
    assert spread[3] == pytest.approx(0, abs=1e-4)


def test_sharpness_is_the_inverse_temperature_of_a_normal_density() -> None:
    head, raw = one("normal", 4)
    u = uniforms(4)
    half = head.sample(raw, 4.0, uniforms=u) - head.mean(raw)
    assert torch.allclose(2 * half, head.sample(raw, uniforms=u) - head.mean(raw))


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_numbers_stay_finite(name: str, dtype: torch.dtype) -> None:
    head = DISTRIBUTIONS[name]()
    extremes = torch.tensor([-1e4, -50.0, 0.0, 50.0, 1e4], dtype=dtype)
    raw = torch.cartesian_prod(*[extremes] * min(head.size, 3))  # [N, 2 or 3]
    raw = torch.cat([raw, raw[:, -1:].expand(-1, head.size - raw.shape[1])], -1).requires_grad_()
    for target in (0.0, 7.0, 1e5):
        y = torch.full(raw.shape[:1], target, dtype=dtype)
        loss = head.loss(raw, y, 0.0, 2.0)
        (gradient,) = torch.autograd.grad(loss.sum(), raw)
        assert loss.dtype == dtype and bool(loss.isfinite().all()) and bool(gradient.isfinite().all())
        assert bool(head.log_prob(raw, y, 0.0, 2.0).isfinite().all())
        assert not bool(head.surprise(raw, y, 0.0, 2.0).isnan().any())
        assert head.cdf(raw, y).dtype == head.quantile(raw[:2], 0.3).dtype == head.mean(raw).dtype == dtype


@every
def test_float32_agrees_with_float64(name: str) -> None:
    head, raw = one(name, 40)
    noise = torch.randn(raw.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.arange(40.0)
    wide = head.log_prob(raw + 3 * noise, y.double(), LOCATION, SCALE)
    assert torch.allclose(head.log_prob((raw + 3 * noise).float(), y, LOCATION, SCALE).double(), wide, rtol=2e-4)


@every
def test_gradients(name: str) -> None:
    head, raw = one(name, 6)
    raw = (raw + torch.linspace(-0.5, 0.5, 6, dtype=torch.float64)[:, None]).requires_grad_()
    y = torch.tensor([0.0, 1.0, 2.0, 5.0, 9.0, 40.0], dtype=torch.float64)
    location = torch.full((6,), 1.3, dtype=torch.float64, requires_grad=True)
    scale = torch.full((6,), 2.1, dtype=torch.float64, requires_grad=True)
    for function in (head.log_prob, head.loss):
        assert torch.autograd.gradcheck(lambda r, m, s, f=function: f(r, y, m, s), (raw, location, scale))
    assert torch.autograd.gradcheck(head.mean, (raw, location, scale))


@every
def test_known_parameters_are_recovered_from_samples(name: str) -> None:
    head, truth = one(name, 20_000)
    target = head.sample(truth, uniforms=uniforms(20_000), location=LOCATION, scale=SCALE)
    raw = torch.zeros(head.size, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([raw], max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = head.loss(raw.expand(len(target), -1), target, LOCATION, SCALE).mean()
        loss.backward()
        return loss

    optimiser.step(closure)
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    found = head.quantiles(raw.detach(), levels, LOCATION, SCALE)
    assert torch.allclose(found, head.quantiles(truth[0], levels, LOCATION, SCALE), rtol=0.04, atol=0.25)


@every
def test_arguments_are_left_alone(name: str) -> None:
    head, raw = one(name, 5)
    given = [raw.clone(), torch.arange(5.0).double(), torch.ones(5).double(), torch.full((5,), 2.0).double()]
    copies = [tensor.clone() for tensor in given]
    raw, y, location, scale = given
    head.log_prob(raw, y, location, scale)
    head.loss(raw, y, location, scale)
    head.mean(raw, location, scale)
    head.sample(raw, 2.0, uniforms=location / 3, location=location, scale=scale)
    head.quantile(raw, location / 3, location, scale)
    head.cdf(raw, y, location, scale)
    head.surprise(raw, y, location, scale)
    assert all(torch.equal(now, then) for now, then in zip(given, copies, strict=True))


@every
def test_a_uniform_of_zero_is_a_finite_draw(name: str) -> None:
    head, raw = one(name, 2)
    assert bool(head.sample(raw, uniforms=torch.tensor([0.0, 1 - 2.0**-53], dtype=torch.float64)).isfinite().all())


@every
def test_wrong_shapes_and_options_are_refused_with_a_sentence(name: str) -> None:
    head, raw = one(name, 2)
    with pytest.raises(ShapeError, match=rf"raw must be \[\.\.\., {head.size}\].*got \[2, {head.size + 1}\]"):
        head.log_prob(torch.zeros(2, head.size + 1), torch.zeros(2))
    with pytest.raises(ShapeError, match=r"target must be \[2\].*got \[2, 1\]"):
        head.log_prob(raw, torch.zeros(2, 1))
    with pytest.raises(ShapeError, match=r"uniforms must be \[2\].*got \[1\]"):
        head.sample(raw, uniforms=torch.zeros(1))
    for sharpness in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(SpecError, match="sharpness must be above 0"):
            head.sample(raw, sharpness, uniforms=torch.zeros(2))
    for level in (0.0, 1.0, float("nan")):
        with pytest.raises(SpecError, match="level of a quantile must be above 0 and below 1"):
            head.quantile(raw, level)


@every
def test_the_registry_names_it_and_it_follows_the_protocol(name: str) -> None:
    head: Head = DISTRIBUTIONS[name]()
    assert HEADS[name] is type(head)
    assert head == DISTRIBUTIONS[name]()


def test_normal_is_that_of_torch() -> None:
    raw = torch.randn(50, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y = torch.linspace(-9, 9, 50, dtype=torch.float64)
    peer = torch.distributions.Normal(2 + 3 * raw[:, 0], 3 * (torch.nn.functional.softplus(raw[:, 1]) + 1e-3))
    assert torch.allclose(Normal().log_prob(raw, y, 2, 3), peer.log_prob(y))
    assert torch.allclose(Normal().cdf(raw, y, 2, 3), peer.cdf(y))
    assert torch.allclose(Normal().quantile(raw, 0.9, 2, 3), peer.icdf(torch.tensor(0.9)))


@pytest.mark.parametrize("degrees", [-50.0, -1.0, 2.0, 40.0, 1e5])
def test_student_is_that_of_scipy(degrees: float) -> None:
    raw = torch.tensor([0.3, 0.1, degrees], dtype=torch.float64)
    df, sigma = 2.01 + np.logaddexp(0, degrees), 3 * (np.logaddexp(0, 0.1) + 1e-3)
    peer = stats.t(df, 2 + 3 * 0.3, sigma)
    y = np.linspace(-60, 60, 41)
    rows, head = raw.expand(41, 3), StudentT()
    np.testing.assert_allclose(head.log_prob(rows, torch.tensor(y), 2, 3), peer.logpdf(y), rtol=1e-8)
    np.testing.assert_allclose(head.cdf(rows, torch.tensor(y), 2, 3), peer.cdf(y), rtol=1e-6, atol=1e-300)
    levels = np.array([1e-12, 0.01, 0.3, 0.5, 0.7, 0.999])
    found = head.quantile(raw.expand(6, 3), torch.tensor(levels), 2, 3)
    np.testing.assert_allclose(found, peer.ppf(levels), rtol=1e-8)


@pytest.mark.parametrize(("dispersion", "scale"), [(0.0, 1.0), (3.0, 0.3), (-4.0, 100.0), (-50.0, 10.0)])
def test_negative_binomial_is_that_of_scipy(dispersion: float, scale: float) -> None:
    head, raw = NegativeBinomial(), torch.tensor([1.2, dispersion], dtype=torch.float64)
    mean = float(head.mean(raw, 0.0, scale))
    assert mean == pytest.approx(1.2 * scale, rel=2e-3)
    alpha = (np.logaddexp(0, dispersion) + 1e-6) / np.sqrt(scale)
    peer = stats.nbinom(1 / alpha, 1 / (1 + alpha * mean))
    assert peer.var() == pytest.approx(mean + alpha * mean**2)
    y = np.unique(np.round(np.linspace(0, 6 * mean + 3, 30)))
    rows = raw.expand(len(y), 2)
    np.testing.assert_allclose(head.log_prob(rows, torch.tensor(y), 0.0, scale), peer.logpmf(y), rtol=1e-6)
    np.testing.assert_allclose(head.cdf(rows, torch.tensor(y), 0.0, scale), peer.cdf(y), rtol=1e-6)
    levels = np.array([1e-6, 0.01, 0.3, 0.5, 0.9, 0.999])
    assert head.quantile(raw.expand(6, 2), torch.tensor(levels), 0.0, scale).tolist() == peer.ppf(levels).tolist()


def test_what_is_no_count_has_probability_zero() -> None:
    raw = torch.zeros(3, 2, requires_grad=True)
    log_p = NegativeBinomial().log_prob(raw, torch.tensor([-1.0, 0.5, 2.0]))
    assert log_p.tolist()[:2] == [-math.inf, -math.inf] and bool(log_p[2].isfinite())
    (gradient,) = torch.autograd.grad(log_p[2], raw)
    assert bool(gradient.isfinite().all())


def test_zeros_are_the_quantiles_of_a_normal() -> None:
    levels = Quantiles().levels
    found = Quantiles().quantiles(torch.zeros(7, dtype=torch.float64), levels)
    assert torch.allclose(found, Normal().quantiles(torch.zeros(2, dtype=torch.float64), levels))


def test_quantiles_never_cross() -> None:
    raw = 100 * torch.randn(500, 7, generator=torch.Generator().manual_seed(2))
    assert bool((Quantiles().quantiles(raw, Quantiles().levels).diff(dim=-1) > 0).all())


def test_pinball_loss_of_a_hand_worked_case() -> None:
    head = Quantiles((0.1, 0.5, 0.9))
    knots = head.quantiles(torch.zeros(3), head.levels)  # -a, 0, a
    a = float(knots[2])
    losses = head.loss(torch.zeros(2, 3), torch.tensor([0.0, 2 * a]))
    assert losses.tolist() == pytest.approx([2 / 3 * (0.1 * a + 0 + 0.1 * a), 2 / 3 * a * (0.1 * 3 + 0.5 * 2 + 0.9)])
    scaled = head.loss(torch.zeros(2, 3), torch.tensor([5.0, 5 + 14 * a]), 5.0, 7.0)
    assert torch.allclose(scaled, losses)


@pytest.mark.parametrize("levels", [(), (0.5,), (0.1, 0.5), (0.5, 0.9), (0.1, 0.9), (0.0, 0.5, 1.0), (0.9, 0.5, 0.1)])
def test_levels_that_make_no_sense_are_refused(levels: tuple[float, ...]) -> None:
    with pytest.raises(SpecError, match="levels must rise between 0 and 1"):
        Quantiles(levels)


@pytest.mark.parametrize("module", [normal, student, negative_binomial, quantile])
def test_examples(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]
