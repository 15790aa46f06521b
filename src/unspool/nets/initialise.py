"""How the tasks' networks start; layers of `unspool.nn` keep torch's own initialisation."""

from __future__ import annotations

from torch import nn

from unspool.cells.lstm import LSTM

FORGET_BIAS = 1.0  # Gers, Schmidhuber and Cummins 2000; Jozefowicz et al. 2015, section 5


def initialise(model: nn.Module) -> None:
    """Set forget-gate biases to 1 and give embeddings the small scale that a tied output layer needs."""
    for module in model.modules():
        if isinstance(module, LSTM):
            hidden = module.hidden_size
            nn.init.constant_(module.bias_ih[hidden : 2 * hidden], FORGET_BIAS)
            nn.init.zeros_(module.bias_hh[hidden : 2 * hidden])
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)
