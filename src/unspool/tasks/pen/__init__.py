"""Handwriting: a pen's points in, the next point out, with a text to write or without."""

from __future__ import annotations
