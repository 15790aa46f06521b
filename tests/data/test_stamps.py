"""Stamps of time: as people write them, zones, clocks that change."""

from __future__ import annotations

import datetime

import numpy as np
import pandas
import pytest

from tests.data.series import only
from unspool.data.stamps import parse_stamps, stamp_texts
from unspool.data.timeseries import read_series, regular, step_of
from unspool.errors import DataError, SpecError


def stamps(*texts):
    return np.array(texts, dtype="M8[ns]")


def parsed(*cells):
    return parse_stamps(pandas.Series(cells, name="date"), "a.csv")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2020-01-31", "2020-02-01T12:30"], ["2020-01-31", "2020-02-01T12:30"]),
        (["31.01.2020", "01.02.2020"], ["2020-01-31", "2020-02-01"]),
        (["01/02/2020", "01/31/2020"], ["2020-01-02", "2020-01-31"]),
        (["01/02/2020 10:00", "31/01/2020 10:00"], ["2020-02-01T10", "2020-01-31T10"]),
        (["02/02/2020", "03/03/2020"], ["2020-02-02", "2020-03-03"]),
        (["1958-03", "1958-04"], ["1958-03", "1958-04"]),
        ([19580329, 19580405], ["1958-03-29", "1958-04-05"]),
        ([1577836800, 1577836801], ["2020-01-01", "2020-01-01T00:00:01"]),
        ([1577836800.5, 1577836801.25], ["2020-01-01T00:00:00.5", "2020-01-01T00:00:01.25"]),
        ([1577836800123], ["2020-01-01T00:00:00.123"]),
        ([1577836800123456789], ["2020-01-01T00:00:00.123456789"]),
        ([datetime.date(2020, 1, 31), datetime.date(2020, 2, 1)], ["2020-01-31", "2020-02-01"]),
        ([pandas.Period("2020-01", "M"), pandas.Period("2020-02", "M")], ["2020-01-01", "2020-02-01"]),
    ],
)
def test_stamps_of_many_kinds(cells, expected):
    found = parsed(*cells)
    np.testing.assert_array_equal(found.times, stamps(*expected))
    assert found.zone is None


def test_other_numbers_stay_numbers():
    assert parsed(0.5, 0.25).times.tolist() == [0.5, 0.25]
    assert parsed(19580329, 19581329).times.tolist() == [19580329, 19581329]  # no such month
    assert parsed(pandas.Timedelta("2s"), pandas.Timedelta("3500ms")).times.tolist() == [2, 3.5]


@pytest.mark.parametrize(
    ("cells", "zone"),
    [
        (["2020-03-29 00:30Z", "2020-03-29 01:30Z"], "UTC"),
        (["2020-03-29 01:30+01:00", "2020-03-29 02:30+01:00"], "+01:00"),
        (["2020-03-29T01:30:00+01", "2020-03-29T03:30:00+02"], "UTC"),  # clocks are put forward
        (["2020-03-28 19:30 -0500", "2020-03-28 20:30 -0500"], "-0500"),
    ],
)
def test_zones_become_utc_and_are_kept(cells, zone):
    found = parsed(*cells)
    np.testing.assert_array_equal(found.times, stamps("2020-03-29T00:30", "2020-03-29T01:30"))
    assert found.zone == zone
    back = [pandas.Timestamp(text) for text in stamp_texts(found.times, zone)]
    assert back == [pandas.Timestamp(cell) for cell in cells]


SUMMER = ["2024-03-31T01:00+01:00", "2024-03-31T03:00+02:00", "2024-03-31T04:00+02:00"]


def test_offsets_that_change_are_told_and_their_zone_can_be_named():
    frame = pandas.DataFrame({"time": SUMMER, "load": [1.0, 2.0, 3.0]})
    plain, named = only(frame), only(frame, zone="Europe/Berlin")
    assert (plain.zone, plain.mixed_offsets) == ("UTC", True)
    assert (named.zone, named.mixed_offsets) == ("Europe/Berlin", False)
    np.testing.assert_array_equal(plain.times, named.times)
    assert [text[:16] for text in stamp_texts(named.times, named.zone)] == [
        *("2024-03-31 01:00", "2024-03-31 03:00", "2024-03-31 04:00")
    ]
    assert not only(frame[1:]).mixed_offsets and only(frame[1:]).zone == "+02:00"
    again = only(plain, zone="Europe/Berlin")
    assert (again.zone, again.mixed_offsets, again.fingerprint) == (named.zone, False, named.fingerprint)


