from __future__ import annotations

import numpy as np
import pytest

from unspool.errors import DataError
from unspool.tasks.forecasting.surprise import auc, z_scores

NAN = np.nan


def test_auc_by_hand() -> None:
    marks = np.array([True, False, True, False, False])
    assert auc(np.array([3.0, 1.0, 2.0, 2.5, 0.0]), marks) == pytest.approx(5 / 6)
    assert auc(np.array([9.0, 1.0, 8.0, 2.0, 3.0]), marks) == 1
    assert auc(np.zeros(5), marks) == 0.5  # equals count half


def test_auc_is_the_share_of_pairs_in_order() -> None:
    rng = np.random.default_rng(0)
    scores, marks = rng.integers(0, 6, 80).astype(float), rng.random(80) < 0.3
    above = scores[marks][:, None] - scores[~marks]
    assert auc(scores, marks) == pytest.approx(((above > 0) + (above == 0) / 2).mean())
    assert auc(-scores, marks) == pytest.approx(1 - auc(scores, marks))


def test_auc_takes_infinity_and_leaves_missing_scores_out() -> None:
    assert auc(np.array([np.inf, NAN, 1.0, 5.0]), np.array([True, True, False, False])) == 1
    with pytest.raises(DataError, match="got 0 and 2 with a score"):
        auc(np.array([NAN, 1.0, 2.0]), np.array([True, False, False]))
    with pytest.raises(DataError, match="got 2 and 0"):
        auc(np.array([1.0, 2.0]), np.array([True, True]))


@pytest.mark.parametrize("window", [None, 7])
def test_z_scores_are_those_of_the_values_before(window: int | None) -> None:
    values = 1e6 + np.random.default_rng(1).normal(size=(60, 2))
    values[[3, 30, 31], 0] = NAN
    found = z_scores(values, window)
    for t, row in enumerate(values):
        before = values[max(0, t - (window or t)) : t]
        for channel in range(2):
            known = before[np.isfinite(before[:, channel]), channel]
            if len(known) < 2 or np.isnan(row[channel]):
                assert np.isnan(found[t, channel])
            else:
                expected = abs(row[channel] - known.mean()) / known.std(ddof=1)
                assert found[t, channel] == pytest.approx(expected, rel=1e-6)


def test_z_scores_do_not_look_ahead() -> None:
    values = np.random.default_rng(2).normal(size=50)
    later = values.copy()
    later[30:] = 1e9
    np.testing.assert_array_equal(z_scores(values)[:30], z_scores(later)[:30])


def test_a_value_that_never_changed() -> None:
    assert z_scores(np.array([5.0, 5.0, 5.0, 6.0])).tolist()[2:] == [0, np.inf]
    still = np.array([1.0, *[3.1] * 20, 4.0])
    found = z_scores(still, window=5)
    assert found[10:21].max() < 1e-3 < 1e3 < found[21]
    assert np.isnan(z_scores(np.full(4, NAN))).all() and np.isnan(z_scores(np.array([1.0, 2.0]))).all()


def test_a_planted_anomaly_is_found() -> None:
    rng = np.random.default_rng(3)
    values, marks = rng.normal(size=1000), np.zeros(1000, dtype=bool)
    marks[100::90] = True
    values[marks] += 6
    assert auc(z_scores(values), marks) > 0.99
