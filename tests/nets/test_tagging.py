"""The network of the taggers: what a score knows of other steps, and what padding may not change."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from unspool.nets.frames import FrameEncoder
from unspool.nets.tagging import TaggingNet

LENGTHS = torch.tensor([6, 3, 1])


def net(front: str, **options: Any) -> tuple[TaggingNet, Tensor]:
    """A network and its input [6, 3, ...]."""
    torch.manual_seed(0)
    fronts: dict[str, tuple[nn.Module | None, int, Tensor]] = {
        "channels": (None, 4, torch.randn(6, 3, 4)),
        "symbols": (nn.Embedding(7, 4), 4, torch.randint(0, 7, (6, 3))),
        "pictures": (FrameEncoder(5, 6, 4), 4, torch.randn(6, 3, 5, 6)),
    }
    module, size, x = fronts[front]
    chosen = {"cell": "lstm", "hidden_size": 8, "layers": 2, **options}
    return TaggingNet(module, size, 3, **chosen).double().eval(), x.double() if x.is_floating_point() else x


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("front", ["channels", "symbols", "pictures"])
def test_padding_changes_neither_scores_nor_gradients(front: str, bidirectional: bool) -> None:
    model, x = net(front, bidirectional=bidirectional)
    beyond = torch.arange(6)[:, None] >= LENGTHS  # [T, B]
    gradients = []
    for filling in (0, 3):
        x[beyond] = filling
        raw = model(x, LENGTHS).raw
        model.zero_grad()
        raw.masked_fill(beyond[..., None], 0).square().sum().backward()
        gradients.append((raw[~beyond], [p.grad.clone() for p in model.parameters()]))
    torch.testing.assert_close(*gradients)
    for column, length in enumerate(LENGTHS.tolist()):
        alone = model(x[:length, column : column + 1]).raw[:, 0]
        torch.testing.assert_close(model(x, LENGTHS).raw[:length, column], alone)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_causal_score_knows_nothing_of_what_comes_later(bidirectional: bool) -> None:
    model, x = net("channels", bidirectional=bidirectional)
    before = model(x).raw
    x[4:] += 1
    same = (model(x).raw - before).abs().amax((1, 2)) < 1e-12  # [T]
    assert same.tolist() == ([False] * 6 if bidirectional else [True] * 4 + [False] * 2)


@pytest.mark.parametrize("front", ["channels", "symbols", "pictures"])
def test_the_state_goes_on(front: str) -> None:
    model, x = net(front)
    whole, state, steps = model(x).raw, None, []
    for step in x.split(2):
        tagged = model(step, state=state)
        state = tagged.state
        steps.append(tagged.raw)
    torch.testing.assert_close(torch.cat(steps), whole)
    state = model.stack.init_state(3)
    for step, expected in zip(x, whole, strict=True):
        raw, state = model.step(step, state)
        torch.testing.assert_close(raw, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("front", ["channels", "symbols", "pictures"])
def test_dropout_draws_from_its_generator_alone(front: str) -> None:
    model, x = net(front, dropout=0.5)
    still = model(x).raw
    model.train()
    seeded = [model(x, generator=torch.Generator().manual_seed(seed)).raw for seed in (1, 1, 2)]
    assert torch.equal(seeded[0], seeded[1]) and not torch.equal(seeded[0], seeded[2])
    assert not torch.equal(seeded[0], still)
