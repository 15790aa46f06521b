"""The one list of cells and layers that every law runs over, and what the laws share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from unspool.cells import GRU, LSTM, DeepTransition, Elman, LayerNormElman, LayerNormGRU, LayerNormLSTM
from unspool.cells.state import leaves
from unspool.engine.layers import Bidirectional, Recurrent, Stack, build_stack
from unspool.nets.reading import ReadingStack
from unspool.nets.window import Windowed, remembered

INPUT, HIDDEN = 3, 4


@dataclass(frozen=True)
class Case:
    """A name and how to build what it names; I = 3, H = 4."""

    name: str
    make: Callable[[], Any]

    def build(self, generator: torch.Generator, dtype: torch.dtype = torch.float64) -> Any:
        """The module in training mode, with normal weights and biases: a bias of 0 could hide a wrong one."""
        module = self.make()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.6)
        return module.to(dtype)


def _with_mask(name: str, make: Callable[..., nn.Module]) -> list[Case]:
    return [Case(name, make), Case(f"{name}+dropout", partial(make, recurrent_dropout=0.4))]


def _deep(cell: Callable[..., Any], depth: int, **options: Any) -> DeepTransition:
    return DeepTransition(cell(INPUT, HIDDEN, **options), depth)


class ReadsOneText(Windowed):
    """A window on one text, the same for every sequence: the laws know of no context."""

    def step(self, projected: Tensor, state: Any, context: Any = None) -> Any:
        text = torch.tensor([1, 0, 1, 1]).expand(len(projected), 4)
        return super().step(projected, state, remembered(text, 2, dtype=projected.dtype))


def _reading(cell: Callable[..., Any], **options: Any) -> ReadsOneText:
    return ReadsOneText(cell(INPUT + 2, HIDDEN, **options), symbols=2, components=2)


CELLS = [
    *_with_mask("elman-tanh", partial(Elman, INPUT, HIDDEN)),
    *_with_mask("elman-relu", partial(Elman, INPUT, HIDDEN, "relu")),
    *_with_mask("elman-sigmoid", partial(Elman, INPUT, HIDDEN, "sigmoid")),
    *_with_mask("lstm", partial(LSTM, INPUT, HIDDEN)),
    *_with_mask("lstm-peephole", partial(LSTM, INPUT, HIDDEN, peephole=True)),
    *_with_mask("gru-after", partial(GRU, INPUT, HIDDEN)),
    *_with_mask("gru-before", partial(GRU, INPUT, HIDDEN, reset="before")),
    Case("windowed-lstm-peephole", partial(_reading, LSTM, peephole=True)),
    Case("windowed-gru", partial(_reading, GRU)),
    *_with_mask("elman-normalised", partial(LayerNormElman, INPUT, HIDDEN)),
    *_with_mask("lstm-normalised", partial(LayerNormLSTM, INPUT, HIDDEN)),
    *_with_mask("gru-normalised", partial(LayerNormGRU, INPUT, HIDDEN)),
    *_with_mask("elman-deep", partial(_deep, Elman, 2)),
    *_with_mask("gru-deep", partial(_deep, GRU, 1)),
    *_with_mask("lstm-normalised-deep", partial(_deep, LayerNormLSTM, 1)),
]
STACKS = [
    Case("stack-elman", partial(build_stack, "rnn", INPUT, HIDDEN, 2)),
    Case("stack-lstm", partial(build_stack, "lstm", INPUT, HIDDEN, 3, recurrent_dropout=0.4)),
    Case("stack-lstm-skip", partial(build_stack, "lstm", INPUT, HIDDEN, 3, skip=True, peephole=True)),
    Case("stack-gru-skip", partial(build_stack, "gru", INPUT, HIDDEN, 2, skip=True)),
    Case("stack-of-one", partial(build_stack, "gru", INPUT, HIDDEN, 1, skip=True, reset="before")),
    Case("stack-sizes", partial(build_stack, "lstm", INPUT, [5, 2, HIDDEN], 3, skip=True)),
    Case("stack-residual", partial(build_stack, "lstm", INPUT, INPUT, 3, residual=True)),
    Case("stack-residual-sizes", partial(build_stack, "rnn", INPUT, [5, 5, 2], 3, residual=True)),
    Case("stack-residual-skip", partial(build_stack, "gru", INPUT, INPUT, 2, residual=True, skip=True)),
    Case("stack-deep", partial(build_stack, "lstm", INPUT, HIDDEN, 2, layer_norm=True, transition_layers=1)),
    Case("stack-reading", lambda: ReadingStack(_reading(GRU), [LSTM(INPUT + 2 + HIDDEN, 5), Elman(INPUT + 2 + 5, 3)])),
    Case("stack-mixed", lambda: Stack([Recurrent(GRU(INPUT, 5)), Recurrent(LSTM(5, HIDDEN))])),
]
STEPPABLE = CELLS + STACKS
LAYERS = [
    Case("recurrent", lambda: Recurrent(LSTM(INPUT, HIDDEN, peephole=True, recurrent_dropout=0.4))),
    Case("recurrent-recompute", lambda: Recurrent(GRU(INPUT, HIDDEN), recompute=True)),
    Case("bidirectional", lambda: Bidirectional(Recurrent(LSTM(INPUT, HIDDEN)), Recurrent(GRU(INPUT, 2)))),
    Case(
        "bidirectional-recompute",
        partial(build_stack, "lstm", INPUT, HIDDEN, 1, bidirectional=True, recompute=True, peephole=True),
    ),
    Case("stack-bidirectional", partial(build_stack, "gru", INPUT, HIDDEN, 2, bidirectional=True)),
    Case(
        "stack-bidirectional-skip",
        partial(build_stack, "rnn", INPUT, HIDDEN, 2, bidirectional=True, skip=True),
    ),
    Case(
        "stack-bidirectional-residual",
        partial(build_stack, "gru", 3, 3, 2, bidirectional=True, residual=True, recompute=True, layer_norm=True),
    ),
    *STACKS,
]


def each(cases: Sequence[Case]) -> pytest.MarkDecorator:
    """Run a test once for each case."""
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def normal(generator: torch.Generator, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Normal numbers, drawn in float32 so that every dtype sees the same."""
    return torch.randn(*shape, generator=generator).to(dtype)


