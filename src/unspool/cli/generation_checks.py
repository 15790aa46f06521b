"""Self-checks of the native generator: its scores with each kind of weights, and what it chooses."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from unspool.cells import CELLS
from unspool.cli.comparison import Comparison, largest, one_thread
from unspool.decode import generate
from unspool.draws import Draws
from unspool.engine.dispatch import kernels
from unspool.engine.generator import Generator
from unspool.engine.plan import GenerationPlan
from unspool.engine.structures import generation_library
from unspool.nets.sequence import SequenceNet
from unspool.sampling import Sampling

STEPS, SAMPLES, SYMBOLS, HIDDEN = 24, 3, 29, 40
TOLERANCES = {"f32": 2e-6, "bf16": 2e-2, "int8": 2e-2}  # of the largest score; the last two round the weights
FILTERED = Sampling(temperature=0.8, top_k=12, top_p=0.9, min_p=0.02)
SAMPLINGS: tuple[Any, ...] = (Sampling(), Sampling(greedy=True), FILTERED)


def comparisons() -> Iterator[Comparison]:
    """All of them; none where the native engine was not built."""
    if generation_library() is None:
        return
    for weights, tolerance in TOLERANCES.items():
        for cell in CELLS:
            check = partial(scores_error, cell, weights)
            yield Comparison(f"native generator, {weights}, against the loop, {cell}", tolerance, check)
    yield Comparison("native sampler against the loop's choices", 0.0, choices_error)


def scores_error(cell: str, weights: str) -> float:
    """Scores along fixed symbols against those of the loop in float64."""
    net = _network(cell)
    generator, state = Generator(_plan(net), weights), net.init_state(SAMPLES)
    ids = torch.randint(SYMBOLS, (STEPS, SAMPLES), generator=torch.Generator().manual_seed(1))
    found = []
    with one_thread():
        for symbols in ids:
            scores, state = generator.step(symbols, state)
            found.append(scores)
        with torch.no_grad(), kernels(False):
            exact = copy.deepcopy(net).double()(ids)
    return largest([torch.stack(found)], [exact.raw])


def choices_error() -> float:
    """The share of the symbols, written in three ways of sampling, that are not those of `decode.generate`."""
    net = _network("lstm")
    generator, start = Generator(_plan(net)), net.init_state(SAMPLES)
    first, samples = torch.zeros(SAMPLES, SYMBOLS), list(range(SAMPLES))

    def step(ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        output, state = net.stack.step(net.stack.project(net.embed(ids)), state)
        return net.output(output.h), state

    other = 0
    with one_thread(), kernels(False):
        for sampling in SAMPLINGS:
            ours = generator.generate(first, start, sampling, samples, seed=5, length=STEPS)
            theirs = generate(step, start, first, sampling, Draws(5, samples), length=STEPS)
            for mine, right in zip(ours, theirs, strict=True):
                other += sum(one != two for one, two in zip(mine.ids, right.ids.tolist(), strict=True))
    return other / (len(SAMPLINGS) * STEPS * SAMPLES)


def _network(cell: str) -> SequenceNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        net = SequenceNet(SYMBOLS, cell=cell, hidden_size=HIDDEN, layers=2, embedding_size=8, skip=True).eval()
        net.output.weight.data *= 6  # scores that differ as after training
    return net


def _plan(net: SequenceNet) -> GenerationPlan:
    plan = net.generation_plan()
    if isinstance(plan, str):
        raise RuntimeError(plan)
    return plan
