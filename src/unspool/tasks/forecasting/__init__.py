"""Time series, and what comes next in them."""

from __future__ import annotations
