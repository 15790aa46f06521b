"""One picture of what a probe found: gradients over time, gates, matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unspool.figure import new_figure, save
from unspool.probe.gates import Activity
from unspool.probe.gradient import Flow
from unspool.probe.matrices import Stretch


def draw(flows: Sequence[Flow], gates: Sequence[Activity], matrices: Sequence[Stretch], path: Path) -> Path:
    """Draw the gradient norms over k on a logarithmic axis, the shares of saturation, and the singular values.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    rows = max(len(gates), len(matrices), 4)
    figure = new_figure(15, max(4.5, 1.2 + 0.28 * rows))
    left, middle, right = figure.subplots(1, 3, width_ratios=[1.5, 1, 0.8])
    _draw_flows(left, flows)
    _draw_gates(middle, gates)
    _draw_matrices(right, matrices)
    return save(figure, path)


def label(found: Flow | Activity | Stretch, name: str) -> str:
    """Return what a row is called: the layer, its direction if there are two, and the letter."""
    return " ".join(filter(None, [f"layer {found.layer}", found.direction, name]))


def _draw_flows(axes: Any, flows: Sequence[Flow]) -> None:
    layers = max((flow.layer for flow in flows), default=1)
    for flow in flows:
        # a norm of zero, where float32 ends, has no place on a logarithmic axis
        points = [(k, norm) for k, norm in enumerate(flow.norms) if norm > 0 and math.isfinite(norm)]
        if points:
            colour = f"C{flow.layer - 1}" if layers <= 10 else None
            style = "-" if flow.state == "h" else "--"
            width = 1.0 if flow.direction == "backward" else 1.8
            axes.plot(*zip(*points, strict=True), style, color=colour, linewidth=width, label=label(flow, flow.state))
    axes.set_yscale("log")
    axes.set(xlabel="steps back, k", ylabel="mean norm of d loss / d state", title="gradient of the last step's loss")
    axes.grid(alpha=0.3)
    if axes.lines:
        _legend(axes)


def _draw_gates(axes: Any, gates: Sequence[Activity]) -> None:
    names = [label(gate, gate.name) for gate in gates]
    below, above = [gate.below for gate in gates], [gate.above for gate in gates]
    between = [1 - low - high for low, high in zip(below, above, strict=True)]
    starts = [0.0] * len(gates)
    for shares, colour, title in ((below, "C0", "low"), (between, "0.88", "between"), (above, "C3", "high")):
        axes.barh(names, shares, left=starts, color=colour, label=title)
        starts = [start + share for start, share in zip(starts, shares, strict=True)]
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="share of units and steps", title="saturation")
    _legend(axes)


def _draw_matrices(axes: Any, matrices: Sequence[Stretch]) -> None:
    names = [label(matrix, matrix.gate) for matrix in matrices]
    axes.barh(names, [matrix.singular_value for matrix in matrices], color="0.8", label="largest singular value")
    axes.plot([matrix.spectral_radius for matrix in matrices], names, "k|", markersize=9, label="spectral radius")
    axes.axvline(1.0, color="0.4", linestyle=":", linewidth=1)
    axes.invert_yaxis()
    axes.set(xlabel="of the recurrent matrix", title="stretch")
    _legend(axes)


def _legend(axes: Any) -> None:
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=4)
