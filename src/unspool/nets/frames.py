"""Small pictures in, a vector for each out: the front of networks that read videos."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from unspool.errors import ShapeError

CHANNELS = (16, 32)
KERNELS = (5, 3)
STRIDE = 2
TOGETHER = 4096  # pictures at a time: more would not be faster, only need more memory


class FrameEncoder(nn.Module):
    r"""Two convolutions of stride 2 and a linear layer, for every picture alone (after LeCun et al. 1998, section II).

    .. math:: z = \mathrm{relu}(W_2 * \mathrm{relu}(W_1 * x_t)), \quad e_t = \mathrm{relu}(W z + b)

    There is no normalisation over a batch or over time: padding and neighbours change nothing, and a frame of a
    stream gets the vector that it gets in a whole video.

    Args:
        height, width: H and W of the pictures.
        output_size: E.

    Shapes: x [T, B, H, W], result [T, B, E].

    Raises:
        ShapeError: the pictures are of another size.
    """

    def __init__(self, height: int, width: int, output_size: int) -> None:
        super().__init__()
        self.size, self.output_size = (height, width), output_size
        (few, many), (wide, narrow) = CHANNELS, KERNELS
        self.first = nn.Conv2d(1, few, wide, STRIDE, wide // 2)
        self.second = nn.Conv2d(few, many, narrow, STRIDE, narrow // 2)
        self.output = nn.Linear(many * _quarter(height) * _quarter(width), output_size)

    def forward(self, x: Tensor) -> Tensor:
        """Return one vector a picture."""
        if x.dim() != 4 or x.shape[2:] != self.size:
            raise ShapeError(
                f"pictures must be [T, B, {self.size[0]}, {self.size[1]}], got {list(x.shape)}; "
                "give pictures of the size that the network was made for"
            )
        pictures = x.flatten(0, 1).unsqueeze(1)  # [T * B, 1, H, W]
        parts = [pictures[first : first + TOGETHER] for first in range(0, len(pictures), TOGETHER)]
        vectors = torch.cat([self._encode(part) for part in parts])  # [T * B, E]
        return vectors.view(*x.shape[:2], self.output_size)

    def _encode(self, pictures: Tensor) -> Tensor:
        z = functional.relu(self.second(functional.relu(self.first(pictures))))
        return functional.relu(self.output(z.flatten(1)))


def _quarter(side: int) -> int:
    """What two strides leave of a side; the convolutions are padded, so that each rounds up."""
    half = (side + STRIDE - 1) // STRIDE
    return (half + STRIDE - 1) // STRIDE
