"""The loop: what it records, what it refuses, and its sister that runs freely."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.laws.cases import Case, assert_close, normal
from unspool.cells import GRU, LSTM, Elman, LSTMState
from unspool.cells.base import Cell, StepOutput
from unspool.engine import build_stack, rollout, unroll
from unspool.errors import DataError, ShapeError, SpecError


def test_only_what_was_asked_for_is_stacked(generator: torch.Generator) -> None:
    cell = Case("", lambda: LSTM(3, 4, peephole=True)).build(generator)
    x = normal(generator, 5, 2, 3)
    assert unroll(cell, x).record == {}
    record = unroll(cell, x, record=("i", "f")).record
    assert list(record) == ["i", "f"]
    assert all(values.shape == (5, 2, 4) and bool(((0 < values) & (values < 1)).all()) for values in record.values())


def test_records_of_a_reverse_run_stand_at_their_own_step(generator: torch.Generator) -> None:
    cell = Case("", lambda: LSTM(3, 4)).build(generator)
    x = normal(generator, 5, 2, 3)
    output, _, record = unroll(cell, x, record=["o", "c"], reverse=True)
    assert_close([record["o"] * record["c"].tanh()], [output])
    assert_close([output.flip(0)], [unroll(cell, x.flip(0)).output])


def test_an_unknown_record_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        SpecError, match=r"^record must name what LSTM can show \(i, f, g, o, c\), got 'z'; choose from"
    ):
        unroll(LSTM(3, 4), torch.zeros(2, 1, 3), record=["i", "z"])
    with pytest.raises(SpecError, match=r"^record must name what Stack can show \(0\.a, 1\.a\), got 'a'; choose from"):
        build_stack("rnn", 3, 4, 2)(torch.zeros(2, 1, 3), record=["a"])


@pytest.mark.parametrize(
    ("shape", "remedy"),
    [
        ((5, 3), r"got \[5, 3\]; add the batch axis with x.unsqueeze\(1\)"),
        ((5, 2, 4), r"got \[5, 2, 4\]; put the 3 features last and time first"),
        ((0, 2, 3), r"got \[0, 2, 3\]; give at least one step"),
        ((5,), r"got \[5\]; put the 3 features last"),
    ],
)
def test_a_bad_input_is_refused(shape: tuple[int, ...], remedy: str) -> None:
    for layer in (Elman(3, 4), build_stack("gru", 3, 4, 2), build_stack("lstm", 3, 4, 1, bidirectional=True)):
        go = layer if not isinstance(layer, Cell) else lambda x: unroll(Elman(3, 4), x)
        with pytest.raises(ShapeError, match=rf"^x must be \[T, B, 3\] \(input_size=3\), {remedy}"):
            go(torch.zeros(shape))


def test_another_dtype_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"^x must be torch.float32 as the weights are, got torch.float64; convert it: x"
    ):
        unroll(GRU(3, 4), torch.zeros(2, 1, 3, dtype=torch.float64))


@pytest.mark.parametrize(
    ("lengths", "text"),
    [
        (
            [1, 2, 3],
            r"^lengths must be \[B\] with B=2 as in x, got \[3\]; give one length for each sequence$",
        ),
        (torch.ones(2, 1).long(), r"^lengths must be \[B\] with B=2 as in x, got \[2, 1\]; "),
        (
            [5, 6],
            r"^lengths must lie between 0 and T=5, got 6 for sequence 1; pad x to the longest sequence or",
        ),
        ([-1, 5], r"^lengths must lie between 0 and T=5, got -1 for sequence 0; "),
        (
            torch.tensor([5.0, 5.0]),
            r"^lengths must be integers, got torch.float32; convert them: lengths.long\(\)$",
        ),
    ],
)
def test_bad_lengths_are_refused(lengths: Any, text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        unroll(GRU(3, 4), torch.zeros(5, 2, 3), lengths=lengths)


def test_a_state_of_another_batch_is_refused() -> None:
    state = LSTMState(torch.zeros(2, 4), torch.zeros(1, 4))
    text = r"^every tensor of the state must hold one row for each of the 2 sequences of x, got \[1, 4\];"
    with pytest.raises(ShapeError, match=text):
        unroll(LSTM(3, 4), torch.zeros(5, 2, 3), state)


class _Glance(Cell):
    """Adds up what the context holds for each step; its state has an integer leaf."""

    def init_state(self, batch_size: int, *, generator: torch.Generator | None = None) -> Any:
        return (torch.zeros(batch_size, dtype=torch.long), torch.zeros(batch_size, 1))

    def project(self, x: Tensor) -> Tensor:
        return x

    def step(self, projected: Tensor, state: Any, context: Any = None) -> tuple[StepOutput, Any]:
        count, total = state
        total = total + projected + context.gather(1, count[:, None])
        return StepOutput(total, {}), (count + 1, total)


def test_context_reaches_the_step_and_integers_may_live_in_the_state() -> None:
    context = torch.tensor([[10.0, 20.0, 30.0], [1.0, 2.0, 3.0]])
    output, (count, total), _ = unroll(_Glance(1, 1), torch.zeros(3, 2, 1), None, [3, 1], context)
    assert output[:, :, 0].tolist() == [[10, 1], [30, 0], [60, 0]]
    assert count.tolist() == [3, 1]
    assert total.tolist() == [[60], [1]]


def test_no_step_is_computed_beyond_the_longest_sequence() -> None:
    steps = []

    class Counting(Elman):
        def step(self, projected: Tensor, state: Any, context: Any = None) -> tuple[StepOutput, Any]:
            steps.append(projected)
            return super().step(projected, state, context)

    unroll(Counting(3, 4), torch.zeros(50, 2, 3), lengths=[3, 2])
    assert len(steps) == 3


def test_rollout_feeds_outputs_back_and_differentiates_through_them(generator: torch.Generator) -> None:
    cell = Case("", lambda: Elman(4, 4)).build(generator)
    first = normal(generator, 2, 4).requires_grad_()

    def step(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        shown, state = cell.step(cell.project(x), state)
        return shown.h, state

    outputs, state = rollout(step, cell.init_state(2), lambda t, last: first if last is None else last, 3)
    x, by_hand, expected = first, cell.init_state(2), []
    for _ in range(3):
        x, by_hand = step(x, by_hand)
        expected.append(x)
    assert_close([outputs, state.h], [torch.stack(expected), by_hand.h])
    cotangent = normal(generator, 3, 2, 4)
    wanted = [first, *cell.parameters()]
    theirs = torch.autograd.grad(torch.stack(expected), wanted, cotangent)
    assert_close(torch.autograd.grad(outputs, wanted, cotangent), theirs)


def test_rollout_lets_feed_decide_by_the_step() -> None:
    fed = []

    def feed(t: int, last: Tensor | None) -> Tensor:
        fed.append(None if last is None else last.item())
        return torch.tensor([float(t)])

    outputs, state = rollout(lambda x, s: (x * 10, s + 1), 0, feed, 3)
    assert outputs.tolist() == [[0], [10], [20]]
    assert fed == [None, 0, 10]
    assert state == 3
    with pytest.raises(SpecError, match=r"^steps must be at least 1, got 0; "):
        rollout(lambda x, s: (x, s), 0, feed, 0)
