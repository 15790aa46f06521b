from __future__ import annotations

import numpy as np
import pytest
import torch

from unspool.nets.sequence import SequenceNet
from unspool.tasks.advice import ContextLoss, _fit, _window, advise, loss_by_context


@pytest.fixture
def net() -> SequenceNet:
    torch.manual_seed(0)
    return SequenceNet(5, cell="gru", hidden_size=7, layers=1, embedding_size=3, dropout=0.5).train()


def test_loss_by_context_is_that_of_segments_read_from_nothing(net):
    ids = np.random.default_rng(0).integers(0, 5, 40)
    found = loss_by_context(net, ids, longest=6)
    assert [(bin.low, bin.high) for bin in found] == [(1, 2), (2, 4), (4, 7)]
    assert net.training
    net.eval()
    nats = []
    for start in range(len(ids) - 6):  # 34 places, fewer than there may be segments
        text = torch.tensor(ids[start : start + 7])[:, None]
        nats.append(-net(text[:-1]).raw.log_softmax(-1).gather(-1, text[1:, :, None])[:, 0, 0].detach())
    by_step = torch.stack(nats).mean(0)
    assert found[0].nats == pytest.approx(float(by_step[0]), rel=1e-5)
    assert found[2].nats == pytest.approx(float(by_step[3:6].mean()), rel=1e-5)


def test_a_short_text_is_looked_at_as_far_as_it_goes(net):
    assert loss_by_context(net, np.array([0, 1, 2]))[-1].high == 3


def test_advice_says_what_the_numbers_say():
    assert _fit(1.0, 1.5, 0.2).startswith("overfitting: ") and "--dropout 0.3" in _fit(1.0, 1.5, 0.2)
    assert _fit(1.5, 1.5, 0.2).startswith("underfitting: ")
    assert _fit(1.4, 1.5, 0.2).startswith("a fair fit: ")
    held = [ContextLoss(1, 2, 2.0), ContextLoss(2, 4, 1.8), ContextLoss(4, 8, 1.5), ContextLoss(8, 16, 1.495)]
    assert _window(held, 4).startswith("the window is short: ") and "--window 8 instead of 4" in _window(held, 4)
    assert _window(held, 8).startswith("the window of 8 is long enough: ")


def test_advise_gives_a_line_each(net):
    ids = np.random.default_rng(0).integers(0, 5, 400)
    lines = advise(net, ids[:300], ids[300:], 16, 0.1)
    assert len(lines) == 2 and all("\n" not in line for line in lines)
