"""Handwriting on a page: strokes laid out in lines, and written as SVG, PNG, JSON or G-code.

Its names are imported when they are first used: the command line reads flags from `ink.options` and needs no numpy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

_PLACES: Final = {
    "Page": "unspool.ink.options",
    "Sheet": "unspool.ink.page",
    "lay_out": "unspool.ink.page",
    "lay_out_pages": "unspool.ink.page",
    "write_ink": "unspool.ink.write",
    "write_pages": "unspool.ink.write",
}

__all__ = [*_PLACES]

if TYPE_CHECKING:
    from unspool.ink.options import Page as Page
    from unspool.ink.page import Sheet as Sheet
    from unspool.ink.page import lay_out as lay_out
    from unspool.ink.page import lay_out_pages as lay_out_pages
    from unspool.ink.write import write_ink as write_ink
    from unspool.ink.write import write_pages as write_pages


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'unspool.ink' has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)
