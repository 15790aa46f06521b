"""Options of the language model. Free of torch: the command line reads its flags from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from unspool.spec import Between
from unspool.training.options import TrainingOptions


@dataclass(frozen=True)
class LanguageOptions(TrainingOptions):
    """Options of a language model."""

    unit: Literal["char", "byte"] = "char"
    """What a symbol is: a Unicode character, or a byte of UTF-8."""
    unknown: Literal["fail", "skip", "replace"] = "fail"
    """What to do with symbols that the model does not know."""
    corpus: Literal["docs", "python"] = "docs"
    """Built-in text to learn when no file is given: Python's topic help, or the standard library's source."""
    window: Annotated[int | None, Between(1, 1_000_000)] = None
    """Steps that the gradient goes back through (truncated back-propagation through time)."""
    embedding_size: Annotated[int | None, Between(0, 65536)] = None
    """Width of the embedding; 0 feeds one-hot vectors."""
    tied: bool = False
    """Use the embedding as the output layer's weights too."""
    skip: bool = True
    """Connect the input to every layer and every layer to the output (Graves 2013)."""
    peephole: bool = False
    """LSTM gates see the cell state (Graves 2013, equations 7-11)."""
    reset: Literal["after", "before"] = "after"
    """GRU: reset gate after the recurrent product (as torch) or before it (Cho et al. 2014)."""
    nonlinearity: Literal["tanh", "relu", "sigmoid"] = "tanh"
    """Activation of the plain RNN."""
    recompute: bool = False
    """Recompute inside segments on the way back: long windows in little memory."""
