"""What the textbook cells share: parameters, initialisation, states, masks, refusals."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.laws.cases import CELLS as CASES
from tests.laws.cases import Case, each
from unspool.cells import CELLS, GRU, LSTM, Cell, Elman
from unspool.cells.state import leaves
from unspool.errors import SpecError

BY_NAME = pytest.mark.parametrize("name", list(CELLS))


def test_the_table_names_the_cells() -> None:
    assert CELLS == {"rnn": Elman, "lstm": LSTM, "gru": GRU}


@BY_NAME
def test_initialisation_is_torchs_draw_by_draw(name: str) -> None:
    theirs = {"rnn": torch.nn.RNNCell, "lstm": torch.nn.LSTMCell, "gru": torch.nn.GRUCell}[name]
    torch.manual_seed(3)
    ours = CELLS[name](5, 16).state_dict()
    torch.manual_seed(3)
    for key, value in theirs(5, 16).state_dict().items():
        assert torch.equal(ours[key], value), key


@each([case for case in CASES if "windowed" not in case.name])
def test_the_first_state_is_zero_and_like_the_weights(case: Case) -> None:
    cell = case.make().double().eval()
    state = cell.init_state(5)
    assert state.mask is None  # none is drawn outside training
    assert all(leaf.dtype == torch.float64 and leaf.shape == (5, 4) for leaf in leaves(state))
    assert not any(leaf.any() for leaf in leaves(state))
    assert (cell.output_size, cell.hidden_size, cell.input_size) == (4, 4, 3)


@BY_NAME
def test_a_mask_keeps_the_mean_and_comes_from_the_generator(name: str) -> None:
    cell: Any = CELLS[name](2, 50, recurrent_dropout=0.25)
    before = torch.get_rng_state()
    first, second, again = (
        cell.init_state(200, generator=torch.Generator().manual_seed(seed)).mask for seed in (1, 2, 1)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    assert first.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert (first == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert cell.init_state(3).mask.shape == (3, 50)  # torch's default generator serves where none is given


@BY_NAME
def test_nothing_is_drawn_without_dropout_or_outside_training(name: str) -> None:
    plain, dropped = CELLS[name](2, 3), CELLS[name](2, 3, recurrent_dropout=0.5).eval()
    before = torch.get_rng_state()
    assert plain.init_state(4).mask is None
    assert dropped.init_state(4).mask is None
    assert torch.equal(torch.get_rng_state(), before)


@BY_NAME
def test_redraw_changes_the_mask_and_nothing_else(name: str, generator: torch.Generator) -> None:
    cell: Any = CELLS[name](2, 30, recurrent_dropout=0.5)
    state = cell.init_state(4, generator=generator)
    fresh = cell.redraw(state, generator)
    assert not torch.equal(fresh.mask, state.mask)
    assert all(one is other for one, other in zip(fresh[:-1], state[:-1], strict=True))
    assert cell.eval().redraw(state, generator).mask is None
    plain = CELLS[name](2, 30)
    state = plain.init_state(4)
    assert plain.redraw(state, generator) is state


@BY_NAME
def test_a_dropped_unit_is_not_heard(name: str, generator: torch.Generator) -> None:
    cell: Any = CELLS[name](2, 3, recurrent_dropout=0.5)
    start = cell.init_state(1, generator=generator)
    start = start._replace(mask=torch.tensor([[0.0, 2.0, 0.0]]), h=torch.rand(1, 3))
    projected = cell.project(torch.rand(1, 2))
    h, _ = cell.step(projected, start)
    with torch.no_grad():
        cell.weight_hh[:, 0] += 1
        cell.weight_hh[:, 2] -= 1
    assert torch.equal(cell.step(projected, start)[0].h, h.h)
    with torch.no_grad():
        cell.weight_hh[:, 1] += 1
    assert not torch.equal(cell.step(projected, start)[0].h, h.h)


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        ((2, 0), {}, "hidden_size must be at least 1, got 0; give the number of features"),
        ((-1, 2), {}, "input_size must be at least 1, got -1; give the number of features"),
        (
            (2, 2),
            {"recurrent_dropout": 1.0},
            "recurrent_dropout must be at least 0 and less than 1, got 1.0; it is the share of units that is dropped",
        ),
    ],
)
@BY_NAME
def test_sizes_and_shares_are_checked(
    name: str, arguments: tuple[int, int], options: dict[str, float], text: str
) -> None:
    with pytest.raises(SpecError) as caught:
        CELLS[name](*arguments, **options)
    assert str(caught.value) == text


def test_a_cell_says_what_it_is() -> None:
    assert repr(Elman(3, 4, "relu")) == "Elman(3, 4, nonlinearity='relu')"
    assert repr(LSTM(3, 4, peephole=True, recurrent_dropout=0.1)) == "LSTM(3, 4, recurrent_dropout=0.1, peephole=True)"
    assert repr(GRU(3, 4)) == "GRU(3, 4, reset='after')"


def test_a_cell_of_ones_own_may_have_an_output_of_another_size() -> None:
    assert Cell(3, 4, output_size=9).output_size == 9
    assert Cell(3, 4).redraw("state") == "state"
