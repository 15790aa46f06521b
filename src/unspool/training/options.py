"""What every training shares: the options that size and steer it, and its budget. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from unspool.errors import SpecError
from unspool.spec import Between

# What shapes the weights: a training that starts from a model takes these from it.
NETWORK_OPTIONS = frozenset(
    (
        "cell",
        "hidden_size",
        "layers",
        "unit",
        "embedding_size",
        "tied",
        "softmax",
        "skip",
        "peephole",
        "reset",
        "nonlinearity",
        "hidden_sizes",
        "residual",
        "layer_norm",
        "transition_layers",
        "bidirectional",
        "pooling",
        "horizon",
        "context",
        "season",
        "distribution",
        "scaling",
        "causal",
        "frame",
        "encoder",
        "members",
        "ngrams",
        "prediction",
        "components",
        "window_components",
        "points_per_letter",
        "resample",
        "upright",
        "smooth",
        "rarest",
        "input",
        "bands",
    )
)

# How data is read: a training that starts from a model reads as that one did where none of them is given. Which columns
# hold text, label, key and group is not among them: their names belong to the data, which is another now.
READING_OPTIONS = frozenset(
    (
        "documents",
        "column",
        "condition",
        "flatten",
        "time",
        "target",
        "known",
        "covariates",
        "step",
        "interpolation",
        "max_gap",
    )
)


@dataclass(frozen=True)
class TrainingOptions:
    """Options of every task; one that is None is chosen from the data and the budget, printed, and stored."""

    cell: Literal["rnn", "lstm", "gru"] | None = None
    """Recurrent cell."""
    hidden_size: Annotated[int | None, Between(1, 65536)] = None
    """Units a layer."""
    layers: Annotated[int | None, Between(1, 64)] = None
    """Recurrent layers."""
    dropout: Annotated[float | None, Between(0, 0.95)] = None
    """Dropout between the layers and after the last."""
    recurrent_dropout: Annotated[float, Between(0, 0.95)] = 0.0
    """Dropout on the recurrent connection, one mask a window (Gal and Ghahramani 2016)."""
    batch_size: Annotated[int | None, Between(1, 65536)] = None
    """Lanes or sequences read side by side."""
    learning_rate: Annotated[float | None, Between(0, 1000, open_low=True)] = None
    """Peak learning rate; with the cosine schedule it warms up and falls to zero as the budget ends."""
    optimizer: Literal["adamw", "sgd", "graves"] = "adamw"
    """AdamW, plain stochastic gradient descent, or RMSProp as Graves (2013) has it."""
    momentum: Annotated[float, Between(0, 0.999)] = 0.0
    """Momentum of sgd."""
    schedule: Literal["cosine", "step"] = "cosine"
    """How the learning rate falls: to zero as the budget ends, or by --decay after each epoch beyond --hold."""
    decay: Annotated[float, Between(0, 1, open_low=True)] = 0.5
    """Factor of the step schedule."""
    hold: Annotated[float, Between(0)] = 4.0
    """Epochs before the step schedule begins to fall."""
    weight_decay: Annotated[float, Between(0, 10)] = 0.01
    """Decoupled weight decay on matrices."""
    clip: Annotated[float, Between(0, open_low=True)] = 1.0
    """Largest norm of the gradient."""
    patience: Annotated[int, Between(0)] = 10
    """Validations without improvement after which training stops; 0 never stops early."""
    validation: str = "0.1"
    """A file, or the fraction of the data held out."""
    precision: Literal["float32", "bf16"] = "float32"
    """bf16 rounds the factors of matrix products in training: faster where the processor has them, less exact."""
    seed: Annotated[int, Between(0, 2**63 - 1)] = 0
    """Seed of weights, order and dropout."""


@dataclass(frozen=True)
class Budget:
    """How long to train: an amount of minutes, epochs or steps."""

    kind: Literal["minutes", "epochs", "steps"]
    amount: float

    @classmethod
    def of(cls, minutes: float | None = None, epochs: float | None = None, steps: int | None = None) -> Budget | None:
        """Return the one budget that was given, None where none was.

        Raises:
            SpecError: more than one was given, or one that is not above zero.
        """
        given = {"minutes": minutes, "epochs": epochs, "steps": steps}
        chosen = [(kind, amount) for kind, amount in given.items() if amount is not None]
        if len(chosen) > 1:
            names = " and ".join(f"--{kind}" for kind, _ in chosen)
            raise SpecError(f"a training has one budget, got {names}; keep one of them")
        if not chosen:
            return None
        kind, amount = chosen[0]
        if not 0 < amount < 1e12:
            raise SpecError(f"--{kind} must be above 0 and finite, got {amount:g}")
        return cls(kind, amount)  # type: ignore[arg-type]

    def steps(self, steps_per_epoch: int) -> int | None:
        """Return the number of updates, None where minutes decide."""
        if self.kind == "steps":
            return max(1, round(self.amount))
        if self.kind == "epochs":
            return max(1, round(self.amount * steps_per_epoch))
        return None

    def __str__(self) -> str:
        return f"{self.amount:g} {self.kind if self.amount != 1 else self.kind[:-1]}"
