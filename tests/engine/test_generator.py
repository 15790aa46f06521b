"""The native generator against the loop of decode.generate, and against itself: rows, threads, pieces of a stream."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from unspool.cells import state as trees
from unspool.decode import pick, probabilities
from unspool.draws import Draws
from unspool.engine import kernels
from unspool.engine.generator import WEIGHTS, Chosen, Generator, native_generator
from unspool.engine.library import ISAS, library
from unspool.errors import DataError, ShapeError, SpecError
from unspool.nets.sequence import SequenceNet
from unspool.sampling import Sampling

pytestmark = [
    pytest.mark.skipif(library() is None, reason="the native engine was not built"),
    pytest.mark.no_cover,  # counting lines doubles the time, and the tests of the command line run these too
]

CELLS: dict[str, dict[str, Any]] = {
    "rnn": {"cell": "rnn"},
    "relu": {"cell": "rnn", "nonlinearity": "relu"},
    "sigmoid": {"cell": "rnn", "nonlinearity": "sigmoid"},
    "lstm": {"cell": "lstm"},
    "peephole": {"cell": "lstm", "peephole": True},
    "gru": {"cell": "gru"},
    "before": {"cell": "gru", "reset": "before"},
}
SAMPLINGS = [
    Sampling(),
    Sampling(greedy=True),
    Sampling(temperature=0.6, top_k=3),
    Sampling(temperature=1.7, top_p=0.7),
    Sampling(min_p=0.2),
    Sampling(temperature=0.9, top_k=9, top_p=0.9, min_p=0.05),
]
# Of the largest score, after a dozen steps, against float64; the last two are the rounding of the weights.
BOUNDS = {"f32": 2e-6, "bf16": 2e-2, "int8": 2e-2}

each_cell = pytest.mark.parametrize("kind", CELLS)
each_isa = pytest.mark.parametrize("instructions", ISAS, indirect=True)


def network(kind: str, hidden: int, layers: int = 2, symbols: int = 19, seed: int = 0, **options: Any) -> SequenceNet:
    """A network with new weights, whose scores differ as after training."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = SequenceNet(symbols, hidden_size=hidden, layers=layers, **CELLS[kind], **options).eval()
        with torch.no_grad():
            net.output.weight.mul_(6.0)
    return net


def plan(net: SequenceNet) -> Any:
    found = net.generation_plan()
    assert not isinstance(found, str), found
    return found


