"""Runs cells over time: the loop, the kernels that equal it, and the layers made of both."""

from __future__ import annotations

from unspool.engine.dispatch import Choice, choose, explain, kernels, run
from unspool.engine.layers import Bidirectional, BidirectionalState, Layer, Recurrent, Stack, build_stack
from unspool.engine.unroll import Unrolled, rollout, unroll

__all__ = [
    "Bidirectional",
    "BidirectionalState",
    "Choice",
    "Layer",
    "Recurrent",
    "Stack",
    "Unrolled",
    "build_stack",
    "choose",
    "explain",
    "kernels",
    "rollout",
    "run",
    "unroll",
]
