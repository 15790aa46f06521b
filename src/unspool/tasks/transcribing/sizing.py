"""What a transcriber chooses for itself from the number and length of its training samples."""

from __future__ import annotations

from typing import NamedTuple

from unspool.nets.series import SHORTER
from unspool.training.options import Budget

QUARTERED = 12.0  # steps a symbol from which on convolutions may leave a quarter of them
APART = 3.0  # frames a symbol that should be left
SMALL = 200_000  # frames of a small training set
UPDATES = 3000  # at least


class TranscriberSizing(NamedTuple):
    """What `transcriber_sizing` proposes."""

    hidden_size: int
    layers: int
    dropout: float
    learning_rate: float
    batch_size: int
    encoder: str
    frame: int
    augment: str
    budget: Budget


def transcriber_sizing(
    samples: int,
    steps: int,
    symbols: int,
    budget: Budget | None,
    *,
    causal: bool,
    frame: int | None,
    encoder: str | None,
) -> TranscriberSizing:
    """Propose an LSTM and a budget for so many samples, of so many steps and symbols in all."""
    a_symbol = steps / max(1, symbols)
    if encoder is None:
        encoder = "conv" if not causal and frame in (None, 1) and a_symbol >= QUARTERED else "linear"
    if frame is None:
        frame = 1 if encoder == "conv" else max(1, min(8, int(a_symbol / APART)))
    small = steps // (SHORTER if encoder == "conv" else frame) <= SMALL
    batch_size = max(4, min(16 if small else 32, samples // 16))
    epochs = max(10, -(-UPDATES * batch_size // samples))
    hidden = 96 if small else 128
    return TranscriberSizing(
        hidden, 2, 0.3, 3e-3, batch_size, encoder, frame, "light", budget or Budget("epochs", epochs)
    )
