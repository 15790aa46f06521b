"""Functions over state trees: nested, with None leaves, with integers and booleans, with tuples of one."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from unspool.cells import GRUState, LSTMState
from unspool.cells import state as tree
from unspool.errors import ShapeError


class Window(NamedTuple):
    """A state as an attention cell may have one."""

    inner: LSTMState
    position: Tensor
    done: Tensor


def _tree(batch: int = 3) -> tuple[Any, ...]:
    def tensor(*shape: int) -> Tensor:
        return torch.rand(batch, *shape)

    window = Window(LSTMState(tensor(4), tensor(4), None), torch.arange(batch), torch.arange(batch) % 2 == 0)
    return (window, GRUState(tensor(2, 5), tensor(2, 5)), (tensor(),))


def test_leaves_come_in_order_without_none() -> None:
    state = _tree()
    assert [leaf.dtype for leaf in tree.leaves(state)] == [
        *[torch.float32] * 2, torch.int64, torch.bool, *[torch.float32] * 3
    ]  # fmt: skip
    assert tree.leaves(None) == []


def test_the_form_survives() -> None:
    state = _tree()
    for other in (
        tree.detach(state),
        tree.select(state, slice(0, 2)),
        tree.expand(state, 2),
        tree.to(state, "cpu"),
    ):
        assert type(other) is tuple
        assert [type(part) for part in other] == [Window, GRUState, tuple]
        assert type(other[0].inner) is LSTMState
        assert other[0].inner.mask is None


def test_detach_cuts_the_graph() -> None:
    state = GRUState(torch.rand(2, 3, requires_grad=True) * 2)
    assert state.h.requires_grad
    assert not tree.detach(state).h.requires_grad
    assert tree.detach(None) is None


@pytest.mark.parametrize("index", [torch.tensor([2, 0, 2, 1]), torch.tensor([True, False, True]), slice(1, 3), [1, 1]])
def test_select_takes_rows(index: Any) -> None:
    state = _tree()
    for leaf, taken in zip(tree.leaves(state), tree.leaves(tree.select(state, index)), strict=True):
        assert torch.equal(taken, leaf[index])


def test_join_puts_together_what_select_took_apart() -> None:
    state = _tree()
    joined = tree.join([tree.select(state, slice(row, row + 1)) for row in range(3)])
    assert type(joined[0].inner) is LSTMState and joined[0].inner.mask is None
    for leaf, whole in zip(tree.leaves(state), tree.leaves(joined), strict=True):
        assert torch.equal(whole, leaf)


def test_expand_puts_copies_side_by_side() -> None:
    state = _tree()
    for leaf, wide in zip(tree.leaves(state), tree.leaves(tree.expand(state, 4)), strict=True):
        assert wide.shape[0] == 12
        assert all(torch.equal(wide[row], leaf[row // 4]) for row in range(12))


def test_where_chooses_row_by_row() -> None:
    a, b = _tree(), _tree()
    mask = torch.tensor([True, False, True])
    for yes, no, chosen in zip(*(tree.leaves(s) for s in (a, b, tree.where(mask, a, b))), strict=True):
        for row in range(3):
            assert torch.equal(chosen[row], (yes if mask[row] else no)[row])


def test_save_and_load_go_there_and_back() -> None:
    state = _tree()
    flat = tree.save(state, "decoder")
    assert list(flat) == [
        "decoder.0.inner.h", "decoder.0.inner.c", "decoder.0.position", "decoder.0.done",
        "decoder.1.h", "decoder.1.mask", "decoder.2.0",
    ]  # fmt: skip
    back = tree.load(_tree(batch=7), flat, "decoder")
    assert [type(part) for part in back] == [Window, GRUState, tuple]
    assert all(torch.equal(*pair) for pair in zip(tree.leaves(back), tree.leaves(state), strict=True))
    assert back[0].inner.mask is None
    assert tree.load(torch.zeros(2), tree.save(torch.ones(2))).tolist() == [1, 1]


def test_saved_tensors_hold_no_graph() -> None:
    (saved,) = tree.save(GRUState(torch.rand(2, 3, requires_grad=True))).values()
    assert not saved.requires_grad


def test_load_takes_a_mask_that_the_model_to_fill_does_not_have() -> None:
    saved = tree.save(GRUState(torch.rand(2, 3), torch.ones(2, 3)))
    assert torch.equal(tree.load(GRUState(torch.zeros(1, 3)), saved).mask, torch.ones(2, 3))  # type: ignore[arg-type]


def test_load_refuses_what_does_not_fit() -> None:
    like = LSTMState(torch.zeros(1, 3), torch.zeros(1, 3))
    with pytest.raises(
        ShapeError, match=r"^the saved state must hold 'x\.c' as \[B, 3\], got nothing; load it into the"
    ):
        tree.load(like, {"x.h": torch.zeros(2, 3)}, "x")
    with pytest.raises(ShapeError, match=r"^the saved state must hold 'h' as \[B, 3\], got \[2, 5\]; load it into"):
        tree.load(like, {"h": torch.zeros(2, 5)})
