"""The loop of sampling: choose a symbol, hand it out, feed it back."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.decode.filters import keep, probabilities
from unspool.decode.history import History
from unspool.draws import Draws, pick
from unspool.errors import ShapeError, SpecError
from unspool.sampling import Filters, Sampling

UNBOUNDED = sys.maxsize  # what a mask hears as the number of symbols to come where no length was given

State = TypeVar("State")


class Step(NamedTuple):
    """What one step of generation gave, on the CPU."""

    ids: Tensor  # int64 [N], the symbols chosen
    log_probs: Tensor  # float64 [N], nats; of the model's own distribution, before masks and filters


class Mask(Protocol):
    """Rules over whole sequences, such as valid UTF-8; it follows the symbols chosen so far."""

    def allowed(self, remaining: int) -> Tensor | NDArray[np.bool_]:
        """Return bool [N, V]: what may come next, with `remaining` symbols to come, this one included."""

    def push(self, ids: Tensor) -> None:
        """Take note of the symbols chosen, int64 [N]."""


def generate(
    step: Callable[[Tensor, State], tuple[Tensor, State]],
    state: State,
    first_scores: Tensor,
    sampling: Sampling,
    draws: Draws,
    *,
    length: int | None = None,
    mask: Mask | None = None,
) -> Iterator[Step]:
    """Choose a symbol, hand it out, feed it back: ancestral sampling of N sequences side by side.

    Lazy: the network runs only when the next symbols are asked for, without gradients, and nothing of the
    past is kept but the state, and what the repetition penalty and n-gram blocking need. With `length` None it
    never ends. Order of the rules: mask, repetition penalty, n-grams, then the filters of `probabilities`.

    Shapes: `step(ids [N], state) -> (scores [N, V], state)` with ids on the scores' device;
    first_scores [N, V], what the network says of the first symbol.

    Example:
        >>> def count_up(ids, state):
        ...     return torch.nn.functional.one_hot((ids + 1) % 4, 4).float(), state
        >>> first = torch.tensor([[0.0, 0.0, 1.0, 0.0]])
        >>> steps = generate(count_up, None, first, Sampling(greedy=True), Draws(0, [0]), length=5)
        >>> [int(step.ids) for step in steps]
        [2, 3, 0, 1, 2]
    """
    if length is not None and length < 0:
        raise SpecError(f"--length must be at least 0, got {length}")
    if length is None and sampling.scheduled:
        raise SpecError(
            f"--temperature {sampling.temperature} changes up to the last symbol, but no --length was given; give one"
        )
    if first_scores.dim() != 2 or len(first_scores) != len(draws):
        raise ShapeError(
            f"first_scores must be [N, V] with N={len(draws)} as in draws, got {list(first_scores.shape)}; "
            "give draws one sample number for each sequence"
        )
    return _ancestral(step, state, first_scores, sampling, draws, length, mask)


def _ancestral(
    step: Callable[[Tensor, State], tuple[Tensor, State]],
    state: State,
    scores: Tensor,
    sampling: Sampling,
    draws: Draws,
    length: int | None,
    mask: Mask | None,
) -> Iterator[Step]:
    filters, scheduled = sampling.at(0.0), sampling.scheduled
    history = History(len(draws), sampling) if sampling.looks_back else None
    for number in itertools.count() if length is None else range(length):
        if scheduled and length is not None:
            filters = sampling.at(number / max(length - 1, 1))
        allowed = mask.allowed(UNBOUNDED if length is None else length - number) if mask is not None else None
        chosen = _choose(scores, filters, draws.at(number), allowed, history)
        for follower in (mask, history):
            if follower is not None:
                follower.push(chosen.ids)
        yield chosen
        if number + 1 != length:
            # Not around the yield: the reader's own grad mode must not change between two symbols.
            with torch.no_grad():
                scores, state = step(chosen.ids.to(scores.device), state)


def _choose(
    scores: Tensor,
    filters: Filters,
    uniforms: Tensor,
    allowed: Tensor | NDArray[np.bool_] | None,
    history: History | None,
) -> Step:
    scores = scores.detach().to("cpu", torch.float64)  # [N, V]
    options = scores if allowed is None else keep(scores, torch.as_tensor(allowed, device="cpu"))
    if history is not None:
        options = history.filter(options)
    ids = pick(probabilities(options, filters), uniforms)  # [N]
    return Step(ids, scores.log_softmax(-1).gather(-1, ids.unsqueeze(-1)).squeeze(-1))
