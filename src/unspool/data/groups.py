"""A held-out part that no group is divided by: all sequences of one person, device or file stay on one side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from unspool.data.examples import Examples, label_name
from unspool.data.shuffle import permutation
from unspool.data.tables import Wanted
from unspool.errors import DataError, SpecError


class Grouped(Protocol):
    """Sequences read from some data, with their groups [N] if they have any."""

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the content."""

    @property
    def groups(self) -> NDArray[np.int64] | None:
        """Numbers from 0."""

    @property
    def group_names(self) -> tuple[str, ...]:
        """The names of the numbers."""


def check_fraction(fraction: float) -> None:
    """Refuse a fraction to hold out that does not lie between 0 and 1."""
    if not 0 < fraction < 1:
        raise SpecError(f"the fraction to hold out must lie between 0 and 1, got {fraction}; 0.1 is usual")


def held_groups(
    groups: NDArray[np.int64], counts: NDArray[np.float64], fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Which sequences [N] to hold out so that each class comes as near to the fraction as whole groups allow.

    `groups` [N] are numbers from 0, `counts` [N, K] how much each sequence holds of each class. Groups are visited in
    an order drawn from the seed, and one is held out where that lessens sum_k (held_k / total_k - fraction)^2;
    the last that has a class stays, for the training must know it.

    Raises:
        DataError: no group can be held out.
    """
    sums = np.zeros((int(groups.max()) + 1, counts.shape[1]))
    np.add.at(sums, groups, counts)
    sums = sums[:, sums.any(axis=0)]
    shares, has = sums / sums.sum(axis=0), sums > 0  # [G, K] over the classes that there are
    order = permutation(len(sums), seed, 0).tolist()
    out, held, left = np.zeros(len(sums), np.bool_), np.zeros(sums.shape[1]), has.sum(axis=0)

    def distance(shares: NDArray[np.float64]) -> float:
        return float(((shares - fraction) ** 2).sum())

    def is_free(group: int) -> bool:
        return bool((left[has[group]] > 1).all())

    for group in order:
        if is_free(group) and distance(held + shares[group]) < distance(held):
            out[group], held, left = True, held + shares[group], left - has[group]
    if not out.any():  # every group alone is more than enough: the nearest
        free = [group for group in order if is_free(group)]
        if not free:
            raise DataError(
                f"a split by group needs a group whose classes others have too, but {len(sums)} groups came and each "
                "has a class of its own; group by another column, or name a file for validation"
            )
        out[min(free, key=lambda group: distance(shares[group]))] = True
    return out[groups]


def groups_of(parts: Sequence[Examples], wanted: Wanted) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """The number of each example's group [N], in order of appearance, and their names; None where none are wanted.

    Equal names in two files are one group. Groups that came with data in Python are wanted too.
    """
    if not wanted.require_labels or (wanted.group is None and all(part.groups is None for part in parts)):
        return None, ()
    numbers: dict[str, int] = {}
    found: list[int] = []
    for part in parts:
        if part.groups is None:
            raise DataError(
                f"groups are a column of a table or an array of a .npz file, but {part.origin} has none called "
                f"{wanted.group!r}; write the data as a table, or leave the option out"
            )
        for number, name in enumerate(map(label_name, part.groups), start=1):
            if name is None:
                where = "" if wanted.group is None else f" in {wanted.group!r}"
                raise DataError(
                    f"every example must have a group, but example {number} of {part.origin} has none{where}; add it, "
                    "or leave the example out"
                )
            found.append(numbers.setdefault(name, len(numbers)))
    return np.array(found, dtype=np.int64), tuple(numbers)


def _names(data: Grouped) -> set[str]:
    """The groups that it has sequences of."""
    return set() if data.groups is None else {data.group_names[place] for place in np.unique(data.groups).tolist()}


def check_apart(training: Grouped, held: Grouped, held_name: str) -> None:
    """Refuse a held-out part of its own that holds the training data itself, or shares a group with it.

    Raises:
        DataError: it does.
    """
    if held.fingerprint == training.fingerprint:
        raise DataError(
            f"validation must be on other data than the training, but {held_name} holds the same; name another file, "
            "or a fraction to hold out"
        )
    if shared := sorted(_names(training) & _names(held)):
        raise DataError(
            f"no group may be on both sides, but {len(shared)} of {held_name} are in the training data too, such as "
            f"{shared[0]!r}; take them out of one, or leave the groups out"
        )
