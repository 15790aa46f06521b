"""What a trained language model's own numbers suggest: more dropout, more training, a longer window; a line each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.nets.sequence import SequenceNet

Ids = NDArray[np.integer[Any]]
SEGMENTS = 128  # spread evenly over a text
TARGETS = 32  # at the end of each, predicted with contexts of different lengths
CONTEXTS = (4, 8, 16, 32, 64, 128, 256)  # symbols
CHUNK = 64  # steps at a time, so that the scores of a large vocabulary fit
CLOSE = 0.01  # nats that are not worth a word
GAP = 0.08  # of the held-out loss: so much less on the training text is learning by heart


class ContextLoss(NamedTuple):
    """What is lost when only `context` symbols are read before the targets, against the longest context."""

    context: int
    nats: float  # mean loss
    lost: float  # mean difference, for the same targets
    error: float  # standard error of that

    @property
    def enough(self) -> bool:
        """Whether nothing is lost that can be told from chance."""
        return self.lost <= max(CLOSE, 2 * self.error)


@torch.no_grad()
def losses(model: SequenceNet, ids: Ids, context: int, longest: int) -> Tensor:
    """Return the nats [T, B] of the symbols after the first of B segments, which begin `context` before the targets.

    The targets, the last 32 of T = context + 31 symbols, are the same ones whatever the context, up to `longest`.
    """
    ends = np.unique(np.linspace(longest + TARGETS, len(ids), SEGMENTS).astype(np.int64))
    segments = np.stack([ids[end - TARGETS - context : end] for end in ends]).astype(np.int64)
    text = torch.from_numpy(segments.T.copy()).to(model.output.weight.device)  # [T + 1, B]
    was, state, found = model.training, None, []
    model.eval()
    for first in range(0, len(text) - 1, CHUNK):
        end = min(first + CHUNK, len(text) - 1)
        nats, state = model.nats(text[first:end], text[first + 1 : end + 1], state)
        found.append(nats.double().cpu())
    model.train(was)
    return torch.cat(found)


def by_context(model: SequenceNet, ids: Ids) -> list[ContextLoss]:
    """Return the loss of the same targets after each of `CONTEXTS`, as far as the text [n] is long enough."""
    fitting = [context for context in CONTEXTS if context + TARGETS <= len(ids)]
    if not fitting:
        return []
    whole = losses(model, ids, fitting[-1], fitting[-1])[-TARGETS:]
    found = []
    for context in fitting:
        nats = losses(model, ids, context, fitting[-1])[-TARGETS:]
        lost = (nats - whole).mean(0)  # [B]: targets of one segment are no independent witnesses
        error = float(lost.std() / math.sqrt(len(lost))) if len(lost) > 1 else math.inf
        found.append(ContextLoss(context, float(nats.mean()), float(lost.mean()), error))
    return found


def advise(
    model: SequenceNet, train_ids: Ids, validation_ids: Ids, window: int, dropout: float, baselines: Mapping[str, float]
) -> list[str]:
    """Return what to try next, with the numbers that say so."""
    lines = []
    longest = CONTEXTS[-1]
    if train_ids is not validation_ids and min(len(train_ids), len(validation_ids)) > longest + TARGETS:
        train, held = (
            float(losses(model, ids, longest, longest)[TARGETS:].mean()) for ids in (train_ids, validation_ids)
        )
        lines.append(_fit(train, held, dropout))
        lines += [_behind(name, nats, held) for name, nats in baselines.items() if nats < held]
    if found := by_context(model, validation_ids):
        lines.append(_window(found, window))
    return lines


def _fit(train: float, validation: float, dropout: float) -> str:
    told = f"without dropout the loss is {train:.3f} on the training text and {validation:.3f} on the held-out text"
    gap = validation - train
    if gap > GAP * validation:
        more = min(0.6, round(dropout + 0.1, 2))
        return f"overfitting: {told}; try --dropout {more:g}, a smaller --hidden-size, or more text"
    if gap < CLOSE:
        return f"underfitting: {told}; try a longer training or a larger --hidden-size"
    return f"a fair fit: {told}; a longer training may still help, a larger network only with more dropout"


def _behind(name: str, nats: float, validation: float) -> str:
    return f"counting is better: the {name} baseline has {nats:.3f}, the network {validation:.3f}; train longer"


def _window(found: list[ContextLoss], window: int) -> str:
    short = [loss for loss in found if not loss.enough]
    if not short:
        return f"the window of {window} is long enough: {found[0].context} symbols of context predict as well as more"
    last = short[-1]
    enough = found[found.index(last) + 1].context  # the longest loses nothing against itself
    told = f"with {last.context} symbols of context {last.lost:.3f} nats are lost against {found[-1].context}"
    if enough > window:
        return f"the window is short: {told}; try --window {enough} instead of {window}"
    return f"the window of {window} is long enough: {told}, with {enough} nothing to speak of"
