"""A label for every step of a sequence."""

from __future__ import annotations
