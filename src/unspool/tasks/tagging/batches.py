"""Sequences with labels side by side, and long ones cut into windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.data.classes import UNSCORED
from unspool.data.sequence import pad
from unspool.data.stepwise import Stepwise


class Batch(NamedTuple):
    """Sequences side by side: values [T, B] or [T, B, I], lengths [B], labels [T, B] with UNSCORED where none is."""

    values: Tensor
    lengths: Tensor
    labels: Tensor

    @property
    def size(self) -> int:
        """B."""
        return len(self.lengths)

    def rows(self, own: slice) -> Batch:
        """Some of the sequences, padded as before."""
        return Batch(self.values[:, own].contiguous(), self.lengths[own], self.labels[:, own].contiguous())


def batch_of(
    encoded: Sequence[NDArray[Any]], labels: Sequence[NDArray[np.int64]] | None, device: torch.device
) -> Batch:
    """The batch of sequences [T_i] or [T_i, I] with labels [T_i], padded behind with steps that are not scored."""
    values, lengths = pad(encoded)  # [B, T, ...]
    if not values.shape[1]:  # nothing but empty sequences: the engine takes at least one step
        values = values.new_zeros(len(values), 1, *values.shape[2:])
    scored = torch.full(values.shape[:2], UNSCORED)
    for row, own in zip(scored, labels or (), strict=False):
        row[: len(own)] = torch.from_numpy(own)
    return Batch(values.transpose(0, 1).contiguous().to(device), lengths.to(device), scored.t().contiguous().to(device))


def cut(data: Stepwise, window: int) -> Stepwise:
    """The same steps in sequences of at most `window`: a longer one becomes parts of about equal length."""
    assert data.labels is not None
    sequences: list[Any] = []
    labels: list[NDArray[np.int64]] = []
    for whole, own in zip(data.sequences, data.labels, strict=True):
        sequence: Any = whole  # an array, a list or a string
        ends = np.linspace(0, len(own), max(1, -(-len(own) // window)) + 1).astype(np.int64).tolist()
        for first, last in pairwise(ends):
            sequences.append(sequence[first:last])
            labels.append(own[first:last])
    return replace(data, sequences=sequences, labels=labels, groups=None)
