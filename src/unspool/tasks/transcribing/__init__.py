"""Text for strokes, sounds and series of numbers."""

from __future__ import annotations
