"""Pen strokes: readers of every format, cleaning and scaling, the alphabet, and a split by writer."""

from __future__ import annotations
