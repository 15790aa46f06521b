"""From a network's raw output to a distribution. A new head is one file here and one line in HEADS."""

from __future__ import annotations

from unspool.heads.base import Head
from unspool.heads.categorical import Categorical

HEADS: dict[str, type[Head]] = {
    "categorical": Categorical,
}

__all__ = ["HEADS", "Categorical", "Head"]
