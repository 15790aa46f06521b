"""Dynamic evaluation: a language model that goes on learning from what it has just read."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unspool.cells import state as trees
from unspool.data.stream import Window, single_pass
from unspool.errors import SpecError
from unspool.nets.sequence import SequenceNet

Ids = NDArray[np.integer[Any]]

RATE = 0.05
CLIP = 1.0
LANES, WINDOW = 4, 64


def slow_pass(ids: Ids) -> Iterator[Window]:
    """Return the windows of one pass in few lanes, so that what was read is learned from soon."""
    return single_pass(ids, LANES, WINDOW)


def dynamic_losses(
    model: SequenceNet, windows: Iterable[Window], *, rate: float = RATE, clip: float = CLIP
) -> Iterator[tuple[Tensor, int]]:
    r"""Yield the summed nats of each window and its number of symbols; learn from a window once it is counted.

    .. math:: \theta \leftarrow \theta - \eta \, g \, \min(1, clip / |g|), \quad g = \nabla_\theta L_{window} / n

    The model itself is never touched: a copy learns. Every symbol is predicted before anything is learned from it.

    Source: Mikolov et al. 2010, Recurrent neural network based language model; Graves 2013, Generating sequences with
    recurrent neural networks, section 3.1; the plain gradient steps of Krause et al. 2018, Dynamic evaluation of neural
    sequence models, section 4.

    Raises:
        SpecError: the rate is not above 0.
    """
    if not 0 < rate < 100:
        raise SpecError(f"--dynamic-rate must be above 0 and below 100, got {rate:g}")
    learner = copy.deepcopy(model).eval()  # without dropout
    device = learner.output.weight.device
    optimizer = torch.optim.SGD(learner.parameters(), lr=rate)
    state = None
    for window in windows:
        inputs, targets = window.inputs.to(device), window.targets.to(device)
        with torch.enable_grad():
            nats, after = learner.nats(inputs, targets, state)
            total = nats.sum()
            optimizer.zero_grad(set_to_none=True)
            (total / targets.numel()).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(learner.parameters(), clip)
        optimizer.step()
        state = trees.detach(after)
        yield total.detach(), targets.numel()
