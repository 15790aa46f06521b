"""The step of a series: the usual one, one that is named, and what follows by it."""

from __future__ import annotations

import datetime

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.series import only
from unspool.data.sources import Text
from unspool.data.stamps import as_times
from unspool.data.steps import following, grid, parse_step, usual_step
from unspool.data.timeseries import TimeSeries, regular, step_of
from unspool.errors import DataError, SpecError


def stamps(*texts):
    return np.array(texts, dtype="M8[ns]")


@pytest.mark.parametrize(
    ("times", "step"),
    [
        (pandas.date_range("2020", periods=5, freq="h"), np.timedelta64(1, "h")),
        (pandas.date_range("2020", periods=5, freq="MS"), np.timedelta64(1, "M")),
        (pandas.date_range("2020", periods=5, freq="ME"), np.timedelta64(1, "M")),
        (pandas.date_range("2020-01-15 06:00", periods=5, freq="QS-JAN"), np.timedelta64(3, "M")),
        (pandas.date_range("1990", periods=5, freq="YS"), np.timedelta64(12, "M")),
        (pandas.date_range("2020", periods=5, freq="4W"), np.timedelta64(28, "D")),
        (1e6 + np.arange(100_000) * 0.1, 0.1),
    ],
)
def test_the_usual_step_of_regular_stamps(times, step):
    times = as_times(times)
    assert usual_step(times) == pytest.approx(step) if isinstance(step, float) else usual_step(times) == step
    series = TimeSeries(times, np.zeros((len(times), 1)), ("v",))
    assert regular(series)
    holed = TimeSeries(np.delete(times, 2), np.zeros((len(times) - 1, 1)), ("v",))
    assert not regular(holed)
    if isinstance(step, float):
        np.testing.assert_allclose(grid(holed.times, step_of(holed)), times, rtol=0, atol=1e-8)
    else:
        assert step_of(holed) == step
        np.testing.assert_array_equal(grid(holed.times, step), times)
        np.testing.assert_array_equal(following(times[:3], step, 2), times[3:])


def test_more_years_than_a_difference_of_nanoseconds_can_hold():
    years = pandas.date_range("1700", "2200", freq="YS").to_numpy().astype("M8[ns]")
    np.testing.assert_array_equal(grid(years[[0, 1, 2, -1]], np.timedelta64(12, "M")), years)
    assert regular(TimeSeries(years, np.zeros((len(years), 1)), ("v",)))


def test_one_row_has_no_step():
    series = only(Text("date,v\n2020-01-01,1\n"))
    assert len(series) == 1
    assert regular(series)
    with pytest.raises(DataError, match="two rows or more to have a step, but 1 came; give more rows"):
        step_of(series)


@pytest.mark.parametrize(
    ("step", "parsed"),
    [
        ("15min", np.timedelta64(15, "m")),
        ("1.5 h", np.timedelta64(90, "m")),
        ("hour", np.timedelta64(1, "h")),
        ("7 days", np.timedelta64(7, "D")),
        ("2W", np.timedelta64(14, "D")),
        ("250 ms", np.timedelta64(250, "ms")),
        ("1 quarter", np.timedelta64(3, "M")),
        ("2 years", np.timedelta64(24, "M")),
        (np.timedelta64(1, "Y"), np.timedelta64(12, "M")),
        (datetime.timedelta(seconds=1), np.timedelta64(1, "s")),
        (pandas.Timedelta("1us"), np.timedelta64(1, "us")),
    ],
)
def test_steps_are_written_in_many_ways(step, parsed):
    assert parse_step(step, stamps("2020")) == parsed


@pytest.mark.parametrize(
    "step", ["soon", "1 fortnight", "1M 2h", "1.5 months", "-1h", None, True, np.timedelta64("NaT")]
)
def test_what_is_no_step_is_refused(step):
    with pytest.raises(
        SpecError, match="a step must be a time such as '15min', '1h', '7 days', '1 month', or a number"
    ):
        parse_step(step, stamps("2020"))


def test_a_step_is_of_the_kind_of_the_stamps():
    assert parse_step("2", np.zeros(1)) == parse_step(2, np.zeros(1)) == 2.0
    with pytest.raises(SpecError, match="a step must be longer than nothing, got '0h'"):
        parse_step("0h", stamps("2020"))
    with pytest.raises(
        SpecError, match="the gap of this series must be a time such as '1h', as its stamps are dates, got 3"
    ):
        parse_step(3, stamps("2020"), "gap")
    with pytest.raises(SpecError, match="the step of this series must be a number, as its times are, got '1h'"):
        parse_step("1h", np.zeros(1))


def test_a_step_that_leaves_too_many_rows_is_refused():
    with pytest.raises(SpecError, match=r"10\^8 rows at most, but there would be 3.16e\+10; make it longer"):
        grid(stamps("2020", "2021"), np.timedelta64(10**6, "ns"))


@given(st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)), st.integers(1, 40))
@settings(deadline=None)
def test_months_follow_each_other_from_any_day(first, months):
    times = stamps(first.isoformat())
    found = following(times, np.timedelta64(months, "M"), 5)
    index = np.concatenate([times, found]).astype("M8[M]").astype(int)
    assert np.diff(index).tolist() == [months] * 5


@pytest.mark.parametrize(
    ("median", "step"),
    [(4047, "1 h"), (20, "15 s"), (70, "1 min"), (2 * 86_400, "1 day"), (5 * 86_400, "7 days"), (0.1, None)],
)
def test_the_step_of_irregular_dates_is_one_that_people_use(median, step):
    gaps = median * np.random.default_rng(0).uniform(0.5, 1.5, 401)
    times = np.datetime64("2024-01-01", "ns") + (gaps * 1e9).cumsum().astype("m8[ns]")
    series = TimeSeries(times, np.zeros((401, 1)), ("a",))
    assert step_of(series) == (usual_step(times) if step is None else parse_step(step, times))


def test_a_step_that_most_stamps_keep_is_theirs():
    times = np.datetime64("2024-01-01", "ns") + np.arange(60) * np.timedelta64(4047, "s")
    assert step_of(TimeSeries(np.delete(times, [3, 9, 10, 40]), np.zeros((56, 1)), ("a",))) == np.timedelta64(4047, "s")