def test_times_without_an_offset_are_of_the_named_zone():
    naive = pandas.DataFrame({"time": ["2024-03-31 01:00", "2024-03-31 03:00", "2024-03-31 04:00"], "load": [1, 2, 3]})
    found = only(naive, zone="Europe/Berlin")
    assert found.zone == "Europe/Berlin" and found.times.dtype == "M8[ns]"
    np.testing.assert_array_equal(found.times, parsed(*SUMMER).times)
    np.testing.assert_array_equal(only(only(naive), zone="Europe/Berlin").times, found.times)


@pytest.mark.parametrize(
    ("data", "error", "sentence"),
    [
        ({"time": ["2024-01-01", "2024-01-02"], "load": [1, 2]}, SpecError, "such as Europe/Berlin"),
        ({"time": [1.5, 2.5], "load": [1, 2]}, SpecError, "a zone is of dates"),
        ({"load": [1, 2]}, SpecError, "has no column of them"),
        (np.zeros(3), SpecError, "time, key and zone"),
    ],
)
def test_zones_that_are_none_or_of_no_stamps(data, error, sentence):
    with pytest.raises(error, match=sentence):
        read_series(data, zone="Middle/Earth")


@pytest.mark.parametrize("hour", ["2024-03-31 02:30", "2024-10-27 02:30"])
def test_an_hour_that_clocks_show_twice_or_never(hour):
    with pytest.raises(DataError, match="clocks of Europe/Berlin show"):
        read_series({"time": ["2024-01-01 00:00", hour], "load": [1, 2]}, zone="Europe/Berlin")


def test_hours_of_a_day_when_clocks_change():
    clock = pandas.date_range("2020-10-25 00:00", periods=5, freq="h", tz="Europe/Berlin")
    series = only(pandas.Series(range(5), index=clock))
    assert regular(series)
    assert step_of(series) == np.timedelta64(1, "h")
    naive = pandas.DataFrame({"time": clock.tz_localize(None), "v": range(5)})
    with pytest.raises(DataError, match=r"rows 3 and 4 of .* are both of 2020-10-25 02:00:00; .* clock was put back"):
        read_series(naive)
    texts = naive.assign(time=[stamp.isoformat() for stamp in clock])
    np.testing.assert_array_equal(only(texts).times, series.times)


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (["2020-01-01", None], "every row must have its time, but row 2 of a.csv has none in 'date'; fill it in"),
        (["2020-01-01", "soon"], "such as 2020-01-31 12:00, .* but row 2 of a.csv has 'soon' in 'date'; mend it"),
        (["12:30", "12:40"], "row 1 of a.csv has '12:30'"),
        (["01/02/2020", "01/31/2020", "31/01/2020"], "row 3 of a.csv has '31/01/2020'"),
        (["01/02/2020", "01/03/2020"], "'01/02/2020' in 'date' of a.csv may be 2020-01-02 or 2020-02-01; write them"),
        (["2020-01-01 00:00+01:00", "2020-01-01 01:00"], "must have a zone, or none, .* row 1 has .* and row 2"),
        (["2020-01-01", "1500-01-01"], r"between the years 1678 and 2261, but a\.csv has others in 'date'"),
        ([1.0, np.inf], "times must be finite, but row 2 of a.csv has inf in 'date'; mend it"),
    ],
)
def test_what_is_no_stamp_is_refused(cells, sentence):
    with pytest.raises(DataError, match=sentence):
        parsed(*cells)


@pytest.mark.parametrize(
    ("times", "texts"),
    [
        (stamps("2020-01-01", "2020-01-02"), ["2020-01-01", "2020-01-02"]),
        (stamps("2020-01-01T12", "2020-01-02"), ["2020-01-01 12:00:00", "2020-01-02 00:00:00"]),
        (stamps("2020-01-01T00:00:00.5"), ["2020-01-01 00:00:00.500"]),
        (np.array([3.0, 0.1]), ["3", "0.1"]),
    ],
)
def test_stamps_are_written_as_people_do(times, texts):
    assert stamp_texts(times) == texts
