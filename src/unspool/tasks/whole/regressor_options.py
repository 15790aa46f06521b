"""Options of the regressor. Free of torch: the command line reads its flags from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal  # noqa: F401 (inherited hints are looked up here)

from unspool.spec import Between  # noqa: F401 (likewise)
from unspool.tasks.whole.options import WholeOptions


@dataclass(frozen=True)
class RegressorOptions(WholeOptions):
    """Options of a regressor of whole sequences."""
