"""Handwriting on a page: strokes laid out in lines, and written as SVG, PNG, JSON or G-code."""

from __future__ import annotations
