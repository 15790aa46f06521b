"""The matrix products that torch computes around the kernels: projections, output layers and their gradients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from unspool.engine.library import has_bfloat16


@contextmanager
def products(precision: str) -> Iterator[None]:
    """With "bf16", torch's products of float32 matrices on the CPU round their factors to bfloat16 and sum in float32.

    As the kernels do; results stay float32. Nothing changes where the processor has no such products, or with a torch
    that knows no such setting (before 2.9).
    """
    matmul = getattr(torch.backends.mkldnn, "matmul", None)
    if precision == "float32" or matmul is None or not has_bfloat16():
        yield
        return
    before = matmul.fp32_precision
    matmul.fp32_precision = "bf16"
    try:
        yield
    finally:
        matmul.fp32_precision = before


def without_effect(precision: str) -> str:
    """Why a precision changes nothing on this machine; empty where it does, or is none to speak of."""
    if precision == "float32" or has_bfloat16():
        return ""
    return f"the native engine has no bfloat16 products on this processor: --precision {precision} computes in float32"
