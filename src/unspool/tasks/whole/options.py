"""Options of the tasks that give one answer for a whole sequence. Free of torch, as all options are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from unspool.errors import SpecError
from unspool.spec import Between
from unspool.training.options import TrainingOptions


@dataclass(frozen=True)
class WholeOptions(TrainingOptions):
    """Options of a task that reads whole sequences, each with one label."""

    text_column: str | None = None
    """Column of a table that holds the text; guessed from its name otherwise."""
    label_column: str | None = None
    """Column of a table that holds the answer; guessed from its name otherwise."""
    key: str | None = None
    """Column of a long table that says which sequence a row belongs to."""
    group: str | None = None
    """Column that names groups (persons, devices); none of them is divided between training and validation."""
    flatten: bool = False
    """Make every number of a step a step of its own: a picture pixel by pixel, not row by row."""
    unknown: Literal["fail", "skip", "replace"] = "skip"
    """What to do with characters that the training text does not have."""
    augment: Literal["none", "light", "strong"] | None = None
    """Vary training sequences at every visit: noise and scale (light), time too (strong); characters are dropped."""
    pooling: Literal["last", "mean", "max", "attention"] | None = None
    """How the steps of a sequence become one vector."""
    bidirectional: bool | None = None
    """Read each sequence from both ends; so it is unless --causal."""
    causal: bool = False
    """Read in one direction and learn to answer at every step, as streams need it."""
    encoder: Literal["linear", "conv", "both"] | None = None
    """What reads numbers: the recurrent layers, or before them two convolutions that leave a quarter of the steps; with
    both every second member has the convolutions, and the mean of its steps in place of --pooling last."""
    frame: Annotated[int | None, Between(1, 4096)] = None
    """Steps that the recurrent layers read at once, where no convolutions stand before them."""
    members: Annotated[int | None, Between(1, 64)] = None
    """Networks that are trained side by side; the mean of their scores is the answer."""
    init: Literal["plain", "chrono"] | None = None
    """First biases of the gates: 1, or memories from one step to the longest sequence (Tallec and Ollivier 2018)."""
    embedding_size: Annotated[int | None, Between(1, 65536)] = None
    """Width of the embedding of characters."""
    ngrams: Annotated[int | None, Between(1, 8)] = None
    """Runs of up to so many characters have vectors of their own beside the characters'; 1 for none."""
    embedding_dropout: Annotated[float, Between(0, 0.95)] = 0.0
    """Dropout of whole characters at the input, one mask a batch (Gal and Ghahramani 2016)."""
    weight_dropout: Annotated[float, Between(0, 0.95)] = 0.0
    """Dropout of recurrent weights, one mask a batch (Merity et al. 2018)."""
    layer_norm: bool = False
    """Normalise the recurrent layers' sums (Ba, Kiros and Hinton 2016)."""
    skip: bool = False
    """Connect the input to every layer and every layer to the output (Graves 2013)."""
    peephole: bool = False
    """LSTM gates see the cell state (Graves 2013, equations 7-11)."""
    reset: Literal["after", "before"] = "after"
    """GRU: reset gate after the recurrent product (as torch) or before it (Cho et al. 2014)."""
    nonlinearity: Literal["tanh", "relu", "sigmoid"] = "tanh"
    """Activation of the plain RNN."""


def check_together(options: WholeOptions) -> None:
    """Refuse options that exclude each other.

    Raises:
        SpecError: names them.
    """
    if options.causal and (options.bidirectional or options.pooling not in (None, "last")):
        other = "--bidirectional" if options.bidirectional else f"--pooling {options.pooling}"
        raise SpecError(f"--causal answers at every step from what came until then, got {other}; leave one of them out")
    if options.causal and options.members not in (None, 1):
        raise SpecError(f"--causal answers streams with one network, got --members {options.members}; leave one out")
    if options.encoder == "both" and (options.causal or options.members == 1):
        other = "--causal" if options.causal else "--members 1"
        raise SpecError(f"--encoder both is for several networks that read ahead, got {other} too; leave one out")
    if options.encoder == "conv" and (options.causal or options.frame not in (None, 1)):
        other = "--causal" if options.causal else f"--frame {options.frame}"
        raise SpecError(f"--encoder conv reads ahead and several steps at once, got {other} too; leave one of them out")
    if options.causal and options.ngrams not in (None, 1):
        raise SpecError(f"--causal carries no characters from row to row, got --ngrams {options.ngrams}; leave one out")
    if options.causal and options.frame not in (None, 1):
        raise SpecError(f"--causal answers at every step, got --frame {options.frame}; leave one of them out")
    if options.init == "chrono" and options.cell == "rnn":
        raise SpecError("--init chrono sets the biases of gates, got --cell rnn, which has none; leave one of them out")


def check_frame(options: WholeOptions, longest: int) -> None:
    """Refuse frames of more steps than the longest training sequence has.

    Raises:
        SpecError: says how many it has.
    """
    if (options.frame or 1) > max(1, longest):
        raise SpecError(
            f"--frame must be at most the {longest} steps of the longest training sequence, got {options.frame}; "
            "make it smaller"
        )
