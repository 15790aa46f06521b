"""Options of the classifier. Free of torch: the command line reads its flags from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from unspool.spec import Between
from unspool.training.options import TrainingOptions


@dataclass(frozen=True)
class ClassifierOptions(TrainingOptions):
    """Options of a classifier of whole sequences."""

    text_column: str | None = None
    """Column of a table that holds the text; guessed from its name otherwise."""
    label_column: str | None = None
    """Column of a table that holds the class; guessed from its name otherwise."""
    unknown: Literal["fail", "skip", "replace"] = "skip"
    """What to do with characters that the training text does not have."""
    pooling: Literal["last", "mean", "max", "attention"] | None = None
    """How the steps of a sequence become one vector."""
    bidirectional: bool = True
    """Read each sequence from both ends."""
    class_weights: Literal["none", "balanced"] = "none"
    """Weigh each class alike in the loss, or balance rare ones against frequent ones."""
    embedding_size: Annotated[int | None, Between(1, 65536)] = None
    """Width of the embedding of characters."""
    skip: bool = False
    """Connect the input to every layer and every layer to the output (Graves 2013)."""
    peephole: bool = False
    """LSTM gates see the cell state (Graves 2013, equations 7-11)."""
    reset: Literal["after", "before"] = "after"
    """GRU: reset gate after the recurrent product (as torch) or before it (Cho et al. 2014)."""
    nonlinearity: Literal["tanh", "relu", "sigmoid"] = "tanh"
    """Activation of the plain RNN."""
