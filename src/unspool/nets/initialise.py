"""How the tasks' networks start; layers of `unspool.nn` keep torch's own initialisation."""

from __future__ import annotations

from torch import nn

from unspool.cells.lstm import LSTM

FORGET_BIAS = 1.0  # Gers, Schmidhuber and Cummins 2000; Jozefowicz et al. 2015, section 5


def initialise(model: nn.Module, init_range: float = 0.0) -> None:
    """Set forget-gate biases to 1; embeddings keep torch's unit variance, which learns faster than a small one.

    With `init_range` R above 0 every parameter, forget-gate biases too, is drawn from U(-R, R), as Zaremba et al. 2014
    and Karpathy's char-rnn have it.
    """
    if init_range:
        for name, parameter in model.named_parameters():
            if not name.rpartition(".")[2].startswith("gain"):  # of layer normalisation, which stays at 1
                nn.init.uniform_(parameter, -init_range, init_range)
        return
    for module in model.modules():
        if isinstance(module, LSTM):
            hidden = module.hidden_size
            nn.init.constant_(module.bias_ih[hidden : 2 * hidden], FORGET_BIAS)
            nn.init.zeros_(module.bias_hh[hidden : 2 * hidden])
