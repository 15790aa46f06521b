"""Options of the regressor. Free of torch: the command line reads its flags from here."""

from __future__ import annotations

from dataclasses import dataclass

from unspool.tasks.whole.options import WholeOptions


@dataclass(frozen=True)
class RegressorOptions(WholeOptions):
    """Options of a regressor of whole sequences."""
