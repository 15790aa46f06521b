"""Options of the language model. Free of torch: the command line reads its flags from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from unspool.errors import SpecError
from unspool.spec import Between
from unspool.training.options import TrainingOptions


@dataclass(frozen=True)
class LanguageOptions(TrainingOptions):
    """Options of a language model."""

    unit: Literal["char", "byte", "word", "bpe"] = "char"
    """What a symbol is: a Unicode character, a byte of UTF-8, a word between white space, or a subword."""
    vocabulary_size: Annotated[int | None, Between(2, 10_000_000)] = None
    """Most words or subwords; all words, or subwords by the size of the text, otherwise."""
    min_count: Annotated[int, Between(1)] = 2
    """Times that a word must come to be known; rarer ones are <unk>."""
    documents: Literal["text", "file", "line", "row"] = "text"
    """What a document is, whose start the model learns; text has no borders."""
    column: str | None = None
    """Column of a table that holds the texts; rows are documents."""
    condition: str | None = None
    """Column of a table that holds a label for each text, or file: a file's name is the label of its lines."""
    unknown: Literal["fail", "skip", "replace"] = "fail"
    """What to do with symbols that the model does not know."""
    corpus: Literal["docs", "python"] = "docs"
    """Built-in text to learn when no file is given: Python's topic help, or the standard library's source."""
    window: Annotated[int | None, Between(1, 1_000_000)] = None
    """Steps that the gradient goes back through (truncated back-propagation through time)."""
    embedding_size: Annotated[int | None, Between(0, 65536)] = None
    """Width of the embedding; 0 feeds one-hot vectors."""
    tied: bool | None = None
    """Use the embedding as the output layer's weights too; so it is for large vocabularies."""
    softmax: Literal["full", "adaptive"] | None = None
    """Output layer: a score for each symbol, or clusters of rare ones, which is fast for large vocabularies."""
    init_range: Annotated[float, Between(0, 10)] = 0.0
    """Draw all first weights evenly from -R to R; 0 keeps the defaults."""
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
    hidden_sizes: str = ""
    """Units of each layer, 256,512 for two; in place of --hidden-size and --layers."""
    residual: bool = False
    """A layer adds to what it reads, where both are as wide (Wu et al. 2016, equation 6)."""
    layer_norm: bool = False
    """Normalise the recurrent layers' sums (Ba, Kiros and Hinton 2016)."""
    transition_layers: Annotated[int, Between(0, 64)] = 0
    """Layers between two time steps, inside each recurrent layer (Pascanu et al. 2014)."""
    weight_dropout: Annotated[float, Between(0, 0.95)] = 0.0
    """Dropout of recurrent weights, one mask a window (Merity et al. 2018)."""
    embedding_dropout: Annotated[float, Between(0, 0.95)] = 0.0
    """Dropout of whole symbols at the input, one mask a window (Merity et al. 2018)."""
    weight_noise: Annotated[float, Between(0, 10)] = 0.0
    """Standard deviation of Gaussian noise on all weights, drawn once a window (Graves 2013)."""
    adaptive_weight_noise: bool = False
    """Every weight learns its own noise, which starts at --weight-noise, or 0.075 (Graves 2011)."""

    @property
    def sizes(self) -> list[int]:
        """The units of each layer; empty as long as they are not chosen.

        Raises:
            SpecError: `hidden_sizes` is no list of sizes, or stands beside what it takes the place of.
        """
        if not self.hidden_sizes:
            return [self.hidden_size] * self.layers if self.hidden_size and self.layers else []
        parts = [part.strip() for part in self.hidden_sizes.split(",")]
        if len(parts) > 64 or not all(
            part.isascii() and part.isdecimal() and len(part) < 6 and 1 <= int(part) <= 65536 for part in parts
        ):
            raise SpecError(
                "--hidden-sizes must be at most 64 numbers from 1 to 65536 with commas between them, from the lowest "
                f"layer up, got {self.hidden_sizes[:80]!r}; write 256,512 for two layers"
            )
        if self.hidden_size or self.layers:
            raise SpecError("--hidden-sizes says how many units every layer has; leave out --hidden-size and --layers")
        return [int(part) for part in parts]
