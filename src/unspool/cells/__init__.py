"""One time step of one cell, in pure torch: equations, no loops."""

from __future__ import annotations

from unspool.cells.base import Cell, State, StepOutput
from unspool.cells.classic import ClassicCell
from unspool.cells.elman import Elman, ElmanState
from unspool.cells.gru import GRU, GRUState
from unspool.cells.lstm import LSTM, LSTMState
from unspool.cells.normalised import LayerNormElman, LayerNormGRU, LayerNormLSTM
from unspool.cells.transition import DeepTransition

CELLS: dict[str, type[ClassicCell]] = {"rnn": Elman, "lstm": LSTM, "gru": GRU}
"""The cells by the name that options and the command line use."""

NORMALISED: dict[str, type[ClassicCell]] = {"rnn": LayerNormElman, "lstm": LayerNormLSTM, "gru": LayerNormGRU}
"""The same with layer normalisation."""

__all__ = [
    "CELLS",
    "GRU",
    "LSTM",
    "NORMALISED",
    "Cell",
    "ClassicCell",
    "DeepTransition",
    "Elman",
    "ElmanState",
    "GRUState",
    "LSTMState",
    "LayerNormElman",
    "LayerNormGRU",
    "LayerNormLSTM",
    "State",
    "StepOutput",
]
