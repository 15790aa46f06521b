from __future__ import annotations

import datetime
import math
import sys
from itertools import pairwise

import numpy as np
import pandas
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.interpolate import CubicSpline, PchipInterpolator, interp1d

import unspool
from unspool.data.resample import METHODS, at, resample
from unspool.errors import DataError, MissingExtra, ShapeError, SpecError

SMOOTH = METHODS[1:]
SOON = settings(deadline=None, max_examples=40)
CROWDED = np.array(["1700", "2200", "2200-01-01T00:00:00.000000001"], dtype="M8[ns]")
FLOATS = st.floats(-1e6, 1e6, allow_subnormal=False)


@st.composite
def irregular(draw, least=2, most=30):
    """Rising stamps [T] on tenths, so that some lie on the grid of step 1, and values [T, 2] with some missing."""
    places = draw(st.lists(st.integers(0, 300), min_size=least, max_size=most, unique=True))
    times = np.sort(np.array(places)) / 10
    values = draw(arrays(np.float64, (len(times), 2), elements=FLOATS))
    missing = draw(arrays(np.bool_, values.shape, elements=st.sampled_from([False, False, False, True])))
    return times, np.where(missing, np.nan, values)


@pytest.mark.parametrize("method", METHODS)
@given(irregular())
@SOON
def test_what_lies_on_the_grid_is_kept(method, series):
    times, values = series
    found = resample(times, values, 1, method, antialias=False)
    for row, time in enumerate(times):
        place = np.flatnonzero(np.isclose(found.times, time, rtol=0, atol=1e-9))
        if len(place):
            known = ~np.isnan(values[row])
            np.testing.assert_array_equal(found.values[place[0], known], values[row, known])
            assert found.observed[place[0], known].all()


@pytest.mark.parametrize("method", METHODS)
@given(irregular(), st.floats(0.3, 5))
@SOON
def test_nothing_is_extrapolated(method, series, step):
    times, values = series
    found = resample(times, values, step, method)
    assert found.times[0] == times[0]
    assert times[-1] - step < found.times[-1] <= times[-1] + 1e-5
    for column in range(2):
        known = times[~np.isnan(values[:, column])]
        inside = np.zeros(len(found), dtype=bool)
        if len(known):
            inside = (found.times >= known[0] - 1e-5) & (found.times <= known[-1] + 1e-5)
        assert np.isnan(found.values[~inside, column]).all()
        certain = (
            inside & (found.times >= known[0] + 1e-5) & (found.times <= known[-1] - 1e-5) if len(known) else inside
        )
        assert not np.isnan(found.values[certain, column]).any()


@pytest.mark.parametrize("method", SMOOTH)
@given(irregular(), st.floats(0.3, 5), st.floats(-5, 5))
@SOON
def test_a_straight_line_is_kept(method, series, step, slope):
    times, values = series
    line = np.where(np.isnan(values), np.nan, 3 + slope * times[:, None])
    found = resample(times, line, step, method)
    expected = np.where(np.isnan(found.values), np.nan, 3 + slope * found.times[:, None])
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-6)


@given(irregular())
@SOON
def test_previous_holds_the_last_value(series):
    times, values = series
    found = resample(times, values, 0.5, "previous", antialias=False)
    for column in range(2):
        known = ~np.isnan(values[:, column])
        for time, value in zip(found.times, found.values[:, column], strict=True):
            if not math.isnan(value):
                assert value == values[known & (times <= time + 1e-9), column][-1]


@pytest.mark.parametrize("method", METHODS)
@given(irregular(least=3), st.floats(0.5, 10))
@SOON
def test_a_long_gap_stays_empty_and_splits_the_series(method, series, longest):
    times, values = series
    values = values[:, 0]
    found = resample(times, values, 0.25, method, max_gap=longest, antialias=False)
    known = times[~np.isnan(values)]
    assume(len(known))
    assume((np.abs(np.diff(known) - longest) > 1e-6).all())
    for start, end in pairwise(known.tolist()):
        inside = (found.times > start + 1e-6) & (found.times < end - 1e-6)
        assert np.isnan(found.values[inside, 0]).all() == (end - start > longest) or not inside.any()
    border = np.flatnonzero(np.diff(known) > longest)
    if len(border):  # what comes after a gap has no part in what comes before it
        first = times <= known[border[0]]
        alone = resample(times[first], values[first], 0.25, method, max_gap=longest, antialias=False)
        np.testing.assert_array_equal(found.values[: len(alone)], alone.values)


