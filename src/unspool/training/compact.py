"""Weights in fewer bytes for files that travel: bfloat16, or int8 with a scale for each row; read as float32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import Tensor

from unspool.errors import CheckpointError, SpecError
from unspool.spec import unknown_name

Weights = Literal["f32", "bf16", "int8"]
WEIGHTS = get_args(Weights)
SCALE = "scale/"  # before the name of the matrix whose rows it scales
LARGEST = 127  # -128 is not used, so that w and -w are rounded alike


def compacted(tensors: Mapping[str, Tensor], weights: Weights) -> dict[str, Tensor]:
    r"""Return tensors in which every matrix [..., R, C] of floating point is stored as `weights` says.

    .. math:: w \approx s_r q, \quad s_r = \frac{1}{127} \max_c |w_{rc}|, \quad q = \mathrm{round}(w / s_r)

    for "int8", with a tensor [..., R] under `scale/<name>`; "bf16" rounds to 8 bits of significand. Vectors (biases,
    peepholes) and whole numbers stay as they are: they are few.

    Raises:
        SpecError: there is no such way.
    """
    if weights not in WEIGHTS:
        raise SpecError(unknown_name("way to store weights", str(weights), WEIGHTS))
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if weights == "f32" or tensor.dim() < 2 or not tensor.is_floating_point():
            found[name] = tensor
        elif weights == "bf16":
            found[name] = tensor.to(torch.bfloat16)
        else:
            scale = tensor.abs().amax(-1) / LARGEST  # [..., R]
            steps = tensor / torch.where(scale > 0, scale, 1.0).unsqueeze(-1)
            found[name] = steps.round().clamp(-LARGEST, LARGEST).to(torch.int8)
            found[SCALE + name] = scale
    return found


def expanded(tensors: Mapping[str, Tensor], origin: str) -> dict[str, Tensor]:
    """Return the tensors of a file with the weights that it stands for, matrices in float32.

    Raises:
        CheckpointError: a scale has no matrix of int8, or does not fit it.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.startswith(SCALE):
            matrix = tensors.get(name.removeprefix(SCALE))
            if matrix is None or matrix.dtype != torch.int8 or matrix.shape[:-1] != tensor.shape:
                raise CheckpointError(f"{origin} is damaged: {name} scales no matrix of int8 rows; use a backup")
        elif tensor.dtype == torch.bfloat16:
            found[name] = tensor.float()
        elif tensor.dtype == torch.int8 and SCALE + name in tensors:
            found[name] = tensor.float() * tensors[SCALE + name].float().unsqueeze(-1)
        else:
            found[name] = tensor
    return found
