"""Long series of numbers in, fewer steps out: the fronts of networks that read whole recordings."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 64
KERNEL, STRIDE, LAYERS = 9, 2, 2
SHORTER = STRIDE**LAYERS  # steps that become one


class SeriesEncoder(nn.Module):
    r"""Convolutions over time, each of which halves it.

    .. math:: z^l_t = \mathrm{relu}(\mathrm{LN}(\sum_k W^l_k z^{l-1}_{2t+k} + b^l)), \qquad |k| \le 4, \quad l = 1, 2

    Local shapes are seen at once, and the recurrent layers behind remember over a quarter of the steps; Karim et al.
    2018, LSTM fully convolutional networks for time series classification, have the two side by side. The
    normalisation is over the channels of one step (Ba, Kiros and Hinton 2016), and what lies beyond a length counts as
    0, so that padding and neighbours change nothing.

    Shapes: x [T, B, C], lengths [B]; result [ceil(T / 4), B, 64] and its lengths [B].
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = [channels] + [WIDTH] * LAYERS
        self.convolutions = nn.ModuleList(nn.Conv1d(width, WIDTH, KERNEL, STRIDE, KERNEL // 2) for width in widths[:-1])
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(LAYERS))
        self.output_size = WIDTH

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return one vector for every four steps, and how many of them each sequence has."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            inside = torch.where(valid_steps(x, lengths), x, 0.0)
            z = convolution(inside.permute(1, 2, 0))  # [B, C, T]
            x = functional.relu(norm(z.permute(2, 0, 1)))
            lengths = (lengths + STRIDE - 1) // STRIDE
        return x, lengths


def framed(x: Tensor, lengths: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Lay `size` steps of x [T, B, I] side by side, [ceil(T / size), B, size * I]; what a last frame lacks is 0."""
    _, batch, width = x.shape
    x = torch.where(valid_steps(x, lengths), x, 0.0)
    x = functional.pad(x, (0, 0, 0, 0, 0, -len(x) % size))
    frames = x.view(-1, size, batch, width).transpose(1, 2).reshape(-1, batch, size * width)
    return frames, (lengths + size - 1) // size


def valid_steps(x: Tensor, lengths: Tensor) -> Tensor:
    """Say which steps of x [T, B, ...] belong to their sequences, [T, B, 1]."""
    return torch.arange(len(x), device=lengths.device)[:, None, None] < lengths[None, :, None]