@given(irregular())
@SOON
def test_pchip_never_overshoots(series):
    times, values = series
    found = resample(times, values, 0.1, "pchip")
    for column in range(2):
        known = np.flatnonzero(~np.isnan(values[:, column]))
        for place, value in zip(found.times, found.values[:, column], strict=True):
            if not math.isnan(value):
                left = known[max(0, np.searchsorted(times[known], place + 1e-9) - 1)]
                right = known[min(len(known) - 1, np.searchsorted(times[known], place - 1e-9))]
                low, high = sorted(values[[left, right], column])
                slack = 1e-9 * max(1, abs(low), abs(high))
                assert low - slack <= value <= high + slack


def test_pchip_between_values_that_hardly_differ():
    found = resample([0.0, 1, 2, 3], [0, 1e-308, 3e-308, 1], 0.5, "pchip")
    assert (np.diff(found.values[:, 0]) >= 0).all()


def test_a_cubic_spline_does_overshoot():
    assert resample([0.0, 1, 2, 3], [0.0, 0, 1, 1], 0.25, "cubic").values.max() > 1.01


@pytest.mark.parametrize("method", METHODS)
@given(irregular())
@SOON
def test_the_way_back_through_a_grid_that_holds_every_stamp(method, series):
    times, values = series
    fine = resample(times, values, 0.1, method)
    np.testing.assert_array_equal(at(fine, times)[~np.isnan(values)], values[~np.isnan(values)])


@pytest.mark.parametrize(("method", "error"), [("linear", 3e-3), ("quadratic", 1e-4), ("cubic", 1e-5), ("pchip", 2e-3)])
def test_the_way_back_between_the_points_of_a_grid(method, error):
    times = np.sort(np.random.default_rng(0).uniform(0, 20, 400))
    values = np.sin(times)
    back = at(resample(times, values, 0.05, method, antialias=False), times)[:, 0]
    assert np.isnan(back[times > times[0] + 0.05 * math.floor((times[-1] - times[0]) / 0.05)]).all()
    inside = ~np.isnan(back)
    assert inside.mean() > 0.99
    middle = inside & (times > 1) & (times < 19)
    assert np.abs(back - values)[middle].max() < error


def test_the_way_back_leaves_gaps_and_ends_empty():
    found = resample([0.0, 1, 2, 6, 7], [0.0, 1, 2, 6, 7], 1, max_gap=2)
    np.testing.assert_array_equal(at(found, [-1, 0.5, 2, 3, 6.5, 8.0])[:, 0], [np.nan, 0.5, 2, np.nan, 6.5, np.nan])


def test_the_methods_are_those_of_scipy():
    draw = np.random.default_rng(1)
    times, values = np.sort(draw.uniform(0, 10, 25)), draw.normal(size=25)
    judges = {
        "previous": interp1d(times, values, "previous"),
        "linear": interp1d(times, values),
        "quadratic": interp1d(times, values, "quadratic"),
        "cubic": CubicSpline(times, values),
        "pchip": PchipInterpolator(times, values),
    }
    for method, judge in judges.items():
        found = resample(times, values, 0.07, method)
        np.testing.assert_allclose(found.values[:, 0], judge(found.times), rtol=0, atol=1e-9, err_msg=method)
    assert unspool.resample is resample


