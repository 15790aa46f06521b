from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data import augment
from unspool.errors import SpecError

SAME_LENGTH = [augment.jitter, augment.scale, augment.shift, augment.time_warp, augment.channel_dropout]
ALL = [*SAME_LENGTH, augment.window_slice]


def rng(seed=0):
    return np.random.default_rng(seed)


def curve(steps=40, channels=3):
    return rng(7).standard_normal((steps, channels)).astype(np.float32)


@pytest.mark.parametrize("change", ALL)
@given(steps=st.integers(0, 12), channels=st.integers(1, 4), seed=st.integers(0, 99))
def test_any_array_stays_one_and_the_same_draw_gives_the_same(change, steps, channels, seed):
    array = curve(steps, channels)
    before = array.copy()
    found = change(array, rng(seed))
    assert found.dtype == np.float32
    assert found.shape[1] == channels
    assert np.isfinite(found).all()
    assert len(found) == steps if change in SAME_LENGTH else min(steps, 1) <= len(found) <= steps
    assert np.array_equal(array, before)
    assert np.array_equal(found, change(array, rng(seed)))


def test_jitter_and_scale_have_their_deviation():
    array = np.ones((20_000, 2), np.float32)
    assert np.std(augment.jitter(array, rng(), 0.2)) == pytest.approx(0.2, rel=0.05)
    factors = np.array([augment.scale(array[:2], rng(seed), 0.3) for seed in range(2000)])  # [draws, T, C]
    assert np.array_equal(factors[:, 0], factors[:, 1])
    assert np.std(factors[:, 0]) == pytest.approx(0.3, rel=0.05)


def test_shift_moves_in_time():
    array = np.arange(10, dtype=np.float32)[:, None]
    found = {tuple(augment.shift(array, rng(seed), 0.2).ravel().astype(int)) for seed in range(50)}
    assert found == {tuple(np.clip(np.arange(10) + by, 0, 9)) for by in (-2, -1, 0, 1, 2)}


def test_a_window_is_a_part():
    array = curve()
    starts = set()
    for seed in range(50):
        part = augment.window_slice(array, rng(seed), 0.5)
        assert len(part) == 20
        start = int(np.flatnonzero(array[:, 0] == part[0, 0])[0])
        assert np.array_equal(part, array[start : start + 20])
        starts.add(start)
    assert min(starts) < 4
    assert max(starts) > 16


def test_a_warp_keeps_ends_and_order():
    line = np.arange(50, dtype=np.float32)[:, None]
    warps = np.array([augment.time_warp(line, rng(seed), 0.5).ravel() for seed in range(20)])
    assert (np.diff(warps) > 0).all()
    assert np.allclose(warps[:, [0, -1]], [0, 49], atol=1e-4)
    assert np.abs(warps - line.ravel()).max() > 3
    assert np.allclose(augment.time_warp(line, rng(), 0.0), line, atol=1e-4)


def test_dropped_channels():
    array = curve(5, 4)
    rates = []
    for seed in range(400):
        found = augment.channel_dropout(array, rng(seed), 0.25)
        gone = (found == 0).all(axis=0)
        assert not gone.all()
        assert np.array_equal(found[:, ~gone], array[:, ~gone])
        rates.append(gone.mean())
    assert np.mean(rates) == pytest.approx(0.25, abs=0.03)


def test_symbols_become_unknown():
    ids = np.arange(1, 10_001)
    found = augment.dropped(ids, rng(), 0, "strong")
    assert (found == 0).mean() == pytest.approx(0.1, abs=0.02)
    assert np.array_equal(found[found != 0], ids[found != 0])
    assert augment.dropped(ids, rng(), 0, "none") is ids


def test_strengths(refused):
    array = curve()
    assert augment.augmented(array, rng(), "none") is array
    light, strong = (augment.augmented(array, rng(), strength) for strength in ("light", "strong"))
    assert light.shape == array.shape
    assert len(strong) == 36
    assert 0 < np.abs(light - array).mean() < 0.3
    for call in (
        lambda: augment.augmented(array, rng(), "much"),
        lambda: augment.dropped(np.ones(1), rng(), 0, "much"),
    ):
        with refused("none, light, strong", "'much'", error=SpecError):
            call()
