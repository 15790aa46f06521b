"""Which samples are held out: those of whole owners, writers or speakers, whom the network then does not know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.data.shuffle import permutation
from unspool.errors import DataError, SpecError


class OwnerSplit(NamedTuple):
    """Places [.] of the samples to train on and to validate on, and the owners of the latter, sorted."""

    training: NDArray[np.int64]
    validation: NDArray[np.int64]
    held_out: tuple[str, ...]


def split_by_owner(owners: Sequence[str | None], fraction: float = 0.1, seed: int = 0) -> OwnerSplit:
    """Hold out a fraction of the owners (at least one, never all), drawn by the seed.

    A sample without an owner counts as an owner of its own. Where all samples have one and the same owner, nobody can
    be held out, so that single samples are: validation then says nothing of other hands or voices.

    Raises:
        DataError: fewer than two samples.
        SpecError: the fraction does not lie between 0 and 1.
    """
    if not 0 < fraction < 1:
        raise SpecError(f"the fraction to hold out must lie between 0 and 1, got {fraction}; 0.1 is usual")
    if len(owners) < 2:
        raise DataError(
            f"a split needs at least two samples, but {len(owners)} came; give more, or files for validation"
        )
    alone = len(set(owners)) == 1
    groups = [(1, str(place)) if name is None or alone else (0, name) for place, name in enumerate(owners)]
    # sorted, so that the order of the samples does not matter
    order = sorted(set(groups), key=lambda group: (group[0], len(group[1]) if group[0] else 0, group[1]))
    count = min(max(round(fraction * len(order)), 1), len(order) - 1)
    chosen = {order[place] for place in permutation(len(order), seed, 0)[:count]}
    held = np.array([group in chosen for group in groups])
    return OwnerSplit(
        np.flatnonzero(~held), np.flatnonzero(held), tuple(sorted(name for kind, name in chosen if kind == 0))
    )
