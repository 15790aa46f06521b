"""Names of the Free Spoken Digit Dataset, `7_jackson_32.wav`, and its official split.

Jackson et al., "Free Spoken Digit Dataset", 2016, https://github.com/Jakobovski/free-spoken-digit-dataset; its README
under "Organization" and "Usage".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, Literal

from unspool.errors import DataError

NAME: Final = re.compile(r"([^_]+)_(.+)_([0-9]{1,9})")
TEST: Final = 5  # recordings 0 to 4 of each digit of each speaker


@dataclass(frozen=True, slots=True)
class Digit:
    """What is said, who says it, and which of their recordings of it this is."""

    label: str
    speaker: str
    index: int


def digit_of(name: str) -> Digit | None:
    """What the name of a file, with its ending, says; None where it is not LABEL_SPEAKER_INDEX."""
    found = NAME.fullmatch(PurePath(name).stem)
    return Digit(found[1], found[2], int(found[3])) if found else None


def official_part(name: str) -> Literal["test", "training"]:
    """Recordings 0 to 4 are the test set, all others the training set.

    Raises:
        DataError: the name has no index.
    """
    digit = digit_of(name)
    if digit is None:
        raise DataError(
            f"the official split goes by names LABEL_SPEAKER_INDEX, as in 7_jackson_32.wav, but {name} is not one; "
            "rename it, or split by speaker"
        )
    return "test" if digit.index < TEST else "training"
