"""Text, symbol by symbol: learned, written, scored."""

from __future__ import annotations
