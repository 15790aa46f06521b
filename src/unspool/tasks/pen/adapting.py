"""A network that takes up a hand: before it writes, a copy of it goes on learning from the strokes of a style."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Final

import torch
from torch import nn

from unspool.draws import noise_generator
from unspool.nets.scribe import Scribe, shifted
from unspool.tasks.pen.batches import training_batches
from unspool.tasks.pen.reading import PenData

RATE: Final = 3e-4  # at a third of it twice the updates take up less of a hand, and lose more of other letters
SHARE: Final = 0.8  # of the way that the updates went: what is beyond loses more of other letters than it takes up
BETAS: Final = (0.9, 0.99)  # of Adam, whose averages are to settle within tens of updates
CLIP: Final = 1.0
BATCH: Final = 8


def adapted(
    model: Scribe,
    data: PenData,
    symbols: int,
    updates: int,
    *,
    rate: float = RATE,
    share: float = SHARE,
    tell: Callable[[int], object] = lambda done: None,
) -> Scribe:
    r"""Return a copy of a network after so many updates on a few samples; the network itself is not touched.

    .. math:: \theta \leftarrow \theta - \eta_u \, \mathrm{Adam}\left(g \min(1, 1 / \lVert g \rVert)\right), \quad
        g = \nabla_\theta L / n, \quad \eta_u = \eta (1 - u / U), \qquad
        \theta' = (1 - \alpha) \theta_0 + \alpha \theta_U

    with L the nats of a batch of at most 8 samples, each of them whole, n its points, U the updates, and betas of 0.9
    and 0.99. Graves (2013), section 5.5, carries a hand over in the state alone; that what was read shifts the weights
    is Krause et al. 2018, Dynamic evaluation of neural sequence models, with Adam and a rate that falls to zero, so
    that the last samples do not count most. That a network between the old weights and the new ones keeps more of what
    it could before is Wortsman et al. 2022, Robust fine-tuning of zero-shot models.

    Args:
        symbols: V of the network's alphabet, 0 for one that reads no text.
        rate: eta.
        share: alpha.
        tell: is given the number of updates that are done, after each of them.
    """
    learner = copy.deepcopy(model).train()
    optimizer = torch.optim.Adam(learner.parameters(), lr=rate, betas=BETAS)
    device = model.output.weight.device
    longest = int(data.lengths.max())
    batches = training_batches(data, symbols, device, batch_size=min(BATCH, len(data)), longest=longest, seed=0)
    for update in range(updates):
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - update / updates)
        points, lengths, memory = next(batches)
        noise = noise_generator(0, update, device)  # of dropout and of the weights
        with torch.enable_grad():
            nats, _ = learner.nats(shifted(points), points, lengths=lengths, memory=memory, generator=noise)
            optimizer.zero_grad(set_to_none=True)
            (nats.sum() / lengths.sum()).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(learner.parameters(), CLIP)
        optimizer.step()
        tell(update + 1)
    with torch.no_grad():
        for new, old in zip(learner.parameters(), model.parameters(), strict=True):
            new.lerp_(old, 1 - share)
    return learner.eval()
