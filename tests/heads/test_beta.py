from __future__ import annotations

import numpy as np
import torch
from scipy import special  # type: ignore[import-untyped]

from unspool.heads.beta import log_betainc

torch.set_num_threads(1)


def random(low: float, high: float, seed: int, count: int = 400) -> np.ndarray:
    """Numbers from 10^low to 10^high."""
    return 10 ** np.random.default_rng(seed).uniform(low, high, count)


def mine(a: np.ndarray, b: np.ndarray, x: np.ndarray) -> np.ndarray:
    return log_betainc(*map(torch.tensor, (a, b, x, 1 - x))).numpy()


def test_it_is_that_of_scipy() -> None:
    a, b, x = random(-1, 4, 0), random(-1, 4, 1), np.random.default_rng(2).uniform(size=400)
    expected = special.betainc(a, b, x)
    known = expected > 1e-300
    np.testing.assert_allclose(mine(a, b, x)[known], np.log(expected[known]), rtol=1e-8, atol=1e-8)


def test_the_two_sides_add_up_to_one() -> None:
    a, b, x = random(-1, 3, 3), random(-1, 3, 4), np.random.default_rng(5).uniform(size=400)
    np.testing.assert_allclose(np.exp(mine(a, b, x)) + np.exp(mine(b, a, 1 - x)), 1, rtol=1e-9)


def test_a_power_by_hand() -> None:
    x = np.array([0.0, 1e-200, 0.25, 1.0])
    with np.errstate(divide="ignore"):
        expected = 7 * np.log(x)  # I_x(7, 1) = x^7, of which 1e-1400 is no float64
    np.testing.assert_allclose(mine(np.full(4, 7.0), np.ones(4), x), expected)


def test_shapes_are_kept() -> None:
    halves = torch.full((2, 0, 3), 0.5, dtype=torch.float64)
    assert log_betainc(halves, halves, halves, halves).shape == (2, 0, 3)
    halves = torch.full((2, 3), 0.5, dtype=torch.float64)
    assert torch.allclose(log_betainc(halves, halves, halves, halves).exp(), halves)
