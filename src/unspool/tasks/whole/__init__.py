"""One answer for a whole sequence: a class, a number."""

from __future__ import annotations
