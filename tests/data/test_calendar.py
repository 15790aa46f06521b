from __future__ import annotations

import math

import numpy as np
import pandas
import pytest

from unspool.data.calendar import calendar, calendar_names
from unspool.errors import SpecError

HOUR, DAY = np.timedelta64(1, "h"), np.timedelta64(1, "D")


def stamps(*texts):
    return np.array(texts, dtype="M8[ns]")


def hours(days):
    return np.arange(np.datetime64("2019-01-01"), np.datetime64("2019-01-01") + days, HOUR).astype("M8[ns]")


@pytest.mark.parametrize(
    ("frequency", "rows", "names"),
    [
        ("h", 24 * 14, ("day", "week")),
        ("h", 24 * 800, ("day", "week", "year")),
        ("12h", 60, ("day", "week")),
        ("13h", 60, ("week",)),
        ("D", 13, ()),
        ("D", 14, ("week",)),
        ("7D", 110, ("year",)),
        ("MS", 36, ("year",)),
        ("YS", 100, ()),
    ],
)
def test_cycles_are_those_that_step_and_data_show(frequency, rows, names):
    times = pandas.date_range("2019", periods=rows, freq=frequency).to_numpy().astype("M8[ns]")
    step = np.timedelta64(1, "M") if frequency == "MS" else np.timedelta64(12, "M") if frequency == "YS" else None
    assert calendar_names(times, times[1] - times[0] if step is None else step) == names


def test_numbers_have_no_calendar():
    assert calendar_names(np.arange(1000.0), 1.0) == ()
    assert calendar(np.arange(3.0), ()).shape == (3, 0)
    with pytest.raises(SpecError, match="a calendar needs dates for times, but numbers came; leave the cycles out"):
        calendar(np.arange(3.0), ("day",))
    with pytest.raises(SpecError, match="cycles must be among day, week, year, got 'month'; choose those"):
        calendar(stamps("2020"), ("day", "month"))


@pytest.mark.parametrize(
    ("cycle", "text", "turn"),
    [
        ("day", "2020-06-01T00:00", 0),
        ("day", "2020-06-01T06:00", 0.25),
        ("day", "1969-12-31T18:00", 0.75),
        ("week", "2020-06-01T00:00", 0),  # a Monday
        ("week", "2020-06-04T12:00", 0.5),
        ("week", "1969-12-29T00:00", 0),  # a Monday
        ("year", "2019-01-01", 0),
        ("year", "2019-12-31T12:00", 364.5 / 365),
        ("year", "2020-07-02", 0.5),  # of 366 days
    ],
)
def test_the_place_in_a_cycle(cycle, text, turn):
    expected = [[math.sin(2 * math.pi * turn), math.cos(2 * math.pi * turn)]]
    np.testing.assert_allclose(calendar(stamps(text), (cycle,)), expected, atol=1e-6)


def test_columns_follow_the_cycles():
    times = hours(3)
    both = calendar(times, ("day", "week"))
    assert (both.dtype, both.shape) == (np.float32, (72, 4))
    np.testing.assert_array_equal(both[:, :2], calendar(times, ("day",)))
    np.testing.assert_array_equal(both[:, 2:], calendar(times, ("week",)))


def test_a_day_follows_the_clocks_of_its_zone():
    summer, winter = stamps("2020-07-01T10"), stamps("2020-01-01T11")
    noon = calendar(stamps("2020-01-01T12"), ("day",))
    np.testing.assert_array_equal(calendar(summer, ("day",), "Europe/Berlin"), noon)
    np.testing.assert_array_equal(calendar(winter, ("day",), "Europe/Berlin"), noon)
    np.testing.assert_array_equal(calendar(winter, ("day",), "+01:00"), noon)
    assert not np.array_equal(calendar(summer, ("day",)), noon)
