"""The convolutional front of networks that read videos."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from unspool.errors import ShapeError
from unspool.nets import frames
from unspool.nets.frames import FrameEncoder


def encoder(height: int, width: int) -> FrameEncoder:
    torch.manual_seed(0)
    return FrameEncoder(height, width, 5)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (4, 7), (9, 8), (17, 16)])
def test_any_size_of_picture(height: int, width: int) -> None:
    x = torch.randn(3, 2, height, width)
    assert encoder(height, width)(x).shape == (3, 2, 5)


def test_it_is_two_convolutions_and_a_linear_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    front = encoder(8, 12)
    plain = nn.Sequential(front.first, nn.ReLU(), front.second, nn.ReLU(), nn.Flatten(), front.output, nn.ReLU())
    x = torch.randn(4, 3, 8, 12)
    monkeypatch.setattr(frames, "TOGETHER", 5)  # pictures are taken in parts that end within a step
    for step in range(4):
        torch.testing.assert_close(front(x)[step], plain(x[step].unsqueeze(1)))


def test_neighbours_in_time_and_batch_change_nothing() -> None:
    front, x = encoder(6, 6), torch.randn(3, 2, 6, 6)
    alone = front(x[1:2, 1:])
    x[0], x[2], x[:, 0] = 1e3, -1e3, 1e3
    torch.testing.assert_close(front(x)[1:2, 1:], alone)


@pytest.mark.parametrize("shape", [(2, 1, 6, 5), (2, 1, 36), (2, 1, 1, 6, 6)])
def test_pictures_of_another_size_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"\[T, B, 6, 6\]"):
        encoder(6, 6)(torch.zeros(shape))
