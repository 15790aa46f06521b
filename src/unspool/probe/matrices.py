r"""How much a recurrent matrix can stretch a state in one step, and in the long run.

The largest singular value :math:`\sigma_1 = \max_v |Wv| / |v|` bounds one step; the spectral radius
:math:`\rho = \max_i |\lambda_i| \le \sigma_1` is the growth of many, :math:`|W^k|^{1/k} \to \rho`. Pascanu, Mikolov and
Bengio (2013), section 2.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unspool.cells.base import Cell
from unspool.probe.places import places

# 1/gamma of Pascanu et al.: below it the gradient of the plain network must vanish; gated cells have other paths
LIMITS = {"tanh": 1.0, "relu": 1.0, "sigmoid": 4.0}


@dataclass(frozen=True)
class Stretch:
    """One gate's recurrent matrix; `limit` is what the singular value of a plain network is held against, else None."""

    layer: int
    direction: str
    gate: str
    singular_value: float
    spectral_radius: float
    limit: float | None


def stretches(model: nn.Module) -> list[Stretch]:
    """Return the largest singular value and the spectral radius of every recurrent matrix, gate by gate."""
    found = []
    for place in places(model):
        cell = place.recurrent.cell
        limit = LIMITS.get(str(getattr(cell, "nonlinearity", "")))
        for gate, matrix in gate_matrices(cell).items():
            found.append(Stretch(place.layer, place.direction, gate, *stretch(matrix), limit))
    return found


def stretch(matrix: Tensor) -> tuple[float, float]:
    """Return largest singular value and spectral radius of a square matrix, computed in float64 on the CPU."""
    exact = matrix.detach().double().cpu()
    return float(torch.linalg.matrix_norm(exact, ord=2)), float(torch.linalg.eigvals(exact).abs().max())


def gate_matrices(cell: Cell) -> dict[str, Tensor]:
    """Return the blocks [H, H] of weight_hh [G*H, H] by the letters of their gates; nothing for a cell without."""
    weight, gates = getattr(cell, "weight_hh", None), getattr(cell, "gates", ())
    if weight is None:
        return {}
    return dict(zip(gates, weight.chunk(len(gates)), strict=True))
