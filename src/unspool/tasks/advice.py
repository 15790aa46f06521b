"""What a trained language model's own numbers suggest: more dropout, more training, a longer window; a line each."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from unspool.nets.sequence import SequenceNet

Ids = NDArray[np.integer[Any]]
SEGMENTS = 64
LONGEST = 512  # symbols of context that are looked at
CHUNK = 64  # steps at a time, so that the scores of a large vocabulary fit
CLOSE = 0.01  # nats that are not worth a word
GAP = 0.08  # of the validation loss: less training loss than that is learning by heart


class ContextLoss(NamedTuple):
    """How well a network predicts after at least `low` and fewer than `high` symbols."""

    low: int
    high: int
    nats: float


@torch.no_grad()
def loss_by_context(model: SequenceNet, ids: Ids, longest: int = LONGEST) -> list[ContextLoss]:
    """Return the mean loss after 1, 2-3, 4-7, ... symbols of context, from zero states all over the text.

    The text [n] is cut into at most 64 segments, spread evenly; the symbol t places into a segment has t before it.
    Fewer steps than `longest` where the text has fewer.
    """
    longest = min(longest, len(ids) - 1)
    starts = np.unique(np.linspace(0, len(ids) - 1 - longest, SEGMENTS).astype(np.int64))
    segments = np.stack([ids[start : start + longest + 1] for start in starts]).astype(np.int64)
    text = torch.from_numpy(segments.T.copy()).to(model.output.weight.device)  # [T + 1, B]
    was, state, found = model.training, None, []
    model.eval()
    for first in range(0, longest, CHUNK):
        end = min(first + CHUNK, longest)
        nats, state = model.nats(text[first:end], text[first + 1 : end + 1], state)
        found.append(nats.mean(1).double().cpu())
    model.train(was)
    by_step = torch.cat(found)  # entry t: after t + 1 symbols
    edges = [1 << power for power in range(longest.bit_length())]
    bins = [(low, min(2 * low, longest + 1)) for low in edges if low <= longest]
    return [ContextLoss(low, high, float(by_step[low - 1 : high - 1].mean())) for low, high in bins]


def advise(model: SequenceNet, train_ids: Ids, validation_ids: Ids, window: int, dropout: float) -> list[str]:
    """Return what to try next, with the numbers that say so; at least one line."""
    longest = min(LONGEST, len(train_ids) - 1, len(validation_ids) - 1)
    train, held = (loss_by_context(model, ids, longest) for ids in (train_ids, validation_ids))
    return [_fit(_mean(train), _mean(held), dropout), _window(held, window)]


def _mean(found: list[ContextLoss]) -> float:
    return float(np.average([bin.nats for bin in found], weights=[bin.high - bin.low for bin in found]))


def _fit(train: float, validation: float, dropout: float) -> str:
    told = f"without dropout the loss is {train:.3f} on the training text and {validation:.3f} on the held-out text"
    gap = validation - train
    if gap > GAP * validation:
        more = min(0.6, round(dropout + 0.1, 2))
        return f"overfitting: {told}; try --dropout {more:g}, a smaller --hidden-size, or more text"
    if gap < CLOSE:
        return f"underfitting: {told}; try a longer training or a larger --hidden-size"
    return f"a fair fit: {told}; a longer training may still help, a larger network only with more dropout"


def _window(held: list[ContextLoss], window: int) -> str:
    best = min(bin.nats for bin in held)
    enough = next(bin for bin in held if bin.nats < best + CLOSE)
    told = f"predictions get better up to about {enough.low} symbols of context ({enough.nats:.3f} nats there"
    before = held[max(0, held.index(enough) - 1)]
    told += f", {before.nats:.3f} with {before.low} to {before.high - 1})"
    if enough.low >= window:
        return f"the window is short: {told}; try --window {2 * enough.low} instead of {window}"
    return f"the window of {window} is long enough: {told}"
