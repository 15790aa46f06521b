"""What handwriting chooses for itself from the number of points and the budget."""

from __future__ import annotations

from typing import NamedTuple

from unspool.training.options import Budget

POINTS_A_MINUTE = 300_000  # of a network of 2x256, on two usual cores
UPDATES = 1200  # at least, where no budget is given
EPOCHS = 4
# points that are read in all, from which on: units, layers, learning rate
SIZES = ((0, 128, 2, 3e-3), (1e7, 256, 2, 2e-3), (6e7, 400, 3, 1e-3))


class HandwritingSizing(NamedTuple):
    """What `handwriting_sizing` proposes."""

    hidden_size: int
    layers: int
    learning_rate: float
    batch_size: int
    budget: Budget


def handwriting_sizing(samples: int, points: int, batch_size: int | None, budget: Budget | None) -> HandwritingSizing:
    """Propose a network and a budget for training samples with so many points in all: 2x256 for an hour."""
    batch_size = batch_size or max(4, min(32, samples // 16))
    per_epoch = -(-samples // batch_size)
    budget = budget or Budget("epochs", max(EPOCHS, -(-UPDATES // per_epoch)))
    if budget.kind == "minutes":
        read = budget.amount * POINTS_A_MINUTE
    else:
        read = points * (budget.amount if budget.kind == "epochs" else budget.amount / per_epoch)
    hidden, layers, rate = next(size[1:] for size in reversed(SIZES) if read >= size[0])
    return HandwritingSizing(hidden, layers, rate, batch_size, budget)
