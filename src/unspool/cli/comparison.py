"""Two ways to the same numbers, and how far apart they come out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

import torch
from torch import Tensor

BFLOAT16: Final = 3e-2  # of products of it, which rounds to 4e-3


class Comparison(NamedTuple):
    """What is compared, the largest error that is allowed, and a function that finds it."""

    name: str
    tolerance: float
    error: Callable[[], float]


def largest(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """The largest difference in any pair, over the largest value there or 1; nan where there is any."""
    errors = [0.0]
    for one, other in zip(ours, theirs, strict=True):
        if one.shape != other.shape:
            raise RuntimeError(f"a result is {list(one.shape)} and should be {list(other.shape)}")
        if one.numel():
            scale = other.detach().double().abs().max().clamp(min=1)
            errors.append(float((one.detach().double() - other.detach().double()).abs().max() / scale))
    return worst(errors)


def worst(errors: Iterable[float]) -> float:
    """The largest of them; nan, which max() might lose, is the worst."""
    return float(torch.tensor(list(errors), dtype=torch.float64).max())


def with_gradients(shown: Sequence[Tensor], wanted: Sequence[Tensor]) -> list[Tensor]:
    """The tensors `shown`, and the derivatives of a sum over all their numbers with respect to those `wanted`."""
    # every number counts, each with another weight, so that no error cancels
    weighted = sum((tensor * _ramp(tensor)).sum() for tensor in shown)
    assert isinstance(weighted, Tensor)
    return [*shown, *torch.autograd.grad(weighted, wanted)]


def _ramp(tensor: Tensor) -> Tensor:
    return torch.linspace(-1, 1, tensor.numel(), device=tensor.device).view(tensor.shape)


@contextmanager
def one_thread() -> Iterator[None]:
    """Many calls on few numbers: where the cores are busy, threads would wait for each other most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
