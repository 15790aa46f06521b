"""The loop that draws symbols and feeds them back."""

from __future__ import annotations

import doctest
import gc
import itertools
import math
import weakref
from collections import deque
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool import decode, sampling
from unspool.decode import (
    UNBOUNDED,
    Sampling,
    generate,
    probabilities,
)
from unspool.draws import Draws
from unspool.errors import ShapeError, SpecError

torch.set_num_threads(1)


def constant(scores: Tensor) -> Callable[[Tensor, None], tuple[Tensor, None]]:
    return lambda ids, state: (scores, state)


def chi_square(ids: Tensor, expected: Tensor) -> float:
    counts = torch.bincount(ids, minlength=len(expected))
    assert not counts[expected == 0].any()
    expected, counts = expected[expected > 0] * len(ids), counts[expected > 0]
    return float(((counts - expected) ** 2 / expected).sum())


def test_generate_refuses_bad_calls_before_the_first_symbol() -> None:
    with pytest.raises(SpecError, match="--length must be at least 0, got -1"):
        generate(constant(torch.zeros(1, 2)), None, torch.zeros(1, 2), Sampling(), Draws(0, [0]), length=-1)
    with pytest.raises(ShapeError, match=r"\[N, V\] with N=3 as in draws, got \[1, 2\]"):
        generate(constant(torch.zeros(1, 2)), None, torch.zeros(1, 2), Sampling(), Draws(0, range(3)))


@pytest.mark.parametrize(
    "options",
    [
        Sampling(),
        Sampling(temperature=0.7),
        Sampling(top_k=3),
        Sampling(top_p=0.8),
        Sampling(1.5, 4, 0.9, 0.2),
    ],
)
def test_frequencies_match_the_probabilities(options: Sampling) -> None:
    scores = torch.tensor([[1.0, 0.2, -0.5, 2.0, 0.0]]).expand(500, 5)
    steps = generate(constant(scores), None, scores, options, Draws(0, range(500)), length=60)
    ids = torch.cat([step.ids for step in steps])
    assert len(ids) == 30_000
    assert chi_square(ids, probabilities(scores, options)[0]) < 18.5  # quantile 0.999 at 4 degrees of freedom


def test_log_probs_are_those_of_the_unfiltered_model() -> None:
    scores = torch.randn(4, 6, generator=torch.Generator().manual_seed(2))
    own = scores.double().log_softmax(-1)
    for ids, log_probs in generate(constant(scores), None, scores, Sampling(0.3, 2), Draws(1, range(4)), length=5):
        assert ids.dtype == torch.int64
        assert torch.allclose(log_probs, own.gather(1, ids[:, None])[:, 0])


