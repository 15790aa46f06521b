"""The numbers of an InkML trace: points divided by commas, and values that are absolute, first or second differences.

InkML, W3C Recommendation of 20 September 2011, section 3.2.1. A value may follow a sign that holds for its channel from
then on: `!` the value, `'` its first difference, `"` its second difference. `*` repeats what the sign speaks of: the
value (`!`), the velocity (`'`) or the acceleration (`"`).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.errors import DataError

TOKEN: Final = re.compile(r"([!'\"]?)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[*?TF]|#[0-9A-Fa-f]{1,15})")


class Channel(NamedTuple):
    """A column of a trace, and what its numbers are multiplied by, after that of their origin is added."""

    name: str
    scale: float = 1.0
    origin: float = 0.0


def decode_trace(text: str, channels: list[Channel], where: str) -> NDArray[np.float64]:
    """The values [n, C] of a trace; those of intermittent channels that are left out at the end are NaN.

    With first differences v and second differences a of one channel: v_t = v_{t-1} + a_t, x_t = x_{t-1} + v_t.
    """
    state = [_Integrator() for _ in channels]
    rows = []
    for number, part in enumerate((point for point in text.split(",") if point.strip()), start=1):
        tokens = TOKEN.findall(part)
        if TOKEN.sub("", part).strip() or not 2 <= len(tokens) <= len(channels):
            raise DataError(
                f"a point of InkML must have 2 to {len(channels)} values, but point {number} of {where} is "
                f"{part.strip()[:30]!r}; mend it, or declare its channels in a traceFormat"
            )
        row = [integrator.read(*token) for integrator, token in zip(state, tokens, strict=False)]
        rows.append(row + [np.nan] * (len(channels) - len(row)))
    values = np.array(rows, dtype=np.float64).reshape(-1, len(channels))
    return (values + [channel.origin for channel in channels]) * [channel.scale for channel in channels]


class _Integrator:
    """One channel: its last value, velocity and acceleration, and the sign that holds."""

    def __init__(self) -> None:
        self.sign, self.value, self.velocity, self.acceleration = "!", 0.0, 0.0, 0.0

    def read(self, sign: str, token: str) -> float:
        self.sign = sign or self.sign
        if token in "?TF":
            return {"?": np.nan, "T": 1.0, "F": 0.0}[token]
        number = None if token == "*" else _number(token)
        if self.sign == "!":
            before, self.value = self.value, self.value if number is None else number
            self.velocity = self.value - before
        elif self.sign == "'":
            self.velocity = self.velocity if number is None else number
            self.value += self.velocity
        else:
            self.acceleration = self.acceleration if number is None else number
            self.velocity += self.acceleration
            self.value += self.velocity
        return self.value


def _number(token: str) -> float:
    return float(int(token[1:], 16)) if token.startswith("#") else float(token)
