"""Where a task's data came from, and what `--validation` means: a fraction of it, or a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from unspool.data.sources import Text
from unspool.errors import SpecError


def fraction_of(validation: str) -> float | None:
    """Return the held-out fraction, None where a file is named."""
    try:
        fraction = float(validation)
    except ValueError:
        return None
    if not 0 < fraction < 1:
        raise SpecError(f"--validation must be a file or a fraction between 0 and 1, got {validation}")
    return fraction


def located(validation: str) -> str:
    """Return the option so that it holds in any folder: a file by its absolute path."""
    return validation if fraction_of(validation) is not None else str(Path(validation).resolve())


def split_told(count: int, owner: str, others: str, validation: str, seed: int) -> str:
    """Say how a fraction was held out: so many owners of samples, or of `others` where nobody owns them."""
    what = f"{count} {owner}{'s' if count > 1 else ''}" if count else others
    return f"validation on {what}, a fraction of {validation}, drawn by seed {seed}"


def judged_on(given: str, known: str, split: str, what: str = "data") -> str:
    """Say what a model is judged on that is not the held-out part of its training data.

    `given` is the fingerprint of what came, `known` that of the training data, followed by that of a validation file.
    """
    if given == known[: len(given)]:
        return f"the training {what} itself"
    return f"{split}, watched during training" if given == known[len(given) :] else f"the whole of the given {what}"


def is_given(data: Any) -> bool:
    """Say whether there is data; an empty list of files is none."""
    return data is not None and not (isinstance(data, list) and not data)


def listed(data: Any) -> Any:
    """Return a single path or text as a list of one; anything else as it is."""
    return [data] if isinstance(data, str | PathLike | Text) else data


def paths_of(data: Any) -> list[str] | None:
    """Return absolute paths of the files given; empty for built-in data, None for data in memory."""
    if data is None:
        return []
    if not isinstance(data, Sequence) or isinstance(data, str) or not all(isinstance(i, str | PathLike) for i in data):
        return None
    return ["-" if item == "-" else str(Path(item).resolve()) for item in data]
