"""Names of the Free Spoken Digit Dataset, `7_jackson_32.wav`.

Jackson et al., "Free Spoken Digit Dataset", 2016, https://github.com/Jakobovski/free-spoken-digit-dataset; its README
under "Organization".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

NAME: Final = re.compile(r"([^_]+)_(.+)_[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Digit:
    """What is said, and who says it."""

    label: str
    speaker: str


def digit_of(name: str) -> Digit | None:
    """What the name of a file, with its ending, says; None where it is not LABEL_SPEAKER_INDEX."""
    found = NAME.fullmatch(PurePath(name).stem)
    return Digit(found[1], found[2]) if found else None
