"""A network for more symbols than it was trained with: old symbols keep what was learned, new ones start plainly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from unspool.nets.sequence import SequenceNet


def places_of(old: Sequence[str], new: Sequence[str]) -> Tensor:
    """Return where each new symbol stood among the old ones, int64 [V_new]; -1 for one that was not there."""
    known = {symbol: place for place, symbol in enumerate(old)}
    return torch.tensor([known.get(symbol, -1) for symbol in new])


def grown(model: SequenceNet, tensors: Mapping[str, Tensor], places: Tensor) -> dict[str, Tensor]:
    """Return the weights of a network for V_old symbols, in the shapes of `model`, which is for V_new.

    A new symbol's vectors in the embedding (or the columns of a one-hot input) and in the output layer are the mean of
    the old ones', and its bias is the lowest: it is met like an average symbol, and expected like the rarest.
    """
    one_hot = model.embedding is None
    found: dict[str, Tensor] = {}
    for name, target in model.named_parameters():
        if name.startswith("noise."):  # of the weights as they were; it is learned anew
            found[name] = target.detach()
            continue
        tensor = tensors[name]
        if name in ("embedding.weight", "output.weight"):
            tensor = _rows(tensor, places, tensor.mean(0))
        elif name == "output.bias":
            tensor = _rows(tensor, places, tensor.min())
        elif one_hot and name.endswith("weight_ih") and tensor.shape != target.shape:
            symbols = tensor.shape[1] - (target.shape[1] - len(places))  # the rest comes from the layer below
            own = _rows(tensor[:, :symbols].t(), places, tensor[:, :symbols].mean(1))
            tensor = torch.cat([own.t(), tensor[:, symbols:]], dim=1)
        found[name] = tensor
    return found


def _rows(old: Tensor, places: Tensor, otherwise: Tensor) -> Tensor:
    """Rows of `old` [V_old, ...] by their places, `otherwise` where there is none."""
    known = (places >= 0).view(-1, *[1] * (old.dim() - 1))
    return torch.where(known, old[places.clamp(min=0)], otherwise)
