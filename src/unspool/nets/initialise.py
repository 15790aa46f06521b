"""How the tasks' networks start; layers of `unspool.nn` keep torch's own initialisation."""

from __future__ import annotations

from torch import nn

from unspool.cells.lstm import LSTM

FORGET_BIAS = 1.0  # Gers, Schmidhuber and Cummins 2000; Jozefowicz et al. 2015, section 5


def initialise(model: nn.Module) -> None:
    """Set forget-gate biases to 1; embeddings keep torch's unit variance, which learns faster than a small one."""
    for module in model.modules():
        if isinstance(module, LSTM):
            hidden = module.hidden_size
            nn.init.constant_(module.bias_ih[hidden : 2 * hidden], FORGET_BIAS)
            nn.init.zeros_(module.bias_hh[hidden : 2 * hidden])
