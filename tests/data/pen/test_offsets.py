from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from tests.data.pen.made import samples
from unspool.data.pen.offsets import from_offsets, offsets
from unspool.data.pen.strokes import Strokes
from unspool.errors import ShapeError


def test_rows_by_hand():
    rows = offsets(Strokes.of([[[1, 2], [4, 6]], [[3, 3]]]))
    assert rows.dtype == np.float32
    assert rows.tolist() == [[1, 2, 0], [3, 4, 1], [-1, -3, 1]]


@given(samples())
def test_any_sample_comes_back(sample):
    found = from_offsets(offsets(sample), sample.text, sample.writer)
    # each of T roundings to float32 may be off by 2^-24 of its step
    bound = np.abs(np.diff(sample.points, axis=0, prepend=0.0)).sum() * 2.0**-23 + 1e-9
    assert np.abs(found.points - sample.points).max() <= bound
    assert (found.last == sample.last).all()
    assert (found.text, found.writer) == (sample.text, sample.writer)


def test_sums_of_many_steps_do_not_drift():
    rows = np.zeros((100_000, 3), np.float32)
    rows[:, 0] = 0.1
    assert from_offsets(rows).points[-1, 0] == pytest.approx(100_000 * float(np.float32(0.1)), rel=1e-12)


def test_the_last_row_ends_a_stroke():
    assert from_offsets(np.array([[0, 0, 0.5], [1, 1, 0.49]])).last.tolist() == [True, True]


def test_refusals(refused):
    with refused("[T, 3]", "[4, 2]", error=ShapeError):
        from_offsets(np.zeros((4, 2)))
    with refused("at least one stroke"):
        from_offsets(np.zeros((0, 3)))
    with refused("finite", "point 1"):
        from_offsets(np.array([[np.nan, 0, 1]]))