def random_state(module: Any, batch: int, generator: torch.Generator) -> Any:
    """A state with normal values instead of zeros; dropout masks stay as drawn."""

    def fill(state: Any) -> Any:
        if not isinstance(state, tuple):
            return None if state is None else normal(generator, *state.shape, dtype=state.dtype)
        if "mask" in getattr(state, "_fields", ()):
            return type(state)(*map(fill, state[:-1]), state.mask)
        children = [fill(branch) for branch in state]
        return type(state)(*children) if hasattr(state, "_fields") else tuple(children)

    return fill(module.init_state(batch, generator=generator))


def live_leaves(state: Any) -> list[Tensor]:
    """The tensors of a state that depend on the input: all but the masks."""
    if "mask" in getattr(state, "_fields", ()):
        return leaves(tuple(state[:-1]))
    if isinstance(state, tuple):
        return [leaf for branch in state for leaf in live_leaves(branch)]
    return leaves(state)


def require_grad(state: Any) -> Any:
    """The same state, its values (not its masks) as leaves of the graph."""
    for leaf in live_leaves(state):
        leaf.requires_grad_()
    return state


def gradients(module: nn.Module, x: Tensor, state: Any, results: Sequence[Tensor], seed: int = 5) -> list[Tensor]:
    """Gradients for x, the initial state and all parameters, from random cotangents on all results."""
    generator = torch.Generator().manual_seed(seed)
    cotangents = [normal(generator, *result.shape, dtype=result.dtype) for result in results]
    wanted = [x, *live_leaves(state), *module.parameters()]
    return list(torch.autograd.grad(results, wanted, cotangents))


def assert_close(ours: Sequence[Tensor], theirs: Sequence[Tensor], tolerance: float = 1e-11) -> None:
    """Each pair is equal up to `tolerance` times its largest value."""
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        scale = max(1.0, other.detach().abs().max().item()) if other.numel() else 1.0
        torch.testing.assert_close(one, other, rtol=0, atol=tolerance * scale)
