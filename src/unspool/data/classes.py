"""Classes: which ones the labels name, and the place of each label among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unspool.errors import DataError

UNSCORED: Final = -1  # the place of a label that is missing
MANY: Final = 20  # classes from which on they may be numbers by mistake


def classes_of(names: Sequence[str], origin: str, noun: str = "examples") -> tuple[str, ...]:
    """The classes among the names, at least two, sorted: by number if all of them are numbers."""
    found = set(names)
    if len(found) < 2:
        came = f"all {len(names)} {noun} of {origin} are {names[0]!r}" if names else f"{origin} has no {noun}"
        raise DataError(
            f"labels must be of two classes or more, but {came}; add {noun} of another class, or name another label "
            "column"
        )
    return ordered(found)


def check_recurring(names: Sequence[str], origin: str) -> None:
    """Refuse labels that are no classes: many of them, and most occur once, or all are numbers and some no whole ones.

    Raises:
        DataError: they are so.
    """
    counts = Counter(names)
    if len(counts) < MANY:
        return
    once = sum(count == 1 for count in counts.values())
    if 2 * once > len(names):
        came = f"{once} of the {len(names)} labels of {origin} occur once"
    elif _are_fractions(counts):
        came = f"those of {origin} are {len(counts)} different numbers such as {max(counts, key=len)}"
    else:
        return
    raise DataError(
        f"labels must be classes that come again and again, but {came}; if a channel was taken for the label, name the "
        "column of labels (--label-column)"
    )


def _are_fractions(names: Iterable[str]) -> bool:
    try:
        return not all(float(name).is_integer() for name in names)
    except ValueError:
        return False


def ordered(names: set[str]) -> tuple[str, ...]:
    """Sorted by number if all of them are numbers, by text otherwise."""
    try:
        return tuple(sorted(names, key=float))
    except ValueError:
        return tuple(sorted(names))


def places_of(names: Sequence[str | None], classes: Sequence[str]) -> NDArray[np.int64]:
    """The place of each name among the classes [N]; None becomes UNSCORED."""
    place: dict[str | None, int] = {None: UNSCORED, **{name: index for index, name in enumerate(classes)}}
    strangers = sorted({name for name in names if name is not None and name not in place})
    if strangers:
        raise DataError(
            f"labels must be among the model's classes {', '.join(map(repr, classes))}, but {strangers[0]!r} "
            "came; mend the labels, or train a model on these classes"
        )
    return np.array([place[name] for name in names], dtype=np.int64)
