"""Windows over series: which there are, what is in them, and that nothing later gets into their past."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from unspool.tasks.forecasting.windows import Panel, Scaling, gather

MARK = 1e6


def panel(lengths: tuple[int, ...] = (12,), columns: int = 1, missing: Any = ()) -> Panel:
    """Value 100 c + row; known of each row its number, known of the past twice that."""
    rows = sum(lengths)
    number = np.arange(rows, dtype=np.float64)
    values = number[:, None] + 100 * np.arange(columns)
    observed = np.ones(values.shape, dtype=bool)
    observed[list(missing)] = False
    known, past = number[:, None].astype(np.float32), 2 * number[:, None].astype(np.float32)
    starts = np.cumsum([0, *lengths])
    names = [str(place) for place in range(len(lengths))]
    return Panel(names, [None] * len(lengths), starts, number, values, observed, known, past)


def scaling(kind: str = "window", counts: bool = False, columns: int = 1) -> Scaling:
    return Scaling(kind, counts, np.full(columns, 5.0), np.full(columns, 2.0), np.full(columns, 0.1))


def test_windows_stay_within_their_series() -> None:
    made = panel((12, 9))
    np.testing.assert_array_equal(made.origins(5, 3), [5, 6, 7, 8, 9, 17, 18])
    assert [made.key_of(row) for row in (0, 11, 12, 20)] == ["0", "0", "1", "1"]
    later = made.times >= 8
    np.testing.assert_array_equal(made.origins(5, 3, later), [8, 9, *range(13, 19)])


def test_a_series_shorter_than_a_context_gives_one_window() -> None:
    np.testing.assert_array_equal(panel((6,)).origins(5, 3), [3])
    assert len(panel((3,)).origins(5, 3)) == 0


def test_something_is_observed_before_and_after() -> None:
    made = panel(missing=[0, 1, 2, 8, 9, 10, 11])
    np.testing.assert_array_equal(made.origins(2, 2), [4, 5, 6, 7])
    np.testing.assert_array_equal(made.seen[:, 0], [-1, -1, -1, 3, 4, 5, 6, 7, 7, 7, 7, 7])


def test_what_is_in_a_window() -> None:
    found = gather(panel(columns=2), np.array([5, 6]), 4, 3, scaling(columns=2))
    assert found.past.shape == (4, 2, 2 + 2 + 1 + 1) and found.target.shape == (3, 2, 2)
    np.testing.assert_allclose(found.location, [[4, 104], [5, 105]])  # the last values
    np.testing.assert_allclose(found.scale, 1.0)  # |-1.5|, |-0.5|, |0.5|, |1.5|, on average
    np.testing.assert_allclose(found.past[:, 0, 0], [-3, -2, -1, 0])
    np.testing.assert_allclose(found.past[:, 0, 2:4], 0)  # nothing is missing
    np.testing.assert_allclose(found.past[:, 1, 4:], [[2, 4], [3, 6], [4, 8], [5, 10]])
    np.testing.assert_allclose(found.target[:, 1, 1], [1, 2, 3])
    np.testing.assert_allclose(found.future[:, 0, 0], [5, 6, 7])
    part = found.rows(slice(1, 2))
    np.testing.assert_array_equal(part.past, found.past[:, 1:])
    assert part.size == 1 and part.location.shape == (1, 2)


def test_a_gap_before_the_origin_is_held_and_one_after_is_no_target() -> None:
    found = gather(panel(missing=[4, 5, 7]), np.array([6]), 5, 3, scaling("series"))
    np.testing.assert_allclose(2 * found.past[:, 0, 0] + 5, [1, 2, 3, 3, 3])
    np.testing.assert_allclose(found.past[:, 0, 1], [0, 0, 0, 1, 1])
    np.testing.assert_array_equal(found.observed[:, 0, 0], [True, False, True])
    assert found.target[1, 0, 0] == 0


def test_before_a_series_its_first_row_is_repeated() -> None:
    found = gather(panel((5, 7)), np.array([7]), 4, 2, scaling("series"))
    np.testing.assert_allclose(2 * found.past[:, 0, 0] + 5, [5, 5, 5, 6])
    np.testing.assert_allclose(found.past[:, 0, 1], [1, 1, 0, 0])


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("kind", ["window", "series"])
def test_nothing_of_the_origin_or_later_reaches_the_past(kind: str, counts: bool) -> None:
    made = panel(columns=2, missing=[3, 6])
    spoiled = replace(
        made,
        values=np.where(np.arange(12)[:, None] >= 7, MARK, made.values),
        past=np.where(np.arange(12)[:, None] >= 7, MARK, made.past).astype(np.float32),
    )
    for one in (made, spoiled):
        assert one.seen[7, 0] == 7
    clean, other = (gather(one, np.array([7]), 5, 3, scaling(kind, counts, 2)) for one in (made, spoiled))
    np.testing.assert_array_equal(clean.past, other.past)
    np.testing.assert_array_equal(clean.location, other.location)
    np.testing.assert_array_equal(clean.scale, other.scale)
    assert not np.array_equal(clean.target, other.target)


def test_scaling_of_counts_and_of_stretches_without_change() -> None:
    still = np.full((1, 4, 1), 7.0)
    np.testing.assert_allclose(scaling().of(still), [[[7.0]], [[0.1]]])  # the floor
    np.testing.assert_allclose(scaling(counts=True).of(still), [[[0.0]], [[8.0]]])
    np.testing.assert_allclose(scaling("series").of(still), [[[5.0]], [[2.0]]])
    np.testing.assert_allclose(scaling("series", True).of(still), [[[0.0]], [[6.0]]])
    counted = gather(panel(), np.array([6]), 4, 2, scaling(counts=True))
    np.testing.assert_allclose(counted.target[:, 0, 0], [6, 7])  # counts stay counts


def test_scaling_is_fitted_on_what_was_observed() -> None:
    made = panel((40,), missing=[39])
    spoiled = replace(made, values=np.where(made.observed, made.values, MARK))
    found = Scaling.fit("window", False, spoiled, 8)
    np.testing.assert_allclose([found.mean[0], found.deviation[0]], [19.0, np.arange(39).std()])
    np.testing.assert_allclose(found.floor, 0.05 * 2.0)  # the mean deviation of eight numbers in a row
    assert Scaling.from_dict(found.to_dict()).to_dict() == found.to_dict()
