"""Options of the tagger. Free of torch: the command line reads its flags from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from unspool.spec import Between
from unspool.training.options import TrainingOptions


@dataclass(frozen=True)
class TaggerOptions(TrainingOptions):
    """Options of a tagger, which labels every step of a sequence."""

    text_column: str | None = None
    """Column of a table that holds the token of each step; guessed from its name otherwise."""
    label_column: str | None = None
    """Column of a table that holds the label of each step; guessed from its name otherwise."""
    key: str | None = None
    """Column of a long table that tells sequences apart; without it a table is one sequence."""
    group: str | None = None
    """Column whose sequences of one value are held out together or not at all."""
    causal: bool = False
    """Label each step by what came until then, so that a stream can be read; otherwise from both ends."""
    encoder: Literal["linear", "conv"] | None = None
    """What reads a picture: two convolutions, or the recurrent layer its pixels."""
    embedding_size: Annotated[int | None, Between(1, 65536)] = None
    """Width of the embedding of tokens and characters, and of the vector that convolutions make of a picture."""
    window: Annotated[int | None, Between(1, 2**31)] = None
    """Steps of the longest training sequence; longer ones are cut."""
    class_weights: Literal["none", "balanced"] = "none"
    """Weigh each class alike in the loss, or balance rare ones against frequent ones."""
    augment: Literal["none", "light", "strong"] = "none"
    """Noise on the training sequences: on numbers jitter and another scale, on symbols unknown ones."""
    skip: bool = False
    """Connect the input to every layer and every layer to the output (Graves 2013)."""
    peephole: bool = False
    """LSTM gates see the cell state (Graves 2013, equations 7-11)."""
    reset: Literal["after", "before"] = "after"
    """GRU: reset gate after the recurrent product (as torch) or before it (Cho et al. 2014)."""
    nonlinearity: Literal["tanh", "relu", "sigmoid"] = "tanh"
    """Activation of the plain RNN."""