def step_of(net: SequenceNet) -> Any:
    def step(ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        output, state = net.stack.step(net.stack.project(net.embed(ids)), state)
        return net.output(output.h), state

    return step


class Exact(NamedTuple):
    """Scores of the loop in float64 after one symbol more, and the largest of what errors are measured by."""

    ids: Tensor
    scores: Tensor
    largest: Tensor


def exact(net: SequenceNet, rows: int, terms: bool = False) -> list[Exact]:
    """A dozen steps; errors are measured by the largest score.

    With `terms` by the largest sum of the sizes of a score's terms: few scores may all be near 0 by chance.
    """
    double = _double(net)
    state, weight, bias = double.init_state(rows), double.output.weight, double.output.bias
    found = []
    with torch.no_grad():
        for ids in torch.randint(net.vocabulary_size, (12, rows), generator=torch.Generator().manual_seed(1)):
            output, state = double.stack.step(double.stack.project(double.embed(ids)), state)
            scores = double.output(output.h)
            sizes = output.h.abs() @ weight.abs().t() + bias.abs() if terms else scores.abs()
            found.append(Exact(ids, scores, sizes.max()))
    return found


def largest_error(net: SequenceNet, weights: str, rows: int, expected: list[Exact]) -> float:
    generator, state, worst = Generator(plan(net), weights), net.init_state(rows), 0.0
    with torch.no_grad():
        for ids, scores, largest in expected:
            found, state = generator.step(ids, state)
            worst = max(worst, float((found - scores).abs().max() / largest))
    return worst if not torch.isnan(found).any() else float("nan")


@cache
def examined(
    kind: str, hidden: int, layers: int, rows: int, skip: bool, embedding_size: int
) -> tuple[SequenceNet, list[Exact]]:
    """A network and what it should give, the same for all weights and instructions."""
    net = network(kind, hidden, layers, skip=skip, embedding_size=embedding_size)
    return net, exact(net, rows)


def _double(net: SequenceNet) -> SequenceNet:
    import copy

    return copy.deepcopy(net).double()


def check_choices(
    net: SequenceNet, scores: Tensor, sampling: Sampling, samples: list[int], found: list[Chosen]
) -> None:
    """Hold every choice against the loop's, along the same symbols; a number at the border of two may go either way."""
    state, draws = net.init_state(len(samples)), Draws(5, samples)
    for number, step in enumerate(found):
        chances, uniforms = probabilities(scores, sampling), draws.at(number)
        ids = torch.tensor(step.ids)
        assert (pick(chances, (uniforms - 1e-6).clamp_min(0)) <= ids).all()
        assert (pick(chances, (uniforms + 1e-6).clamp_max(1 - 2**-53)) >= ids).all()
        logs = scores.double().log_softmax(-1).gather(1, ids[:, None])[:, 0]
        torch.testing.assert_close(torch.tensor(step.log_probs).double(), logs, rtol=1e-5, atol=1e-5)
        scores, state = step_of(net)(ids, state)


@each_isa
@each_cell
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize(("skip", "embedding_size"), [(False, 0), (True, 0), (False, 7), (True, 7)])
def test_a_step_is_the_loops(kind: str, weights: str, skip: bool, embedding_size: int, instructions: str) -> None:
    for hidden, layers, rows in ((1, 1, 1), (5, 3, 9), (33, 2, 4), (100, 2, 1), (64, 1, 7)):
        net, expected = examined(kind, hidden, layers, rows, skip, embedding_size)
        assert largest_error(net, weights, rows, expected) <= BOUNDS[weights]


@settings(max_examples=30, deadline=None)
@given(
    kind=st.sampled_from(list(CELLS)), hidden=st.integers(1, 100), layers=st.integers(1, 3), rows=st.integers(1, 20),
    symbols=st.integers(1, 300), skip=st.booleans(), embedding_size=st.integers(0, 20),
)  # fmt: skip
def test_steps_of_any_size(
    kind: str, hidden: int, layers: int, rows: int, symbols: int, skip: bool, embedding_size: int
) -> None:
    net = network(kind, hidden, layers, symbols, skip=skip, embedding_size=embedding_size)
    expected = exact(net, rows, terms=True)
    for weights in WEIGHTS:
        assert largest_error(net, weights, rows, expected) <= BOUNDS[weights]


@each_cell
@pytest.mark.parametrize("skip", [False, True])
def test_the_same_symbols_are_chosen(kind: str, skip: bool) -> None:
    for rows, sampling in enumerate(SAMPLINGS * 2, start=1):
        net = network(kind, 11 + rows, symbols=23, skip=skip, embedding_size=rows % 2 * 6, seed=rows)
        scores = torch.randn(rows, 23, generator=torch.Generator().manual_seed(rows))
        samples = list(range(3, 3 + rows))
        found = list(Generator(plan(net)).generate(scores, net.init_state(rows), sampling, samples, seed=5, length=30))
        with torch.no_grad():
            check_choices(net, scores, sampling, samples, found)


@each_isa
@each_cell
@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_row_depends_on_itself_alone(kind: str, weights: str, instructions: str) -> None:
    """Bit by bit, whatever is computed beside it, on however many threads."""
    net = network(kind, 70, symbols=130, skip=True)
    generator = Generator(plan(net), weights)
    scores = torch.randn(13, 130, generator=torch.Generator().manual_seed(0))

    def written(rows: list[int], threads: int) -> list[tuple[list[int], list[float]]]:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            steps = list(generator.generate(scores[rows], net.init_state(len(rows)), Sampling(), rows, length=20))
        finally:
            torch.set_num_threads(before)
        ids, logs = zip(*steps, strict=True)
        return list(zip(map(list, zip(*ids, strict=True)), map(list, zip(*logs, strict=True)), strict=True))

    together = written(list(range(13)), 1)
    for rows in ([0], [12], [3, 4], [7, 1, 2, 8, 11], list(range(1, 9))):
        assert written(rows, 1) == [together[row] for row in rows]
        assert written(rows, 2) == [together[row] for row in rows]


@each_cell
def test_pieces_of_a_stream_are_one_stream(kind: str) -> None:
    net = network(kind, 20, skip=True)
    generator = Generator(plan(net))
    start = torch.zeros(3, 19)
    whole = list(generator.generate(start, net.init_state(3), Sampling(), [0, 1, 2], length=600))
    endless = generator.generate(start, net.init_state(3), Sampling(), [0, 1, 2])
    assert list(itertools.islice(endless, 600)) == whole
    scores, state = start, net.init_state(3)
    for step in whole[:40]:
        logs = scores.double().log_softmax(-1).gather(1, torch.tensor(step.ids)[:, None])[:, 0]
        torch.testing.assert_close(torch.tensor(step.log_probs).double(), logs, rtol=0, atol=1e-5)
        scores, state = generator.step(torch.tensor(step.ids), state)


@each_isa
def test_a_state_is_the_loops(instructions: str) -> None:
    for kind in CELLS:
        net = network(kind, 9, skip=True)
        with torch.no_grad():
            state = net(torch.randint(19, (5, 4))).state  # read by the kernel of whole sequences
            _, found = Generator(plan(net)).step(torch.tensor([1, 2, 3, 4]), state)
            _, expected = step_of(net)(torch.tensor([1, 2, 3, 4]), state)
        assert type(found[0]) is type(expected[0])
        torch.testing.assert_close(trees.leaves(found), trees.leaves(expected), rtol=0, atol=2e-6)


def test_weights_that_changed_are_read_again() -> None:
    net = network("lstm", 8)
    before = native_generator(net)
    assert native_generator(net) is before
    assert native_generator(net, "int8") is not before
    net.output.weight.data.mul_(1.5)  # which moves no version counter
    after = native_generator(net)
    assert after is not before
    assert isinstance(after, Generator)
    scores, _ = after.step(torch.tensor([1]), net.init_state(1))
    with torch.no_grad():
        torch.testing.assert_close(scores, step_of(net)(torch.tensor([1]), net.init_state(1))[0])


def test_why_not() -> None:
    net = network("lstm", 8)
    with kernels(False):
        assert native_generator(net) == "kernels are switched off"
    assert "float64" in str(native_generator(_double(net)))
    dropping = SequenceNet(5, cell="gru", hidden_size=4, layers=2, dropout=0.3)
    assert "eval()" in str(native_generator(dropping))
    assert isinstance(native_generator(dropping.eval()), Generator)
    both = SequenceNet(5, cell="gru", hidden_size=4, layers=1, bidirectional=True)
    assert "Bidirectional" in str(native_generator(both))
    assert "tables" in str(native_generator(SequenceNet(70_000, cell="lstm", hidden_size=256, layers=1)))


def test_what_is_refused() -> None:
    net = network("gru", 6)
    generator = Generator(plan(net))
    with pytest.raises(SpecError, match="--weights"):
        Generator(plan(net), "f16")
    with pytest.raises(ShapeError, match="19"):
        generator.step(torch.tensor([19]), net.init_state(1))
    with pytest.raises(ShapeError, match="state"):
        generator.step(torch.tensor([1]), net.init_state(2))
    with pytest.raises(SpecError, match="utf8"):
        generator.generate(torch.zeros(1, 19), net.init_state(1), Sampling(), [0], utf8=True)
    net.output.bias.data[3] = float("nan")
    steps = Generator(plan(net)).generate(torch.zeros(1, 19), net.init_state(1), Sampling(), [0])
    assert next(steps).ids
    with pytest.raises(DataError, match="finite"):
        next(steps)
