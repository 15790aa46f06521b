"""Which byte can come next in valid UTF-8."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.errors import DataError


class _Lead(NamedTuple):
    """First bytes from `first` to `last`: `more` bytes follow, the next of them between `low` and `high`."""

    first: int
    last: int
    more: int
    low: int = 0x80
    high: int = 0xBF


# The Unicode Standard, table 3-7: no overlong forms (C0, C1, E0 80.., F0 80..), no surrogates (ED A0..),
# nothing above U+10FFFF (F4 90.., F5 and beyond).
LEADS: Final = (
    _Lead(0x00, 0x7F, 0),
    _Lead(0xC2, 0xDF, 1),
    _Lead(0xE0, 0xE0, 2, low=0xA0),
    _Lead(0xE1, 0xEC, 2),
    _Lead(0xED, 0xED, 2, high=0x9F),
    _Lead(0xEE, 0xEF, 2),
    _Lead(0xF0, 0xF0, 3, low=0x90),
    _Lead(0xF1, 0xF3, 3),
    _Lead(0xF4, 0xF4, 3, high=0x8F),
)
LONGEST: Final = 4


class Utf8Mask:
    """Follows a text byte by byte and tells which bytes keep it valid UTF-8."""

    def __init__(self) -> None:
        self._more = 0
        self._low, self._high = 0x80, 0xBF

    @property
    def complete(self) -> bool:
        """Whether the text so far ends with a whole character."""
        return self._more == 0

    def allowed(self, remaining: int | None = None) -> NDArray[np.bool_]:
        """The bytes [256] that may come next if `remaining` bytes are to come, this one among them.

        None means no end. A character is begun only if it can be finished. No byte is allowed where the text
        cannot end well any more.
        """
        left = LONGEST if remaining is None else remaining
        mask = np.zeros(256, dtype=np.bool_)
        if self._more:
            mask[self._low : self._high + 1] = left >= self._more
            return mask
        for lead in LEADS:
            mask[lead.first : lead.last + 1] = left > lead.more
        return mask

    def push(self, byte: int) -> None:
        """Take the next byte."""
        if not 0 <= byte <= 255 or not self.allowed()[byte]:
            wanted = "the first byte of a character" if self.complete else f"0x{self._low:02X}..0x{self._high:02X}"
            raise DataError(f"UTF-8 needs {wanted} here, but {byte:#04x} came; push only bytes that are allowed")
        if self._more:
            self._more -= 1
            self._low, self._high = 0x80, 0xBF
            return
        lead = next(lead for lead in LEADS if lead.first <= byte <= lead.last)
        self._more, self._low, self._high = lead.more, lead.low, lead.high
