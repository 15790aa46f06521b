"""Pen samples side by side, and their texts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.data.sequence import Buckets, pad
from unspool.nets.window import Memory, remembered
from unspool.tasks.batches import Gathered
from unspool.tasks.pen.reading import PenData


class PenBatch(NamedTuple):
    """Points [T, B, 3], zeros behind a sample's end, lengths [B], and the texts; None where the network reads none."""

    points: Tensor
    lengths: Tensor
    memory: Memory | None

    @property
    def size(self) -> int:
        """B."""
        return len(self.lengths)

    def rows(self, own: slice) -> PenBatch:
        """Some of the samples, padded as before."""
        memory = None if self.memory is None else Memory(*(part[own] for part in self.memory))
        return PenBatch(self.points[:, own].contiguous(), self.lengths[own], memory)


def gathered(
    data: PenData, index: NDArray[np.int64], symbols: int, device: torch.device, longest: int | None = None
) -> PenBatch:
    """The named samples as one padded batch, cut off after `longest` points; 0 symbols for a network without texts."""
    points, lengths = pad([data.sample(int(place))[:longest] for place in index])  # [B, T, 3]
    memory = None
    if symbols:
        ids, widths = pad([data.text(int(place)) for place in index])  # [B, U]
        memory = remembered(ids.to(device), symbols, widths)
    return PenBatch(points.transpose(0, 1).contiguous().to(device), lengths, memory)


def training_batches(
    data: PenData, symbols: int, device: torch.device, *, batch_size: int, longest: int, seed: int
) -> Gathered[PenBatch]:
    """Endless batches of samples of like length, whose order depends on seed and epoch alone."""

    def gather(index: NDArray[np.int64], generator: np.random.Generator) -> PenBatch:
        return gathered(data, index, symbols, device, longest)

    return Gathered(Buckets(data.lengths.clip(max=longest), batch_size, seed), gather)
