"""How the tasks' networks start; layers of `unspool.nn` keep torch's own initialisation."""

from __future__ import annotations

import torch
from torch import nn

from unspool.cells.gru import GRU
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


def remember(model: nn.Module, steps: int) -> None:
    r"""Set the gates' biases so that the units forget after 1 to `steps` steps: chrono initialisation.

    .. math:: b_f = \log u, \quad b_i = -b_f, \qquad u \sim U(1, T - 1)

    Tallec and Ollivier 2018, Can recurrent neural networks warp time?, equation 16; a GRU has one gate for both, whose
    bias is that of forgetting. A plain RNN has no gates and stays as it is.
    """
    for module in model.modules():
        if not isinstance(module, LSTM | GRU):
            continue
        rows = {
            gate: slice(n * module.hidden_size, (n + 1) * module.hidden_size) for n, gate in enumerate(module.gates)
        }
        bias = torch.empty(module.hidden_size).uniform_(1.0, max(2.0, steps - 1.0)).log()
        signs = {"f": 1.0, "i": -1.0} if isinstance(module, LSTM) else {"z": 1.0}
        with torch.no_grad():
            for gate, sign in signs.items():
                module.bias_ih[rows[gate]] = sign * bias
                module.bias_hh[rows[gate]] = 0.0
