"""A network with more units or layers than the one it learned from, which begins by computing what that one did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from unspool.errors import SpecError
from unspool.nets.noise import NAME as NOISE


class Size(NamedTuple):
    """Units of each layer, and layers."""

    units: int
    layers: int


def widened(model: nn.Module, tensors: Mapping[str, Tensor], old: Size, new: Size) -> dict[str, Tensor]:
    r"""Return the weights of a network of the size `old`, in the shapes of `model`, which is of the size `new`.

    .. math:: \begin{bmatrix} h' \\ g \end{bmatrix} = f\left(
        \begin{bmatrix} W & 0 \\ A & B \end{bmatrix} \begin{bmatrix} h \\ g_{t-1} \end{bmatrix} \right)

    W is what was learned between old units, A and B lead to the new units and are those of `model`, freshly drawn. From
    a new unit g to an old one and to the output there is 0, so the network computes what the smaller one did, and the
    zeros have gradients from the first update on. A new layer stands on top and is fresh but for its way to the output;
    so it needs an output that reads all layers.

    After Chen, Goodfellow and Shlens (2016), Net2Net: Accelerating Learning via Knowledge Transfer, whose new units are
    copies of old ones that share their ways out, and whose new layers begin as the identity, which a gated cell is not.

    Raises:
        SpecError: the larger network has weights that are no larger ones of the smaller.
    """
    above = tuple(f"stack.layers.{index}." for index in range(old.layers, new.layers))
    found: dict[str, Tensor] = {}
    for name, fresh in model.named_parameters():
        if name.startswith((f"{NOISE}.", *above)):  # noise is of the weights as they were; it is learned anew
            found[name] = fresh.detach()
        elif name in tensors:
            found[name] = _grown(fresh.detach(), tensors[name], old, new)
        else:
            raise SpecError(
                f"a network of {new.layers} layers of {new.units} units has {name}, which one of {old.layers} of "
                f"{old.units} does not, so it cannot begin as that; leave out the larger size"
            )
    return found


def _grown(fresh: Tensor, tensor: Tensor, old: Size, new: Size) -> Tensor:
    """The tensor inside a larger one: zeros beside it, where new units would reach old ones, fresh numbers below."""
    if tensor.shape == fresh.shape:
        return tensor
    places = [_places(*sizes, old, new) for sizes in zip(tensor.shape, fresh.shape, strict=True)]
    grown = fresh.clone()
    grown[places[0]] = 0
    grown[torch.meshgrid(*places, indexing="ij")] = tensor.to(fresh)
    return grown


def _places(before: int, after: int, old: Size, new: Size) -> Tensor:
    """Where each of an axis's numbers stands in the larger axis: what is not of units first, then units by blocks.

    A block is a gate or a layer; there are as many as before, or more behind them.
    """
    if before == after:
        return torch.arange(before)
    if (before, after) == (old.units * old.layers, new.units * new.layers):
        blocks = old.layers
    else:
        blocks = (after - before) // (new.units - old.units)
    first = before - blocks * old.units
    units = torch.arange(old.units) + new.units * torch.arange(blocks).unsqueeze(1)
    return torch.cat([torch.arange(first), first + units.flatten()])
