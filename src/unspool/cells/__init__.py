"""One time step of one cell, in pure torch: equations, no loops."""

from __future__ import annotations

from unspool.cells.base import Cell, State, StepOutput
from unspool.cells.elman import Elman, ElmanState
from unspool.cells.gru import GRU, GRUState
from unspool.cells.lstm import LSTM, LSTMState

CELLS: dict[str, type[Cell]] = {"rnn": Elman, "lstm": LSTM, "gru": GRU}
"""The cells by the name that options and the command line use."""

__all__ = [
    "CELLS",
    "GRU",
    "LSTM",
    "Cell",
    "Elman",
    "ElmanState",
    "GRUState",
    "LSTMState",
    "State",
    "StepOutput",
]
