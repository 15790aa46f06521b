from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.masks import BANDS_WIDEST, TIME_WIDEST, masked, respeeded
from unspool.errors import SpecError


def ones(steps=100, channels=40):
    return np.ones((steps, channels), np.float32)


def rng(seed=0):
    return np.random.default_rng(seed)


def runs(hidden):
    """How many runs of True there are."""
    return int((np.diff(hidden.astype(int), prepend=0) == 1).sum())


@given(st.integers(0, 30), st.integers(1, 10), st.integers(0, 3), st.integers(0, 3), st.integers(0, 99))
def test_whole_rows_and_columns_are_hidden_and_the_rest_stays(steps, channels, time, bands, seed):
    features = rng(seed).standard_normal((steps, channels)).astype(np.float32)
    before = features.copy()
    found = masked(features, rng(seed), time=time, bands=bands)
    rows, columns = (found == 0).all(axis=1), (found == 0).all(axis=0)
    assert found.dtype == np.float32
    assert np.array_equal(found, np.where(rows[:, None] | columns, np.float32(0), features))
    assert np.array_equal(features, before)
    assert np.array_equal(found, masked(features, rng(seed), time=time, bands=bands))


def test_masks_have_their_number_and_width():
    most = [0, 0]
    for seed in range(600):
        found = masked(ones(), rng(seed), time=2, bands=1)
        rows, columns = (found == 0).all(axis=1), (found == 0).all(axis=0)
        assert runs(rows) <= 2
        assert runs(columns) <= 1
        most = [max(most[0], int(rows.sum())), max(most[1], int(columns.sum()))]
    assert 18 <= most[0] <= 2 * TIME_WIDEST * 100
    assert most[1] == BANDS_WIDEST * 40


def test_every_place_and_width_is_drawn_alike():
    """Widths uniform on 0, ..., W, starts uniform on 0, ..., N - n: W / 2N of the middle is hidden, the ends too."""
    hidden = np.array([(masked(ones(), rng(seed), time=1) == 0).all(axis=1) for seed in range(4000)])
    widths = np.bincount(hidden.sum(axis=1), minlength=11)
    assert np.abs(widths / 4000 - 1 / 11).max() < 0.02
    assert hidden[:, 0].any()
    assert hidden[:, -1].any()
    assert hidden[:, 40:60].mean() == pytest.approx(0.05, abs=0.01)


def test_no_masks_is_nothing():
    features = ones()
    assert np.array_equal(masked(features, rng()), features)
    assert (masked(features, rng(3), bands=2).sum(axis=1) == masked(features, rng(3), bands=2).sum(axis=1)[0]).all()


@given(st.integers(0, 40), st.floats(0.3, 3))
def test_a_line_stays_a_line(steps, factor):
    line = np.stack([np.arange(steps), 5.0 - np.arange(steps)], axis=1).astype(np.float32)
    found = respeeded(line, factor)
    assert found.dtype == np.float32
    assert len(found) == (max(round(steps / factor), 1) if steps > 1 else steps)
    if len(found) > 1:
        assert np.allclose(found[:, 0], np.linspace(0, steps - 1, len(found)), atol=1e-5)
        assert np.allclose(found.sum(axis=1), 5, atol=1e-5)


def test_faster_is_shorter_and_one_is_the_same():
    features = rng().standard_normal((50, 3)).astype(np.float32)
    assert respeeded(features, 1.0) is features
    assert len(respeeded(features, 2.0)) == 25
    assert np.allclose(respeeded(respeeded(features, 0.1), 10.0), features, atol=0.5)


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf")])
def test_a_speed_that_is_none(factor, refused):
    with refused("above 0", str(factor), error=SpecError):
        respeeded(ones(), factor)
