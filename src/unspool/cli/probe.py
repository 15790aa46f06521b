from __future__ import annotations


def probe() -> None:
    """To come."""
