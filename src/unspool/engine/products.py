"""The matrix products that torch computes around the kernels: projections, output layers and their gradients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from unspool.engine.library import has_bfloat16


@contextmanager
def products(precision: str) -> Iterator[None]:
    """With "bf16", torch's products of float32 matrices on the CPU round their factors to bfloat16 and sum in float32.

    As the kernels do; results stay float32. Nothing changes where the processor has no such products, with a torch
    that knows no such setting (before 2.9), or in products of one row or very few numbers.
    """
    matmul = _setting()
    if precision == "float32" or matmul is None or not has_bfloat16():
        yield
        return
    before = matmul.fp32_precision
    matmul.fp32_precision = "bf16"
    try:
        yield
    finally:
        matmul.fp32_precision = before


def _setting() -> Any:
    """What holds the precision of torch's products; None with a torch that has no such."""
    return getattr(torch.backends.mkldnn, "matmul", None)


def without_effect(precision: str, device: torch.device) -> str:
    """Why a precision changes nothing, or little, on this machine; empty where it does, or is none to speak of."""
    if precision == "float32":
        return ""
    if device.type != "cpu":
        return f"--precision {precision} is for the CPU: on {device.type} all is computed in float32"
    if not has_bfloat16():
        return f"this processor has no bfloat16 products: --precision {precision} computes in float32"
    if _setting() is None:
        return f"with torch before 2.9 --precision {precision} rounds in the native kernels alone"
    return ""