@pytest.mark.parametrize("method", SMOOTH)
@pytest.mark.parametrize("step", [4, 5.5])
def test_a_tone_above_the_new_nyquist_frequency_is_removed(method, step):
    times = np.arange(2000.0)
    slow, fast = np.sin(2 * np.pi * times / (4 * step)), np.sin(2 * np.pi * times * 0.55 / step)
    found = resample(times, slow + fast, step, method)
    inner = slice(15, -15)  # the ends are guessed
    np.testing.assert_allclose(
        found.values[inner, 0], np.sin(2 * np.pi * found.times[inner] / (4 * step)), rtol=0, atol=0.02
    )
    folded = resample(times, slow + fast, step, method, antialias=False)
    assert np.abs(folded.values[inner, 0] - np.sin(2 * np.pi * folded.times[inner] / (4 * step))).max() > 0.5


def test_nothing_is_filtered_at_the_same_or_a_finer_step():
    draw = np.random.default_rng(2)
    times, values = np.arange(50.0), draw.normal(size=50)
    for step in (0.5, 1, 1.0000001):
        on, off = (resample(times, values, step, antialias=antialias) for antialias in (True, False))
        np.testing.assert_array_equal(on.values, off.values)
    on, off = (resample(times, values, 1.5, antialias=antialias) for antialias in (True, False))
    assert not np.allclose(on.values, off.values)


def test_bursts_between_pauses_are_filtered_in_bounded_memory():
    times = np.concatenate([day * 86_400 + np.arange(20) / 1000 for day in range(30)])
    found = resample(times, np.ones(len(times)), 3600)
    np.testing.assert_allclose(found.values, 1, atol=1e-9)


def test_dates_months_and_zones():
    days = pandas.date_range("2019-12-31", "2020-12-31", tz="Europe/Berlin")
    by_month = resample(days.tz_localize(None), np.arange(len(days)), "1 month", antialias=False)
    ends = pandas.date_range("2019-12-31", "2020-12-31", freq="ME")
    np.testing.assert_array_equal(by_month.times, ends.to_numpy())
    np.testing.assert_array_equal(by_month.values[:, 0], [(end - ends[0]).days for end in ends])
    assert by_month.step == np.timedelta64(1, "M")
    in_utc = resample(days, np.arange(len(days)), "24h")
    assert in_utc.times[0] == np.datetime64("2019-12-30T23")
    smooth = resample(days.tz_localize(None), np.arange(len(days)), "1 month")
    np.testing.assert_allclose(smooth.values, by_month.values, atol=1e-6)


def test_gaps_in_months_are_as_long_as_months_can_be():
    months = pandas.to_datetime(["2020-01-01", "2020-02-01", "2020-05-01", "2020-07-01", "2020-09-01"])
    found = resample(months, range(5), max_gap="2 months")
    assert found.step == np.timedelta64(2, "M")
    np.testing.assert_allclose(found.values[:, 0], [0, np.nan, 2, 3, 4][:1] + found.values[1:, 0].tolist())
    by_month = resample(months, range(5), "1 month", max_gap="2 months")
    assert np.isnan(by_month.values[:, 0]).tolist() == [False, False, True, True, *[False] * 5]


def test_the_usual_step_fills_missing_rows_and_observed_says_which():
    days = pandas.to_datetime(["2020-01-01", "2020-01-02", "2020-01-04", "2020-01-05"])
    found = resample(days, [[1, np.nan], [2, 5], [4, 6], [5, np.nan]])
    assert found.step == np.timedelta64(1, "D")
    np.testing.assert_array_equal(found.values, [[1, np.nan], [2, 5], [3, 5.5], [4, 6], [5, np.nan]])
    assert found.observed.T.tolist() == [[True, True, False, True, True], [False, True, False, True, False]]


def test_observed_is_what_lies_within_half_a_step():
    found = resample([0, 0.9, 2.6, 4.1], np.zeros(4), 1.0, antialias=False)
    assert found.observed[:, 0].tolist() == [True, True, False, True, True]


def test_what_is_held_was_not_observed_later():
    times = [0, 0.9, 2.6, 4.1, 5.0, 6.4, 6.9]
    found = resample(times, np.arange(7), 1.0, "previous", antialias=False)
    assert found.values[:, 0].tolist() == [0, 1, 1, 2, 2, 4, 4]
    # in (t - 1, t] of each t: 0; 0.9; nothing; 2.6; nothing, as 4.1 is later; 5; nothing
    assert found.observed[:, 0].tolist() == [True, True, False, True, False, True, False]