def chain(ids: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """A small network with memory: every symbol so far moves the state of its own row."""
    state = (state * 0.5 + ids[:, None] * torch.tensor([0.3, -0.2, 0.7])).sin()  # [N, 3]
    a, b, c = state.unbind(1)
    return torch.stack([a + c, b * 3, c - 1, a], dim=1), state


def run(samples: list[int], options: Sampling, length: int = 40) -> list[list[int]]:
    count = len(samples)
    steps = generate(chain, torch.zeros(count, 3), torch.zeros(count, 4), options, Draws(9, samples), length=length)
    return torch.stack([step.ids for step in steps], dim=1).tolist()


def test_a_sample_depends_on_seed_and_number_alone() -> None:
    options = Sampling(temperature=1.2, top_p=0.95)
    together = run([0, 1, 2, 3, 4], options)
    assert [run([number], options)[0] for number in range(5)] == together
    assert run([3, 0], options, length=17) == [together[3][:17], together[0][:17]]
    assert len({tuple(ids) for ids in together}) == 5


def test_each_symbol_is_fed_back() -> None:
    first, fed = torch.tensor([[0.0, 5.0, 1.0]]), []

    def step(ids: Tensor, state: int) -> tuple[Tensor, int]:
        fed.append((int(ids), state))
        return torch.nn.functional.one_hot((ids + 1) % 3, 3).float(), state + 1

    chosen = [int(ids) for ids, _ in generate(step, 0, first, Sampling(greedy=True), Draws(0, [0]), length=4)]
    assert chosen == [1, 2, 0, 1]
    assert fed == [(1, 0), (2, 1), (0, 2)]


def test_it_runs_only_as_far_as_it_is_read() -> None:
    calls = []

    def step(ids: Tensor, state: None) -> tuple[Tensor, None]:
        calls.append(ids)
        return torch.zeros(1, 2), None

    endless = generate(step, None, torch.zeros(1, 2), Sampling(), Draws(0, [0]))
    assert calls == []
    for wanted in (1, 2, 3):
        next(endless)
        assert len(calls) == wanted - 1
    assert list(generate(step, None, torch.zeros(1, 2), Sampling(), Draws(0, [0]), length=0)) == []
    assert len(list(generate(step, None, torch.zeros(1, 2), Sampling(), Draws(0, [0]), length=3))) == 3
    assert len(calls) == 2 + 2


@pytest.mark.no_cover
def test_memory_stays_constant_over_thirty_thousand_steps() -> None:
    scores, recent = torch.zeros(1, 3), deque[weakref.ref[Tensor]](maxlen=300)

    def step(ids: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        fresh = scores.clone(), state.clone()
        recent.extend(map(weakref.ref, (ids, *fresh)))
        return fresh

    steps = generate(step, torch.zeros(1, 2), scores, Sampling(), Draws(0, [0]), length=30_000)
    read = sum(1 for _ in itertools.islice(steps, 1000))
    gc.collect()
    objects = len(gc.get_objects())
    read += sum(1 for _ in itertools.islice(steps, 28_999))
    gc.collect()
    assert len(gc.get_objects()) - objects < 200
    assert sum(tensor() is not None for tensor in recent) <= 3  # symbols, scores and state of the last step
    assert read + sum(1 for _ in steps) == 30_000


def test_no_gradient_is_recorded_and_the_readers_grad_mode_is_its_own() -> None:
    weight = torch.ones(1, 2, requires_grad=True)
    seen = []

    def step(ids: Tensor, state: None) -> tuple[Tensor, None]:
        seen.append(torch.is_grad_enabled())
        return weight * 2, None

    for found in generate(step, None, weight * 3, Sampling(), Draws(0, [0]), length=3):
        assert torch.is_grad_enabled()
        assert not found.log_probs.requires_grad
    assert seen == [False, False]


class Alternate:
    """Even symbols at even places, odd ones at odd places; given out as torch or NumPy arrays."""

    def __init__(self, as_numpy: bool) -> None:
        self.as_numpy = as_numpy
        self.pushed: list[list[int]] = []
        self.remaining: list[int] = []

    def allowed(self, remaining: int) -> Tensor | NDArray[np.bool_]:
        self.remaining.append(remaining)
        table = (torch.arange(4) % 2 == len(self.pushed) % 2).expand(2, 4)
        return table.numpy() if self.as_numpy else table

    def push(self, ids: Tensor) -> None:
        self.pushed.append(ids.tolist())


@pytest.mark.parametrize("as_numpy", [False, True])
def test_a_mask_rules_out_symbols_and_follows_what_was_chosen(as_numpy: bool) -> None:
    scores, mask = torch.zeros(2, 4), Alternate(as_numpy)
    steps = list(generate(constant(scores), None, scores, Sampling(), Draws(4, range(2)), length=30, mask=mask))
    assert mask.pushed == [step.ids.tolist() for step in steps]
    assert all(symbol % 2 == place % 2 for place, ids in enumerate(mask.pushed) for symbol in ids)
    assert len({symbol for ids in mask.pushed for symbol in ids}) == 4
    assert mask.remaining == list(range(30, 0, -1))
    assert all(torch.allclose(step.log_probs, torch.tensor(-math.log(4)).double()) for step in steps)


def test_a_mask_comes_before_the_filters_and_hears_when_there_is_no_end() -> None:
    scores = torch.tensor([[0.0, 1.0, 2.0, 9.0]]).expand(2, 4)
    mask, greedy = Alternate(as_numpy=False), Sampling(greedy=True)
    first = next(generate(constant(scores), None, scores, greedy, Draws(0, range(2)), mask=mask))
    assert first.ids.tolist() == [2, 2]
    assert mask.remaining == [UNBOUNDED]


def test_a_schedule_goes_from_the_first_symbol_to_the_last() -> None:
    """Scores as the draws would need them: at each step the symbol chosen tells the temperature."""
    scores = torch.tensor([[0.0, 1.0]]).expand(4000, 2)
    steps = generate(constant(scores), None, scores, Sampling("0.2:3"), Draws(0, range(4000)), length=3)
    for step, t in zip(steps, (0.2, 1.6, 3.0), strict=True):
        expected = 1 / (1 + math.exp(-1 / t))
        assert abs(float(step.ids.double().mean()) - expected) < 4 * math.sqrt(expected * (1 - expected) / 4000)
    same = [
        generate(constant(scores), None, scores, Sampling(t), Draws(0, range(4000)), length=3) for t in (0.7, "0.7:0.7")
    ]
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(*same, strict=True))
    alone = generate(constant(scores), None, scores, Sampling("0.2:3"), Draws(0, range(4000)), length=1)
    assert abs(float(next(alone).ids.double().mean()) - 1 / (1 + math.exp(-5))) < 0.01
    with pytest.raises(SpecError, match=r"--temperature 0\.2:3 changes up to the last symbol, but no --length"):
        generate(constant(scores), None, scores, Sampling("0.2:3"), Draws(0, range(4000)))


@pytest.mark.parametrize("module", [decode, sampling])
def test_examples(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]
