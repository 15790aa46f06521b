"""Functions over state trees.

A state is a nested tuple (usually named) of tensors whose dimension 0 is the batch; a leaf may be None, which
means
"not in use" and is skipped. Streams, beams, forks and resume need nothing more than what stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from unspool.errors import ShapeError

S = TypeVar("S")


def _rebuild(like: tuple[Any, ...], children: list[Any]) -> tuple[Any, ...]:
    return type(like)(*children) if hasattr(like, "_fields") else tuple(children)


def _map(function: Callable[..., Tensor], state: S, *others: Any) -> S:
    if state is None:
        return state
    if isinstance(state, tuple):
        children = [_map(function, *branches) for branches in zip(state, *others, strict=True)]
        return cast(S, _rebuild(state, children))
    return cast(S, function(state, *others))


def leaves(state: Any) -> list[Tensor]:
    """All tensors of a state, in order, without the None leaves."""
    if state is None:
        return []
    if isinstance(state, tuple):
        return [leaf for branch in state for leaf in leaves(branch)]
    return [state]


def detach(state: S) -> S:
    """The same values, cut from the graph: what truncated BPTT does between two windows."""
    return _map(Tensor.detach, state)


def select(state: S, index: Tensor | slice | list[int]) -> S:
    """The rows of the batch that `index` names, in its order: integers [N], booleans [B] or a slice."""

    def rows(leaf: Tensor) -> Tensor:
        if isinstance(index, Tensor) and index.dtype != torch.bool:
            return leaf.index_select(0, index)  # its backward is cheaper than that of leaf[index]
        return leaf[index]

    return _map(rows, state)


def join(states: Sequence[S]) -> S:
    """The rows of all states, in their order, as one batch; what `select` took apart."""
    return _map(lambda *leaves: torch.cat(leaves), states[0], *states[1:])


def expand(state: S, n: int) -> S:
    """Every row n times, neighbours together: row b becomes rows b*n to b*n + n - 1."""
    return _map(lambda leaf: leaf.repeat_interleave(n, dim=0), state)


def where(mask: Tensor, a: S, b: S) -> S:
    """Row by row a state from `a` where mask [B] is true, from `b` where it is false."""

    def choose(yes: Tensor, no: Tensor) -> Tensor:
        if yes is no:  # a dropout mask that a step hands on untouched
            return yes
        return torch.where(mask.view(-1, *[1] * (yes.dim() - 1)), yes, no)

    return _map(choose, a, b)


def to(state: S, device: torch.device | str) -> S:
    """The same state on another device."""
    return _map(lambda leaf: leaf.to(device), state)


def _named(state: Any, prefix: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(state, tuple):
        names = getattr(state, "_fields", range(len(state)))
        for name, branch in zip(names, state, strict=True):
            yield from _named(branch, f"{prefix}.{name}" if prefix else str(name))
    elif state is not None:
        yield prefix or "state", state


def save(state: Any, prefix: str = "") -> dict[str, Tensor]:
    """A flat dictionary of the tensors, detached, under their path: `{"0.h": ..., "0.c": ...}`."""
    return {name: leaf.detach() for name, leaf in _named(state, prefix)}


def load(like: S, tensors: dict[str, Tensor], prefix: str = "") -> S:
    """The state that `save` wrote, in the form and on the device of `like`; its batch size may differ.

    A None leaf of `like` takes what the dictionary holds for it, or stays None.
    """
    if isinstance(like, tuple):
        names = getattr(like, "_fields", range(len(like)))
        children = [
            load(branch, tensors, f"{prefix}.{name}" if prefix else str(name))
            for name, branch in zip(names, like, strict=True)
        ]
        return cast(S, _rebuild(like, children))
    found = tensors.get(prefix or "state")
    if like is None:
        return cast(S, found)
    leaf = cast(Tensor, like)
    if found is None or found.shape[1:] != leaf.shape[1:]:
        shape = ", ".join(["B", *map(str, leaf.shape[1:])])
        came = "nothing" if found is None else f"{list(found.shape)}"
        raise ShapeError(
            f"the saved state must hold {prefix or 'state'!r} as [{shape}], got {came}; "
            "load it into the network that saved it"
        )
    return cast(S, found.to(leaf.device))
