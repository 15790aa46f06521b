"""A call in which a module holds other tensors in place of some of its weights: masked ones, noisy ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.func import functional_call

Result = TypeVar("Result")


class _Call(nn.Module):
    """What torch.func.functional_call can call: a function of a module."""

    def __init__(self, module: nn.Module, function: Callable[..., Any]) -> None:
        super().__init__()
        self.module = module
        self.__dict__["function"] = function  # no second way to the same part: it would not be put back

    def forward(self, *arguments: Any, **keywords: Any) -> Any:
        function: Callable[..., Any] = self.__dict__["function"]
        return function(*arguments, **keywords)


def substituted(
    module: nn.Module,
    weights: Mapping[str, Tensor],
    function: Callable[..., Result],
    *arguments: Any,
    **keywords: Any,
) -> Result:
    """function(*arguments), during which `module` holds `weights`, name -> tensor, in place of its own.

    The module and its parts stay the same objects, so kernels, hooks and explain() see what they always see, and
    gradients flow through the tensors to whatever they were made from. What is computed later, in the backward pass,
    finds the module's own weights again. A tied weight is replaced wherever it stands.
    """
    named = {f"module.{name}": tensor for name, tensor in weights.items()}
    return functional_call(_Call(module, function), named, arguments, keywords)  # type: ignore[no-any-return]