@pytest.mark.parametrize("step", ["1h", "1 month"])
def test_on_the_step_all_methods_observe_the_same(step):
    freq = {"1h": "h", "1 month": "MS"}[step]
    times = pandas.date_range("2023-12-01", periods=20, freq=freq)[[*range(5), *range(8, 20)]]
    found = [resample(times, np.arange(17), step, method).observed for method in ("previous", "linear")]
    np.testing.assert_array_equal(*found)
    assert found[0].sum() == 17


@pytest.mark.parametrize("method", METHODS)
def test_few_values_and_none(method):
    found = resample([1.0, 2, 3], [[np.nan, 7, 1, 1], [np.nan, np.nan, 2, np.nan], [np.nan, np.nan, 4, 3]], 1, method)
    middle = {"previous": 1, "pchip": 2}.get(method, 2)
    np.testing.assert_array_equal(found.values[:, :3], [[np.nan, 7, 1], [np.nan, np.nan, 2], [np.nan, np.nan, 4]])
    np.testing.assert_allclose(found.values[:, 3], [1, middle, 3])
    one = resample([5.0], [7.0], 1, method)
    assert (one.times.tolist(), one.values.tolist()) == ([5], [[7]])


def test_columns_do_not_touch_each_other():
    draw = np.random.default_rng(3)
    times, values = np.sort(draw.uniform(0, 30, 40)), draw.normal(size=(40, 3))
    values[draw.random(values.shape) < 0.2] = np.nan
    whole = resample(times, values, 2, "cubic")
    for column in range(3):
        alone = resample(times, values[:, column], 2, "cubic")
        np.testing.assert_array_equal(whole.values[:, [column]], alone.values)


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        (([], [], 1), DataError, r"times must be an array \[T\] of one or more, but came as \[0\]"),
        (([2.0, 1.0], [1, 2], 1), DataError, "times must rise from row to row, but row 2 has 1.0"),
        (([1.0], [1]), DataError, "two rows or more to have a step, but 1 came"),
        (([1.0, 2.0], [1, np.inf], 1), DataError, "values must be finite, or NaN where missing, but row 2 is infinite"),
        (([1.0, 2.0], ["a", "b"], 1), DataError, "values must be numbers, NaN where missing, but others came"),
        (
            (CROWDED, [1, 2, 3], "1 year"),
            DataError,
            "farther apart than rounding, but rows 2 and 3 are not",
        ),
        (([1.0, 2.0], [1, 2, 3], 1), ShapeError, r"one row for each of 2 times, but came as \[3\]"),
        (([1.0, 2.0], [1, 2], 0), SpecError, "a step must be longer than nothing, got 0"),
        (([1.0, 2.0], [1, 2], "1h"), SpecError, "the step of this series must be a number"),
        (([1.0, 2.0], [1, 2], 1, "linear", "1h"), SpecError, "the gap of this series must be a number"),
        (
            ([1.0, 2.0], [1, 2], 1, "spline"),
            SpecError,
            "one of previous, linear, quadratic, cubic, pchip, got 'spline'",
        ),
    ],
)
def test_what_cannot_be_resampled_is_refused(arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        resample(*arguments)


def test_the_way_back_wants_the_same_kind_of_times():
    found = resample([datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 2)], [1, 2], "1h")
    assert at(found, ["2020-01-01T12"]).tolist() == [[1.5]]
    with pytest.raises(DataError, match="dates met numbers; pass the series' own"):
        at(found, [1.0])


@pytest.mark.parametrize(("method", "step"), [("cubic", 1), ("linear", 2)])
def test_a_missing_scipy_is_named(method, step, monkeypatch):
    for module in [module for module in sys.modules if module.partition(".")[0] == "scipy"]:
        monkeypatch.setitem(sys.modules, module, None)
    assert len(resample([0.0, 1, 2], [0, 1, 2], 1)) == 3
    with pytest.raises(MissingExtra, match=r"needs scipy; pip install 'unspool\[series\]'"):
        resample([0.0, 1, 2], [0, 1, 2], step, method)
