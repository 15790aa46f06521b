"""Options of the transcriber. Free of torch: the command line reads its flags from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from unspool.errors import SpecError
from unspool.spec import Between
from unspool.training.options import TrainingOptions


@dataclass(frozen=True)
class TranscriberOptions(TrainingOptions):
    """Options of a transcriber, which writes down what strokes, sounds or series of numbers say."""

    input: Literal["sound", "pen", "numbers"] | None = None
    """What is read; told from the files otherwise. Without files: made syllables, or words that a model writes."""
    unit: Literal["char", "word"] = "char"
    """What the text is made of."""
    rarest: Annotated[int, Between(1)] = 1
    """Characters or words that come less often than this are not learned."""
    hold_out: str | None = None
    """Hold out the samples whose name, or whose speaker or writer, matches this pattern (*_theo_*), in place of a
    fraction of the speakers or writers."""
    causal: bool = False
    """Read in one direction, so that a stream is written down as it comes; otherwise from both ends."""
    encoder: Literal["linear", "conv"] | None = None
    """What reads the input: the recurrent layers, or before them two convolutions that leave a quarter of the steps."""
    frame: Annotated[int | None, Between(1, 4096)] = None
    """Steps that the recurrent layers read at once, where no convolutions stand before them."""
    augment: Literal["none", "light", "strong"] | None = None
    """Vary training samples at every visit: slant, size and noise of strokes, speed and masks of sounds."""
    points_per_letter: Annotated[float, Between(1, 200)] = 20.0
    """Points that a letter of strokes is laid out in."""
    bands: Annotated[int, Between(3, 256)] = 40
    """Mel bands of a sound's spectrum."""
    label_column: str | None = None
    """Column of a table that holds the text; guessed from its name otherwise."""
    key: str | None = None
    """Column of a long table that says which sequence a row belongs to."""
    group: str | None = None
    """Column that names groups (persons, devices); none of them is divided between training and validation."""
    skip: bool = False
    """Connect the input to every layer and every layer to the output (Graves 2013)."""
    peephole: bool = False
    """LSTM gates see the cell state (Graves 2013, equations 7-11)."""
    reset: Literal["after", "before"] = "after"
    """GRU: reset gate after the recurrent product (as torch) or before it (Cho et al. 2014)."""
    nonlinearity: Literal["tanh", "relu", "sigmoid"] = "tanh"
    """Activation of the plain RNN."""


FOR_KIND = {
    "points_per_letter": "pen",
    "bands": "sound",
    "label_column": "numbers",
    "key": "numbers",
    "group": "numbers",
}


def check_together(options: TranscriberOptions) -> None:
    """Refuse options that exclude each other.

    Raises:
        SpecError: names them.
    """
    if options.encoder == "conv" and (options.causal or options.frame not in (None, 1)):
        other = "--causal" if options.causal else f"--frame {options.frame}"
        raise SpecError(f"--encoder conv reads ahead and several steps at once, got {other} too; leave one of them out")
    if options.hold_out is not None and options.validation != TrainingOptions.validation:
        raise SpecError(
            f"--hold-out says what is held out, got --validation {options.validation} too; leave one of them out"
        )


def check_kind(options: TranscriberOptions, kind: str) -> None:
    """Refuse an option that means nothing for this kind of input.

    Raises:
        SpecError: names the option, and the kind that it is for.
    """
    for name, other in FOR_KIND.items():
        if other != kind and getattr(options, name) != getattr(TranscriberOptions, name):
            raise SpecError(f"--{name.replace('_', '-')} is for {other}, got {kind}; leave it out")
    if kind == "pen" and options.causal:
        raise SpecError(
            "--causal is for streams, but strokes are read when their line is whole, as only then size and slant are "
            "known; leave it out"
        )
