"""Options of handwriting. Free of torch: the command line reads its flags from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from unspool.spec import Between
from unspool.training.options import TrainingOptions


@dataclass(frozen=True)
class HandwritingOptions(TrainingOptions):
    """Options of handwriting, which learns to write a text as a pen does (Graves 2013, sections 4 and 5)."""

    prediction: bool = False
    """Learn the strokes alone, without the texts: the network then writes what looks like writing."""
    components: Annotated[int, Between(1, 1000)] = 20
    """Normal distributions in the mixture of the next point."""
    window_components: Annotated[int, Between(1, 1000)] = 10
    """Bells in the window that slides over the text."""
    points_per_letter: Annotated[float, Between(1, 1000)] = 25.0
    """Points that a letter is laid out in; more are finer and slower."""
    resample: Literal["length", "time"] = "length"
    """Points follow each other along the ink, or at equal steps of time, so that the hand's speed is learned too."""
    jitter: Annotated[float | None, Between(0, 1)] = None
    """Standard deviation of the logarithm of the distance from point to point; 0 for equal ones, usually 0.1."""
    upright: bool = True
    """Take out the slant of writers and the slope of lines; not for drawings, which neither has."""
    smooth: bool = True
    """Smooth the stair steps in the hands of writers whose tablet has a coarse grid."""
    join: Annotated[int, Between(1, 1000)] = 1
    """Up to so many samples of a writer, drawn by chance, are learned as one line; 1 leaves them as they are."""
    rarest: Annotated[int, Between(1)] = 5
    """Samples with a character that comes less often than this are left out."""
    longest: Annotated[int, Between(2, 2**31)] = 800
    """Points of the longest training sample; longer ones are cut off there."""
    clip_outputs: Annotated[float, Between(0)] = 100.0
    """Bound on the derivatives of the network's outputs; 0 for none."""
    clip_inputs: Annotated[float, Between(0)] = 0.0
    """Bound on the derivatives of what an LSTM's gates read, 10 in the paper, and slower; 0 for none."""
    weight_noise: Annotated[float, Between(0, 10)] = 0.0
    """Standard deviation of Gaussian noise on all weights, drawn once a batch."""
    adaptive_weight_noise: bool = False
    """Every weight learns its own noise, which starts at --weight-noise, or 0.075 (Graves 2011)."""
    peephole: bool = True
    """LSTM gates see the cell state."""
