"""A network for more symbols than it was trained with: old symbols keep what was learned, new ones start plainly."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence

import torch
from torch import Tensor

from unspool.nets.sequence import SequenceNet
from unspool.nets.softmax import AdaptiveSoftmax, Clusters


def places_of(old: Sequence[Hashable], new: Sequence[Hashable]) -> Tensor:
    """Return where each new symbol stood among the old ones, int64 [V_new]; -1 for one that was not there."""
    known = {symbol: place for place, symbol in enumerate(old)}
    return torch.tensor([known.get(symbol, -1) for symbol in new])


def grown_clusters(clusters: Clusters, places: Tensor) -> Clusters:
    """Return the clusters of the old symbols as they were, at their new numbers, and one more for the new symbols.

    So the old ones' shares of each other stay exactly what they were.
    """
    now = {old: new for new, old in enumerate(places.tolist()) if old >= 0}  # old number -> new number
    added = [new for new, old in enumerate(places.tolist()) if old < 0]
    order = (*(now[old] for old in clusters.order or range(len(now))), *added)
    cutoffs = (*clusters.cutoffs, len(now)) if added else clusters.cutoffs
    return Clusters(cutoffs, () if order == tuple(range(len(order))) else order)


def grown(model: SequenceNet, tensors: Mapping[str, Tensor], places: Tensor) -> dict[str, Tensor]:
    """Return the weights of a network for V_old symbols, in the shapes of `model`, which is for V_new.

    A new symbol's vectors in the embedding (or the columns of a one-hot input) and in the output layer are the mean of
    the old ones', and its bias is the lowest: it is met like an average symbol, and expected like the rarest. An
    adaptive softmax has new symbols in a cluster of their own, each expected like the mean of the rarest cluster.
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
        elif name.startswith("output.clusters.") and tensor.shape != target.shape:
            assert isinstance(model.output, AdaptiveSoftmax)
            rarest, added = model.output.sizes[-2:]
            more = math.log(added / rarest) if name.endswith("bias") else 0.0
            tensor = torch.cat([tensor, tensor[-1:] + more])
        elif one_hot and name.endswith("weight_ih") and tensor.shape != target.shape:
            symbols = tensor.shape[1] - (target.shape[1] - len(places))  # the rest comes from the layer below
            own = _rows(tensor[:, :symbols].t(), places, tensor[:, :symbols].mean(1))
            tensor = torch.cat([own.t(), tensor[:, symbols:]], dim=1)
        found[name] = tensor
    return found


def _rows(old: Tensor, places: Tensor, otherwise: Tensor) -> Tensor:
    """Rows of `old` [V_old, ...] by their places, `otherwise` where there is none."""
    places = places.to(old.device)
    known = (places >= 0).view(-1, *[1] * (old.dim() - 1))
    return torch.where(known, old[places.clamp(min=0)], otherwise)
