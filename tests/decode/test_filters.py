"""What shapes a distribution before it is drawn from: temperature, top-k, top-p, min-p, schedules."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from unspool import sampling
from unspool.decode import (
    Sampling,
    min_p,
    probabilities,
    temperature,
    top_k,
    top_p,
)
from unspool.errors import DataError, ShapeError, SpecError

torch.set_num_threads(1)
quick = settings(deadline=None, derandomize=True, max_examples=80)
score_rows = st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=7)
tied_rows = st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), min_size=1, max_size=7)
FILTERS: list[Callable[[Tensor], Tensor]] = [
    lambda scores: temperature(scores, 0.5),
    lambda scores: temperature(scores, 0),
    lambda scores: top_k(scores, 2),
    lambda scores: top_p(scores, 0.7),
    lambda scores: min_p(scores, 0.3),
    lambda scores: probabilities(scores, Sampling(0.8, 3, 0.9, 0.1)),
]


def row(values: Sequence[float]) -> Tensor:
    return torch.tensor([values], dtype=torch.float64)


def kept(scores: Tensor) -> list[int]:
    return (scores[0] > -math.inf).nonzero()[:, 0].tolist()


def likeliest(values: Sequence[float], count: int) -> list[int]:
    return sorted(sorted(range(len(values)), key=lambda v: (-values[v], v))[:count])


@quick
@given(tied_rows, st.integers(1, 9))
def test_top_k_keeps_exactly_k_and_of_equals_the_first(values: list[float], k: int) -> None:
    assert kept(top_k(row(values), k)) == likeliest(values, k)


@quick
@given(weights=st.lists(st.integers(1, 9), min_size=1, max_size=6), data=st.data())
def test_top_p_keeps_the_smallest_set_that_reaches_p(weights: list[int], data: st.DataObject) -> None:
    total = sum(weights)
    p = (data.draw(st.integers(0, total - 1)) + 0.5) / total  # half a weight away from every sum: no rounding issue
    subsets = (s for n in range(1, len(weights) + 1) for s in itertools.combinations(weights, n))
    smallest = next(len(subset) for subset in subsets if sum(subset) / total >= p)
    assert kept(top_p(row(weights).log(), p)) == likeliest(weights, smallest)


@quick
@given(score_rows, st.floats(0.001, 1))
def test_min_p_keeps_what_is_likely_enough_beside_the_likeliest(values: list[float], p: float) -> None:
    chance = row(values).softmax(-1)[0]
    ratios = (chance / chance.max()).tolist()
    for v, ratio in enumerate(ratios):
        if abs(ratio - p) > 1e-9:
            assert (v in kept(min_p(row(values), p))) == (ratio > p)


@quick
@given(score_rows, st.floats(0.05, 20))
def test_temperature_divides_the_scores(values: list[float], t: float) -> None:
    expected = (row(values) / t).softmax(-1)
    assert torch.allclose(temperature(row(values), t).softmax(-1), expected, atol=1e-12)


@pytest.mark.parametrize("t", [5e-324, 1e-300, 1e300])
def test_extreme_temperatures_neither_overflow_nor_give_nan(t: float) -> None:
    chances = probabilities(row([-math.inf, 700.0, 3.0, 700.0]), Sampling(temperature=t))
    expected = [[0.0, 0.5, 0.0, 0.5]] if t < 1 else [[0.0, 1 / 3, 1 / 3, 1 / 3]]
    assert torch.allclose(chances, torch.tensor(expected, dtype=torch.float64))


@quick
@given(score_rows, st.sampled_from(range(len(FILTERS))))
def test_filters_leave_their_argument_alone_and_keep_the_likeliest(values: list[float], number: int) -> None:
    scores = row(values)
    filtered = FILTERS[number](scores)
    assert torch.equal(scores, row(values))
    assert filtered.shape == scores.shape
    assert not filtered.isnan().any()
    assert float(filtered[0, int(scores[0].argmax())]) == float(filtered.max()) > -math.inf


@quick
@given(tied_rows)
def test_every_way_of_being_greedy_takes_the_first_of_the_likeliest(values: list[float]) -> None:
    first = values.index(max(values))
    expected = [[float(v == first) for v in range(len(values))]]
    for options in (
        Sampling(greedy=True),
        Sampling(temperature=0),
        Sampling(top_k=1),
        Sampling(2.0, 3, 0.5, 0.9, True),
    ):
        assert probabilities(row(values), options).tolist() == expected


@quick
@given(score_rows)
def test_the_defaults_are_the_models_own_distribution(values: list[float]) -> None:
    assert torch.equal(probabilities(row(values), Sampling()), row(values).softmax(-1))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # Temperature 0.5 squares 4:3:2:1 to 16:9:4:1, and 25/30 >= 0.8 leaves two; top-p first: three.
        (Sampling(temperature=0.5, top_p=0.8), [16, 9, 0, 0]),
        # Of 4:3:2 the first two have 7/9 >= 0.75; of 4:3:2:1 only 0.7, so top-p first would keep three.
        (Sampling(top_k=3, top_p=0.75), [4, 3, 0, 0]),
        # Temperature before min-p: 9/16 < 0.6, while 3/4 is not.
        (Sampling(temperature=0.5, min_p=0.6), [16, 0, 0, 0]),
        # Top-p before min-p: of all four, 0.75 needs three. Of the 4:3:2 that min-p leaves it would need two.
        (Sampling(top_p=0.75, min_p=0.5), [4, 3, 2, 0]),
    ],
)
def test_filters_work_in_the_documented_order(options: Sampling, expected: list[int]) -> None:
    chances = probabilities(row([4, 3, 2, 1]).log(), options)
    assert torch.allclose(chances, row([float(e) for e in expected]) / sum(expected))


def test_filters_take_each_row_by_itself() -> None:
    scores = torch.randn(5, 9, generator=torch.Generator().manual_seed(0))
    options = Sampling(0.7, 6, 0.8, 0.05)
    alone = torch.cat([probabilities(scores[n : n + 1], options) for n in range(5)])
    assert torch.equal(probabilities(scores, options), alone)


@pytest.mark.parametrize("filter_", [lambda scores: top_k(scores, 250), lambda scores: top_p(scores, 0.4999)])
def test_a_large_flat_distribution_keeps_its_first_half(filter_: Callable[[Tensor], Tensor]) -> None:
    assert kept(filter_(torch.zeros(1, 500))) == list(range(250))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"temperature": -0.1}, "--temperature must be at least 0, got -0.1"),
        ({"temperature": math.nan}, "--temperature must be a finite number, or two as in 1.2:0.6, got nan"),
        ({"temperature": math.inf}, "--temperature must be a finite number, or two as in 1.2:0.6, got inf"),
        ({"temperature": "warm"}, "--temperature must be a finite number, or two as in 1.2:0.6, got 'warm'"),
        ({"temperature": "1:2:3"}, "--temperature must be a finite number, or two as in 1.2:0.6, got '1:2:3'"),
        ({"temperature": "1:-2"}, "--temperature must be at least 0, got '1:-2'"),
        ({"repetition_penalty": 0.0}, "--repetition-penalty must be above 0, got 0.0; leave it out for 1.0"),
        ({"penalty_window": -1}, "--penalty-window must be at least 0, got -1; leave it out for 0"),
        ({"block_ngrams": -1}, "--block-ngrams must be at least 0, got -1; leave it out for 0"),
        ({"top_k": -1}, "--top-k must be at least 0, got -1; leave it out for 0"),
        ({"top_k": 1.5}, "--top-k must be a whole number, got 1.5; leave it out for 0"),
        ({"top_p": 0.0}, "--top-p must be above 0 and at most 1, got 0.0; leave it out for 1.0"),
        ({"top_p": 1.01}, "--top-p must be above 0 and at most 1, got 1.01; leave it out for 1.0"),
        ({"min_p": -0.1}, "--min-p must be at least 0 and at most 1, got -0.1; leave it out for 0.0"),
        ({"min_p": 2.0}, "--min-p must be at least 0 and at most 1, got 2.0; leave it out for 0.0"),
    ],
)
def test_bad_options_are_refused_with_a_sentence(options: dict[str, float], sentence: str) -> None:
    with pytest.raises(SpecError) as failure:
        Sampling(**options)  # type: ignore[arg-type]
    assert str(failure.value) == sentence


@pytest.mark.parametrize(
    ("filter_", "bad"),
    [
        (temperature, -1.0),
        (temperature, math.nan),
        (temperature, math.inf),
        (top_k, -1),
        (top_p, 0.0),
        (top_p, 1.5),
        (min_p, 1.5),
        (min_p, -1.0),
    ],
)
def test_filters_refuse_the_same_values(filter_: Callable[[Tensor, float], Tensor], bad: float) -> None:
    with pytest.raises(SpecError, match=f"must be finite and .*got {bad}"):
        filter_(row([1.0, 2.0]), bad)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_scores_that_are_no_distribution_are_refused(bad: float) -> None:
    with pytest.raises(DataError, match=f"finite maximum in every row, got {bad} in row 1"):
        probabilities(torch.tensor([[0.0, 1.0], [0.0, bad]]), Sampling())
    with pytest.raises(DataError, match="got -inf in row 0"):
        probabilities(torch.full((1, 3), -math.inf), Sampling())
    with pytest.raises(ShapeError, match=r"scores must be \[N, V\].*got \[3\]"):
        probabilities(torch.zeros(3), Sampling())


def test_options_come_without_torch() -> None:
    code = "import sys, unspool.sampling; unspool.sampling.Sampling(top_k=3); print('torch' in sys.modules)"
    path = os.environ | {"PYTHONPATH": str(Path(sampling.__file__).parents[1])}
    answer = subprocess.run([sys.executable, "-c", code], env=path, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
