"""Layers and stacks: sizes, skip connections, dropout between layers, states, records, refusals."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from tests.laws.cases import Case, assert_close, normal
from unspool.cells import GRU, LSTM, DeepTransition, Elman, LayerNormElman
from unspool.cells.state import leaves
from unspool.engine import Bidirectional, BidirectionalState, Recurrent, Stack, build_stack, unroll
from unspool.errors import SpecError


def _weights(module: nn.Module, without: str = "-") -> int:
    return sum(value.numel() for name, value in module.named_parameters() if without not in name)


def test_graves_prediction_network_has_its_3_37_million_weights() -> None:
    """Graves (2013), sec. 4: 3 layers of 400, (dx, dy, end of stroke) in, 121 out; one bias for our two."""
    stack = build_stack("lstm", 3, 400, 3, skip=True, peephole=True)
    output = nn.Linear(stack.output_size, 121)
    assert stack.output_size == 1200
    assert [layer.input_size for layer in stack] == [3, 403, 403]
    counted = _weights(stack, without="bias_hh") + _weights(output)
    by_hand = 3 * (4 * 400 * (400 + 1) + 3 * 400) + 4 * 400 * (3 + 2 * 403) + 1201 * 121
    assert counted == by_hand == 3_368_121
    assert round(counted / 1e6, 2) == 3.37
    assert _weights(stack) - _weights(stack, without="bias_hh") == 3 * 4 * 400


def test_skip_connections_are_graves_figure_1(generator: torch.Generator) -> None:
    stack = Case("", lambda: build_stack("lstm", 3, 4, 3, skip=True, peephole=True)).build(generator)
    x = normal(generator, 5, 2, 3)
    first = unroll(stack[0].cell, x).output
    second = unroll(stack[1].cell, torch.cat([x, first], 2)).output
    third = unroll(stack[2].cell, torch.cat([x, second], 2)).output
    assert_close([stack(x).output], [torch.cat([first, second, third], 2)])


def test_without_skip_a_stack_is_layer_after_layer(generator: torch.Generator) -> None:
    stack = Case("", lambda: build_stack("gru", 3, 4, 2)).build(generator)
    x = normal(generator, 5, 2, 3)
    assert_close([stack(x).output], [unroll(stack[1].cell, unroll(stack[0].cell, x).output).output])


def test_residual_adds_what_a_layer_reads_where_it_is_as_wide(generator: torch.Generator) -> None:
    """Wu et al. (2016), (6): x^i = m^i + x^{i-1}."""
    stack = Case("", lambda: build_stack("lstm", 3, [3, 3, 5, 5], 4, residual=True)).build(generator)
    x = normal(generator, 5, 2, 3)
    one = unroll(stack[0].cell, x).output + x
    two = unroll(stack[1].cell, one).output + one
    three = unroll(stack[2].cell, two).output
    four = unroll(stack[3].cell, three).output + three
    assert_close([stack(x).output], [four])


def test_residual_and_skip_together(generator: torch.Generator) -> None:
    stack = Case("", lambda: build_stack("gru", 3, 3, 2, residual=True, skip=True)).build(generator)
    x = normal(generator, 5, 2, 3)
    one = unroll(stack[0].cell, x).output + x
    two = unroll(stack[1].cell, torch.cat([x, one], 2)).output + one
    assert_close([stack(x).output], [torch.cat([one, two], 2)])


def test_what_residual_adds_is_not_dropped(generator: torch.Generator) -> None:
    stack = Case("", lambda: build_stack("rnn", 3, 40, 2, residual=True, dropout=0.9)).build(generator)
    with torch.no_grad():
        for parameter in stack[1].parameters():
            parameter.zero_()
    x = normal(generator, 5, 2, 3)
    assert_close([stack(x).output], [unroll(stack[0].cell, x).output])


@pytest.mark.parametrize("bidirectional", [False, True])
def test_every_layer_may_have_its_own_size(bidirectional: bool, generator: torch.Generator) -> None:
    make = Case("", lambda: build_stack("gru", 3, [4, 6, 2], 3, bidirectional=bidirectional, skip=True))
    stack, ways = make.build(generator), 2 if bidirectional else 1
    assert [layer.output_size for layer in stack] == [4 * ways, 6 * ways, 2 * ways]
    assert [layer.input_size for layer in stack] == [3, 3 + 4 * ways, 3 + 6 * ways]
    assert stack(normal(generator, 5, 2, 3)).output.shape == (5, 2, 12 * ways)


def test_both_directions_stand_side_by_side(generator: torch.Generator) -> None:
    ahead, back = Recurrent(LSTM(3, 4)), Recurrent(Elman(3, 2))
    layer = Case("", lambda: Bidirectional(ahead, back)).build(generator)
    x = normal(generator, 5, 2, 3)
    output, state, record = layer(x, record=["backward.a", "forward.i"])
    assert layer.output_size == output.shape[2] == 6
    assert_close([output[..., :4]], [unroll(ahead.cell, x).output])
    assert_close([output[..., 4:].flip(0)], [unroll(back.cell, x.flip(0)).output])
    assert type(state) is BidirectionalState
    assert_close([state.forward.h, state.backward.h], [output[-1, :, :4], output[0, :, 4:]])
    assert record.keys() == {"forward.i", "backward.a"}
    assert_close([record["backward.a"].tanh()], [output[..., 4:]])
    assert layer.records == ("forward.i", "forward.f", "forward.g", "forward.o", "forward.c", "backward.a")


def test_records_carry_the_number_of_their_layer(generator: torch.Generator) -> None:
    stack = Case("", lambda: build_stack("gru", 3, 4, 2)).build(generator)
    x = normal(generator, 5, 2, 3)
    record = stack(x, record=["1.z", "0.r"]).record
    assert record.keys() == {"1.z", "0.r"}
    stepped = unroll(stack, x, record=["1.z", "0.r"]).record
    assert_close([record["1.z"], record["0.r"]], [stepped["1.z"], stepped["0.r"]])
    deep = build_stack("gru", 3, 4, 11, bidirectional=True)
    assert list(deep(torch.zeros(2, 1, 3), record=["10.backward.n"]).record) == ["10.backward.n"]


def test_dropout_acts_between_layers_only_in_training_only(generator: torch.Generator) -> None:
    stack = Case("", lambda: build_stack("rnn", 3, 40, 2, dropout=0.5, skip=True)).build(generator)
    plain = build_stack("rnn", 3, 40, 2, skip=True).double()
    plain.load_state_dict(stack.state_dict())
    x = normal(generator, 6, 2, 3)
    noisy, clean = stack(x).output, plain(x).output
    assert_close([noisy[..., :40]], [clean[..., :40]])
    assert not torch.allclose(noisy[..., 40:], clean[..., 40:])
    assert_close([stack.eval()(x).output], [clean])


def test_dropout_is_the_generators(generator: torch.Generator) -> None:
    stack = Case("", lambda: build_stack("lstm", 3, 8, 3, dropout=0.3, recurrent_dropout=0.2)).build(generator)
    x = normal(generator, 6, 2, 3)
    before = torch.get_rng_state()
    one, two, other = (stack(x, generator=torch.Generator().manual_seed(seed)).output for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    stack(x)
    assert not torch.equal(torch.get_rng_state(), before)


def test_a_step_in_training_drops_too(generator: torch.Generator) -> None:
    stack = Case("", lambda: build_stack("rnn", 3, 40, 2, dropout=0.5)).build(generator)
    x = normal(generator, 2, 2, 3)
    assert not torch.allclose(unroll(stack, x).output, unroll(stack, x).output)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_redraw_reaches_every_mask(bidirectional: bool, generator: torch.Generator) -> None:
    stack = build_stack("lstm", 3, 30, 2, recurrent_dropout=0.5, bidirectional=bidirectional)
    state = stack.init_state(4, generator=generator)
    fresh = stack.redraw(state, generator)
    assert len(leaves(state)) == (12 if bidirectional else 6)
    same = [one is other for one, other in zip(leaves(state), leaves(fresh), strict=True)]
    assert same == [True, True, False] * (4 if bidirectional else 2)
    x = normal(generator, 3, 4, 3, dtype=torch.float32)
    assert not torch.allclose(stack(x, state).output, stack(x, fresh).output)
    assert type(fresh[0]) is type(state[0])


def test_build_stack_passes_every_option_on() -> None:
    stack = build_stack("lstm", 3, 4, 2, peephole=True, recurrent_dropout=0.1, dropout=0.2, recompute=True)
    assert all(layer.recompute and layer.cell.peephole and layer.cell.recurrent_dropout == 0.1 for layer in stack)
    assert (stack.dropout, stack.skip, len(stack), stack.input_size, stack.output_size) == (
        0.2,
        False,
        2,
        3,
        4,
    )
    assert all(layer.weight_dropout == 0.3 for layer in build_stack("lstm", 3, 4, 2, weight_dropout=0.3))
    deep = build_stack("rnn", 3, 4, 1, transition_layers=3, layer_norm=True, nonlinearity="relu")[0].cell
    assert (type(deep), type(deep.cell), len(deep.transition)) == (DeepTransition, LayerNormElman, 3)
    assert deep.cell.nonlinearity == "relu"
    assert build_stack("lstm", 3, 4, 1, precision="bf16", peephole=True)[0].cell.precision == "bf16"
    assert build_stack("lstm", 3, 4, 1, precision="bf16", transition_layers=1)[0].cell.cell.precision == "bf16"
    assert build_stack("rnn", 3, 4, 1, nonlinearity="relu")[0].cell.nonlinearity == "relu"
    assert build_stack("gru", 3, 4, 1, reset="before")[0].cell.reset == "before"
    assert list(build_stack("gru", 3, 4, 1).state_dict()) == [
        f"layers.0.cell.{name}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (
            lambda: build_stack("tanh", 3, 4, 1),
            "cell must be one of rnn, lstm, gru, got 'tanh'; choose one of them",
        ),
        (lambda: build_stack("gru", 3, 4, 0), "layers must be at least 1, got 0; give the number of layers"),
        (
            lambda: build_stack("gru", 3, 4, 1, peephole=True),
            "peephole is an option of the cell 'lstm', got it for 'gru'; leave it out",
        ),
        (
            lambda: build_stack("lstm", 3, 4, 1, nonlinearity="relu"),
            "nonlinearity is an option of the cell 'rnn', got it for 'lstm'; leave it out",
        ),
        (
            lambda: build_stack("rnn", 3, 4, 1, reset="before"),
            "reset is an option of the cell 'gru', got it for 'rnn'; leave it out",
        ),
        (
            lambda: build_stack("rnn", 3, 4, 1, dropout=1),
            "dropout must be at least 0 and less than 1, got 1; it is the share that is dropped",
        ),
        (
            lambda: build_stack("rnn", 3, [4, 5], 3),
            "hidden_size must be one number or one for each of the 3 layers, got 2 numbers; make them as many",
        ),
        (
            lambda: build_stack("lstm", 3, 4, 1, layer_norm=True, peephole=True),
            "layer_norm has no peephole=True; leave one of them out",
        ),
        (
            lambda: build_stack("gru", 3, 4, 1, layer_norm=True, reset="before"),
            "layer_norm has no reset='before'; leave one of them out",
        ),
        (
            lambda: build_stack("gru", 3, 4, 1, transition_layers=-1),
            "transition_layers must be at least 0, got -1; 0 is the plain cell",
        ),
        (lambda: Stack([]), "a stack must hold at least one layer, got none; give it a list of layers"),
        (
            lambda: Stack([Recurrent(GRU(3, 4)), Recurrent(GRU(5, 4))]),
            "layer 1 must have input_size=4, which is what reaches it, got 5; build_stack() works the sizes out",
        ),
        (
            lambda: Bidirectional(Recurrent(GRU(3, 4)), Recurrent(GRU(4, 4))),
            "both directions must read the same input, got input_size=3 and 4; build them with one size",
        ),
        (
            lambda: build_stack("lstm", 3, 4, 1, bidirectional=True).project(torch.zeros(2, 3)),
            "only a stack of Recurrent layers can be stepped, got a Bidirectional; "
            "call forward() on the whole sequence",
        ),
    ],
)
def test_what_does_not_exist_is_refused(build: Callable[[], object], text: str) -> None:
    with pytest.raises(SpecError) as caught:
        build()
    assert str(caught.value) == text
