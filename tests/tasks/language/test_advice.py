from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from unspool.nets.sequence import SequenceNet
from unspool.tasks.language.advice import CONTEXTS, TARGETS, ContextLoss, _fit, _window, advise, by_context, losses


@pytest.fixture
def net() -> SequenceNet:
    torch.manual_seed(0)
    return SequenceNet(5, cell="gru", hidden_size=7, layers=1, embedding_size=3, dropout=0.5).train()


def test_losses_are_those_of_segments_read_from_nothing(net):
    ids = np.random.default_rng(0).integers(0, 5, 60)
    found = losses(net, ids, context=8, longest=16)
    assert net.training and found.shape[0] == 8 + TARGETS - 1
    net.eval()
    for column, end in enumerate(range(16 + TARGETS, 61)):
        text = torch.tensor(ids[end - TARGETS - 8 : end])[:, None]
        expected = -net(text[:-1]).raw.log_softmax(-1).gather(-1, text[1:, :, None])[:, 0, 0].detach()
        assert torch.allclose(found[:, column].float(), expected, atol=1e-5)


def test_contexts_are_compared_on_the_same_targets(net):
    ids = np.random.default_rng(0).integers(0, 5, 2000)
    found = by_context(net, ids)
    assert [loss.context for loss in found] == list(CONTEXTS)
    assert found[-1].lost == 0 and found[-1].error == 0
    for loss in found:
        assert loss.nats == pytest.approx(found[-1].nats + loss.lost)


def test_a_text_without_memory_never_asks_for_a_longer_window(net):
    """On independent symbols an untrained network has nothing to gain, whatever the draw."""
    for seed in range(8):
        ids = np.random.default_rng(seed).integers(0, 5, 2000)
        assert "is long enough" in _window(by_context(net, ids), 16)


def test_a_network_that_remembers_far_asks_for_it():
    """What the first symbol was decides the last: here a hand-made network that keeps everything."""
    net = SequenceNet(2, cell="rnn", hidden_size=1, layers=1, nonlinearity="relu").eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        cell = net.stack[0].cell
        cell.weight_ih[0, 1] = 1.0  # counts the ones
        cell.weight_hh[0, 0] = 1.0
        net.output.weight[1, 0] = 0.05
        net.output.bias[1] = -3.0
    ids = np.ones(4000, np.int64)
    line = _window(by_context(net, ids), 16)
    assert line.startswith("the window is short: with 128 symbols of context")
    assert "try --window 256 instead of 16" in line


def test_short_texts(net):
    assert by_context(net, np.arange(5).repeat(4)) == []
    assert [loss.context for loss in by_context(net, np.arange(5).repeat(10))] == [4, 8, 16]
    ids = np.arange(5).repeat(4)
    assert advise(net, ids, ids, 16, 0.1, {}) == []


def test_advice_says_what_the_numbers_say(net):
    assert _fit(1.0, 1.5, 0.2).startswith("overfitting: ") and "--dropout 0.3" in _fit(1.0, 1.5, 0.2)
    assert _fit(1.5, 1.5, 0.2).startswith("underfitting: ")
    assert _fit(1.4, 1.5, 0.2).startswith("a fair fit: ")
    held = [ContextLoss(4, 2.0, 0.5, 0.1), ContextLoss(8, 1.6, 0.1, 0.09), ContextLoss(16, 1.5, 0.0, 0.0)]
    assert _window(held, 4) == (
        "the window is short: with 4 symbols of context 0.500 nats are lost against 16; try --window 8 instead of 4"
    )
    assert _window(held, 8).startswith("the window of 8 is long enough: with 4 symbols of context 0.500 nats")
    ids = np.random.default_rng(0).integers(0, 5, 2000)
    lines = advise(net, ids[:1000], ids[1000:], 16, 0.1, {"5-gram": 0.5, "1-gram": math.inf})
    assert len(lines) == 3 and lines[1].startswith("counting is better: the 5-gram baseline has 0.500, the network ")
