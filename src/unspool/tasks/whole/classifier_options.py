"""Options of the classifier. Free of torch: the command line reads its flags from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from unspool.tasks.whole.options import WholeOptions


@dataclass(frozen=True)
class ClassifierOptions(WholeOptions):
    """Options of a classifier of whole sequences."""

    class_weights: Literal["none", "balanced"] = "none"
    """Weigh each class alike in the loss, or balance rare ones against frequent ones."""
    calibrate: bool = True
    """Fit a temperature on the held-out sequences, so that probabilities mean what they say (Guo et al. 2017)."""
