"""When the command began: a budget in minutes counts from there."""

from __future__ import annotations

import time

BEGAN = time.monotonic()


def start() -> None:
    """Count from now."""
    global BEGAN
    BEGAN = time.monotonic()


def spent() -> float:
    """Return the seconds since."""
    return time.monotonic() - BEGAN
