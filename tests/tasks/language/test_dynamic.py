from __future__ import annotations

import numpy as np
import pytest
import torch

import unspool
from unspool.data.stream import single_pass
from unspool.errors import SpecError
from unspool.nets.sequence import SequenceNet
from unspool.tasks.language.dynamic import LANES, WINDOW, dynamic_losses, slow_pass


@pytest.fixture
def net() -> SequenceNet:
    torch.manual_seed(3)
    return SequenceNet(4, cell="lstm", hidden_size=12, layers=1, embedding_size=4, dropout=0.5)


def total(losses):
    return sum(float(nats) for nats, _ in losses)


def test_equals_the_steps_written_by_hand(net):
    ids = np.random.default_rng(0).integers(0, 4, 600)
    by_hand = SequenceNet(4, cell="lstm", hidden_size=12, layers=1, embedding_size=4)
    by_hand.load_state_dict(net.state_dict())
    expected, state = [], None
    for window in single_pass(ids, LANES, WINDOW):
        scores, state, _ = by_hand(window.inputs, state)
        logs = scores.log_softmax(-1).gather(-1, window.targets[..., None])
        gradients = torch.autograd.grad(-logs.mean(), list(by_hand.parameters()))
        norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
        with torch.no_grad():
            for parameter, gradient in zip(by_hand.parameters(), gradients, strict=True):
                parameter -= 0.3 * gradient * min(1.0, 0.1 / float(norm))
        state = tuple(type(part)(*(None if leaf is None else leaf.detach() for leaf in part)) for part in state)
        expected.append(-float(logs.detach().sum()))
    found = [float(nats) for nats, _ in dynamic_losses(net, slow_pass(ids), rate=0.3, clip=0.1)]
    assert found == pytest.approx(expected, rel=1e-5)


def test_learns_what_repeats_and_leaves_the_model_alone(net):
    ids = np.tile([0, 1, 2, 3, 3, 1], 1500)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    found = list(dynamic_losses(net, slow_pass(ids), rate=2.0))
    assert sum(count for _, count in found) == (len(ids) - 1) // LANES * LANES
    assert float(found[-1][0]) / found[-1][1] < 0.8 * float(found[0][0]) / found[0][1]
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_a_tiny_rate_is_static_evaluation(net):
    ids = np.random.default_rng(1).integers(0, 4, 500)
    net.eval()
    with torch.no_grad():
        state, static = None, 0.0
        for window in single_pass(ids, LANES, WINDOW):
            nats, state = net.nats(window.inputs, window.targets, state)
            static += float(nats.sum())
    assert total(dynamic_losses(net, slow_pass(ids), rate=1e-12)) == pytest.approx(static, rel=1e-6)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), 1e9])
def test_refuses_a_rate_that_is_none(net, rate):
    with pytest.raises(SpecError, match="--dynamic-rate must be above 0"):
        next(dynamic_losses(net, slow_pass(np.arange(4).repeat(3)), rate=rate))


def test_the_metrics_say_what_was_gained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "abcab cbaab ccab. " * 400
    run = unspool.train("language", unspool.Text(text), steps=5, hidden_size=8, layers=1, batch_size=4, window=16)
    model = run.model
    before = {name: tensor.clone() for name, tensor in model.model.state_dict().items()}
    found = model.evaluate(unspool.Text(text[:3000]), dynamic_rate=0.5)
    assert found["validation_loss"] < found["static_loss"]
    bits = (found["static_loss"] - found["validation_loss"]) / np.log(2)
    assert found["gained_bits"] == pytest.approx(bits)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.model.state_dict().items())
