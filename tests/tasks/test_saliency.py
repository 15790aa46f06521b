from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import unspool
from tests.tasks.made import CLASSIFIER, classifier, rows, waves
from unspool.nets.pooled import PooledNet
from unspool.tasks.saliency import gradient_times_input


@pytest.mark.parametrize("encoder", ["linear", "conv"])
def test_shares_are_first_order(encoder: str) -> None:
    """What a small change of one number does to the score is its share over the number."""
    torch.manual_seed(1)
    net = PooledNet(2, 3, cell="lstm", hidden_size=5, layers=1, pooling="mean", encoder=encoder).double().eval()
    x, lengths = torch.randn(6, 2, 2, dtype=torch.float64), torch.tensor([6, 4])

    def score(raw: torch.Tensor) -> torch.Tensor:
        return raw[:, 1]

    shares = gradient_times_input(net, x, lengths, score)
    assert [share.shape for share in shares] == [(6, 2), (4, 2)]
    for row, step, channel in ((0, 5, 1), (1, 0, 0), (1, 3, 1)):
        moved = x.clone()
        moved[step, row, channel] += 1e-6
        slope = (score(net(moved, lengths)) - score(net(x, lengths)))[row].item() / 1e-6
        assert shares[row][step, channel] == pytest.approx(slope * x[step, row, channel].item(), rel=1e-4)


def test_the_letter_that_decides_is_found(tmp_path: Path) -> None:
    pairs = [(text, label) for label, text in rows(80)]
    options = {**CLASSIFIER, "learning_rate": 0.03, "hidden_size": 16}
    model = unspool.train("classifier", pairs, steps=80, out=str(tmp_path / "run"), **options).model
    texts = [text for _, text in rows(40, seed=3) if len(text) > 4]
    found = model.saliency({"text": texts})
    first = [np.abs(item.values).argmax() == 0 and item.values[0] > 0 for item in found]
    assert np.mean(first) > 0.7  # one in five or more letters, by chance at most 0.1
    assert [item.sequence for item in found] == texts
    assert all(len(item.values) == len(item.sequence) for item in found)
    assert len(model.saliency({"text": texts}, 2)) == 2


def test_the_picture(tmp_path: Path) -> None:
    for task, data in (
        (classifier(), {"text": ["yabc", "", "nab\tc한"]}),
        (classifier(waves(channels=2)), waves(3, channels=2)[0]),
    ):
        path = task.draw_saliency(data, tmp_path / f"{task.text}.png")
        assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
