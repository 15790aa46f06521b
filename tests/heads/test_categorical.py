from __future__ import annotations

import doctest

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool.draws import Draws
from unspool.errors import ShapeError, SpecError
from unspool.heads import HEADS, Categorical, Head, categorical

torch.set_num_threads(1)
quick = settings(deadline=None, derandomize=True, max_examples=60)
scores = st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=8)


def uniforms(count: int, seed: int = 0) -> torch.Tensor:
    source = Draws(seed, range(100))
    return torch.cat([source.at(step) for step in range(-(-count // 100))])[:count]


def row(values: list[float]) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float64)


@quick
@given(scores)
def test_log_prob_normalises(values: list[float]) -> None:
    size = len(values)
    log_probs = Categorical(size).log_prob(row(values).expand(size, size), torch.arange(size))
    assert bool(log_probs.isfinite().all())
    assert float(log_probs.logsumexp(0)) == pytest.approx(0, abs=1e-9)


@quick
@given(scores, st.floats(-100, 100))
def test_a_constant_added_to_all_scores_changes_nothing(values: list[float], shift: float) -> None:
    head, target = Categorical(len(values)), torch.tensor([len(values) - 1])
    moved = head.log_prob(row(values) + shift, target)
    assert float(moved) == pytest.approx(float(head.log_prob(row(values), target)), abs=1e-8)


@quick
@given(scores)
def test_mean_and_entropy_follow_from_log_prob(values: list[float]) -> None:
    head, size = Categorical(len(values)), len(values)
    log_probs = head.log_prob(row(values).expand(size, size), torch.arange(size))
    assert torch.allclose(head.mean(row(values))[0], log_probs.exp(), atol=1e-12)
    assert float(head.entropy(row(values))) == pytest.approx(-float((log_probs.exp() * log_probs).sum()), abs=1e-9)


def test_log_prob_of_a_hand_worked_case_over_time_and_batch() -> None:
    raw = torch.tensor([1.0, 3.0, 4.0]).log().expand(2, 5, 3)  # probabilities 1/8, 3/8, 4/8
    target = torch.tensor([[0, 1, 2, 1, 0], [2, 2, 2, 1, 0]])
    expected = torch.tensor([0.125, 0.375, 0.5])[target].log()
    assert torch.allclose(Categorical(3).log_prob(raw, target), expected)


def test_the_head_recovers_known_probabilities_from_its_own_samples() -> None:
    head = Categorical(5)
    truth = torch.tensor([0.5, 0.25, 0.15, 0.07, 0.03], dtype=torch.float64)
    target = head.sample(truth.log().expand(40_000, 5), uniforms=uniforms(40_000))
    raw = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([raw], max_iter=40, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = head.loss(raw.expand(len(target), 5), target).mean()
        loss.backward()
        return loss

    optimiser.step(closure)
    deviation = (truth * (1 - truth) / len(target)).sqrt()
    assert bool(((head.mean(raw.detach()) - truth).abs() < 4 * deviation).all())


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0])
def test_sharpness_multiplies_the_scores(sharpness: float) -> None:
    raw = torch.tensor([2.0, 1.0, 0.0, -1.0])
    ids = Categorical(4).sample(raw.expand(20_000, 4), sharpness, uniforms=uniforms(20_000, seed=2))
    expected = (raw * sharpness).softmax(-1) * 20_000
    chi_square = float(((torch.bincount(ids, minlength=4) - expected) ** 2 / expected).sum())
    assert chi_square < 16.3  # quantile 0.999 at 3 degrees of freedom


def test_great_sharpness_takes_the_likeliest() -> None:
    raw = torch.tensor([[0.1, 0.3, 0.2]]).expand(50, 3)
    assert Categorical(3).sample(raw, 1e6, uniforms=uniforms(50)).unique().tolist() == [1]


def test_label_smoothing_is_the_published_mixture() -> None:
    generator = torch.Generator().manual_seed(0)
    raw = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    target = torch.randint(0, 4, (6,), generator=generator)
    head = Categorical(4)
    for smoothing in (0.0, 0.1, 0.5):
        reference = torch.nn.functional.cross_entropy(raw, target, reduction="none", label_smoothing=smoothing)
        assert torch.allclose(head.loss(raw, target, label_smoothing=smoothing), reference)
    assert torch.equal(head.loss(raw, target), -head.log_prob(raw, target))


def test_gradients() -> None:
    raw = torch.randn(3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    target, head = torch.tensor([0, 3, 1]), Categorical(4)
    assert torch.autograd.gradcheck(lambda r: head.loss(r, target, label_smoothing=0.1), raw)
    assert torch.autograd.gradcheck(head.entropy, raw)


def test_an_outcome_that_is_ruled_out_leaves_entropy_and_gradient_finite() -> None:
    raw = torch.tensor([[0.0, 0.0, -torch.inf]], requires_grad=True)
    entropy = Categorical(3).entropy(raw)
    entropy.sum().backward()
    assert float(entropy.detach()) == pytest.approx(0.6931472)
    assert raw.grad is not None and bool(raw.grad.isfinite().all())


def test_arguments_are_left_alone() -> None:
    raw, target, u = torch.randn(7, 3), torch.tensor([0, 1, 2, 0, 1, 2, 0]), uniforms(7)
    copies = raw.clone(), target.clone(), u.clone()
    head = Categorical(3)
    head.log_prob(raw, target)
    head.loss(raw, target, label_smoothing=0.2)
    head.sample(raw, 0.7, uniforms=u)
    head.mean(raw)
    head.entropy(raw)
    assert all(torch.equal(now, then) for now, then in zip((raw, target, u), copies, strict=True))


def test_a_target_outside_the_vocabulary_is_never_silently_counted() -> None:
    for wrong in (-100, -1, 3):
        with pytest.raises((RuntimeError, IndexError), match="out of bounds"):
            Categorical(3).log_prob(torch.zeros(1, 3), torch.tensor([wrong]))


def test_wrong_shapes_and_options_are_refused_with_a_sentence() -> None:
    head = Categorical(3)
    with pytest.raises(ShapeError, match=r"raw must be \[\.\.\., 3\].*got \[2, 4\]"):
        head.log_prob(torch.zeros(2, 4), torch.zeros(2, dtype=torch.long))
    with pytest.raises(ShapeError, match=r"target must be \[2\].*got \[2, 3\]"):
        head.log_prob(torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.long))
    with pytest.raises(ShapeError, match=r"uniforms must be \[2\].*got \[1\]"):
        head.sample(torch.zeros(2, 3), uniforms=torch.zeros(1))
    for smoothing in (-0.1, 1.0, float("nan")):
        with pytest.raises(SpecError, match="label_smoothing must be at least 0 and below 1"):
            head.loss(torch.zeros(1, 3), torch.tensor([0]), label_smoothing=smoothing)
    for sharpness in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(SpecError, match="sharpness must be above 0"):
            head.sample(torch.zeros(1, 3), sharpness, uniforms=torch.zeros(1))
    with pytest.raises(SpecError, match="at least 1 outcome, got 0"):
        Categorical(0)


def test_the_registry_names_it_and_it_follows_the_protocol() -> None:
    head: Head = Categorical(3)
    assert HEADS["categorical"] is type(head)


def test_examples() -> None:
    assert doctest.testmod(categorical).failed == 0
