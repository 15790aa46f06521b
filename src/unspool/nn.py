"""Drop-ins for torch.nn.RNN, LSTM and GRU.

They are torch's classes with nothing taken away: same arguments, initialisation, parameters, state_dict, inputs
(batched, unbatched, packed, batch_first, proj_size, dropout) and results. In float32 on the CPU unspool's own kernels
run in place of torch's code; everything else goes torch's own way. `unspool.explain(layer, x)` says which, and why.
"""

from __future__ import annotations

from typing import Any, TypeVar

from torch import nn

from unspool.engine import modules

Module = TypeVar("Module", bound=nn.Module)


class RNN(nn.RNN):
    """torch.nn.RNN: h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), or with relu."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """See torch.nn.RNN."""
        return modules.forward(self, input, hx, super().forward)

    def __prepare_scriptable__(self) -> nn.Module:
        return modules.torch_twin(self, nn.RNN)


class LSTM(nn.LSTM):
    """torch.nn.LSTM: gates i f g o, c_t = f_t * c_{t-1} + i_t * g_t, h_t = o_t * tanh(c_t)."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """See torch.nn.LSTM."""
        return modules.forward(self, input, hx, super().forward)

    def __prepare_scriptable__(self) -> nn.Module:
        return modules.torch_twin(self, nn.LSTM)


class GRU(nn.GRU):
    """torch.nn.GRU: gates r z n, h_t = (1 - z_t) * n_t + z_t * h_{t-1}, reset after the recurrent product."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """See torch.nn.GRU."""
        return modules.forward(self, input, hx, super().forward)

    def __prepare_scriptable__(self) -> nn.Module:
        return modules.torch_twin(self, nn.GRU)


_OURS: dict[type[nn.Module], type[nn.Module]] = {nn.RNN: RNN, nn.LSTM: LSTM, nn.GRU: GRU}
_THEIRS = {ours: theirs for theirs, ours in _OURS.items()}


def accelerate(model: Module) -> Module:
    """Turn every torch.nn.RNN, LSTM and GRU inside `model` into ours, in place, and return the model.

    Only these exact types: a subclass may mean something else by its forward. The layers stay the same
    objects with the same parameters, so optimisers, tied weights, hooks and references go on working.
    restore() undoes it; torch's quantize_dynamic wants its own classes, so restore() before it.
    """
    return _exchange(model, _OURS)


def restore(model: Module) -> Module:
    """Turn every RNN, LSTM and GRU of ours inside `model` into torch's own, in place, and return the model.

    Those that accelerate() turned and those that were built as unspool.nn's alike.
    """
    return _exchange(model, _THEIRS)


def _exchange(model: Module, table: dict[type[nn.Module], type[nn.Module]]) -> Module:
    for module in model.modules():
        # the classes add no attributes, so the class itself is all that changes
        module.__class__ = table.get(type(module), type(module))
    return model
