from __future__ import annotations

import datetime

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unspool
from unspool.data.sources import Text
from unspool.data.stamps import as_times, parse_stamps, stamp_texts
from unspool.data.steps import following, grid, parse_step, usual_step
from unspool.data.timeseries import TimeSeries, read_series, regular, step_of
from unspool.errors import DataError, SpecError

DAYS = pandas.date_range("2020-02-27", periods=4)
VALUES = [1.0, np.nan, 3.0, 4.0]


def only(data, *arguments, **named):
    (series,) = read_series(data, *arguments, **named)
    return series


def stamps(*texts):
    return np.array(texts, dtype="M8[ns]")


def parsed(*cells):
    return parse_stamps(pandas.Series(cells, name="date"), "a.csv")


def test_a_series_is_the_same_from_anywhere(tmp_path):
    frame = pandas.DataFrame({"date": DAYS, "a": VALUES, "b": [1, 2, 3, 4]})
    frame.to_csv(tmp_path / "x.csv", index=False)
    frame.to_parquet(tmp_path / "x.parquet")
    found = [
        only(source)
        for source in (
            frame,
            frame.set_index("date"),
            frame.to_dict("list"),
            tmp_path / "x.csv",
            str(tmp_path / "x.parquet"),
            [tmp_path / "x.csv"],
            frame.iloc[[2, 0, 3, 1]],
        )
    ]
    for series in found:
        np.testing.assert_array_equal(series.times, DAYS.to_numpy())
        np.testing.assert_array_equal(series.values, np.column_stack([VALUES, [1, 2, 3, 4]]))
        assert (series.names, series.key, series.zone, len(series)) == (("a", "b"), "", None, 4)
    assert [series.reordered for series in found] == [*[False] * 6, True]
    assert len({series.fingerprint for series in found}) == 1
    assert unspool.read_series is read_series


def test_any_change_shows_in_the_fingerprint():
    frame = pandas.DataFrame({"date": DAYS, "a": VALUES})
    changed = [
        frame,
        frame.assign(a=[1.0, np.nan, 3.0, 5.0]),
        frame.assign(date=DAYS + pandas.Timedelta("1ns")),
        frame.rename(columns={"a": "b"}),
        frame.drop(columns="date"),
    ]
    assert len({only(one).fingerprint for one in changed}) == len(changed)


@pytest.mark.parametrize(
    ("data", "values"),
    [
        ([1, 2.5], [[[1], [2.5]]]),
        (np.array([1.0, np.nan]), [[[1], [np.nan]]]),
        (np.array([[1, 2], [3, 4]]), [[[1, 2], [3, 4]]]),
        ([np.array([1.0, 2.0]), np.array([3.0])], [[[1], [2]], [[3]]]),
        (np.arange(4).reshape(2, 1, 2), [[[0, 1]], [[2, 3]]]),
    ],
)
def test_arrays_have_steps_for_times(data, values):
    found = read_series(data)
    assert [series.key for series in found] == ([""] if len(values) == 1 else ["1", "2"])
    for series, expected in zip(found, values, strict=True):
        np.testing.assert_array_equal(series.values, expected)
        np.testing.assert_array_equal(series.times, np.arange(len(expected)))
        assert series.names == (("value",) if len(expected[0]) == 1 else ("value 1", "value 2"))


def test_files_of_arrays(tmp_path):
    np.save(tmp_path / "one.npy", np.arange(3))
    np.savez(tmp_path / "two.npz", left=np.arange(2), right=np.arange(4))
    assert only(tmp_path / "one.npy").values.ravel().tolist() == [0, 1, 2]
    assert [(series.key, len(series)) for series in read_series(tmp_path / "two.npz")] == [("left", 2), ("right", 4)]
    assert [series.key for series in read_series(tmp_path)] == ["one", "two/left", "two/right"]


def test_a_pandas_series_with_dates():
    series = only(pandas.Series([1, 2], index=pandas.date_range("2020", periods=2, tz="Europe/Berlin"), name="load"))
    assert (series.names, series.zone) == (("load",), "Europe/Berlin")
    np.testing.assert_array_equal(series.times, stamps("2019-12-31T23", "2020-01-01T23"))


def test_columns_are_guessed_or_named():
    table = Text("id,when,Load,note\n7,2020-01-01,1,x\n7,2020-01-02,2,y\n")
    assert only(table).names == ("id", "Load")
    assert only(table).times.dtype.kind == "M"
    assert only(table, columns=["load"]).names == ("Load",)
    assert only(table, time="WHEN", columns=["Load", "id"]).names == ("Load", "id")
    assert only(Text("a,b\n3,1\n4,2\n")).times.tolist() == [0, 1]  # a rising number may be a value
    assert only(Text("Year,b\n1700,1\n1701,2\n")).times.tolist() == [1700, 1701]
    assert only(Text("month,b\n12,1\n1,2\n")).names == ("month", "b")  # does not rise
    assert only(Text("a,ds,date\n1,2020-01-01,2020-01-02\n1,2020-01-01,2020-01-03\n")).times[0] == stamps("2020-01-02")
    assert only(Text("v,note\n1,x\n2,y\n3,7\n")).names == ("v",)
    assert only(Text("flag,a\ntrue,1\nfalse,2\n")).values.tolist() == [[1, 1], [0, 2]]


def test_columns_of_series_that_were_read():
    pair = only(np.arange(4).reshape(2, 2))
    assert only(pair) is pair
    chosen = only([pair], columns=["value 2"])
    assert (chosen.names, chosen.values.tolist()) == (("value 2",), [[1], [3]])
    with pytest.raises(DataError, match="it has 'value 1', 'value 2' and no 'load'; name one of those"):
        read_series(np.zeros((2, 2)), columns=["load"])
    with pytest.raises(SpecError, match="columns of a table, but arrays came; leave them out"):
        read_series(np.zeros(3), time="date")


def test_a_key_tells_series_apart():
    rows = ["b,2020-01-02,1", "a,2020-01-01,2", "b,2020-01-01,3", "a,2020-01-02,"]
    first, second = read_series(Text("\n".join(["site,date,v", *rows])), key="Site")
    assert (first.key, second.key) == ("b", "a")
    assert (first.values.ravel().tolist(), first.reordered) == ([3, 1], True)
    np.testing.assert_array_equal(second.values.ravel(), [2, np.nan])
    assert not second.reordered
    counted = read_series(Text("site,v\n1,5\n2,6\n1,7\n"), key="site")
    assert [(series.key, series.values.ravel().tolist()) for series in counted] == [("1", [5, 7]), ("2", [6])]
    np.testing.assert_array_equal(counted[0].times, [0, 1])


def test_a_folder_is_a_series_a_file(tmp_path):
    (tmp_path / "b.csv").write_text("date,v,k\n2020-01-01,1,x\n")
    (tmp_path / "a.tsv").write_text("date\tv\tk\n2020-01-01\t2\ty\n")
    (tmp_path / ".hidden.csv").write_text("x")
    (tmp_path / "README").write_text("x")
    assert [(series.key, series.values[0, 0]) for series in read_series(tmp_path)] == [("a", 2), ("b", 1)]
    assert [series.key for series in read_series([tmp_path / "b.csv", tmp_path / "a.tsv"])] == ["b", "a"]
    assert [series.key for series in read_series(tmp_path, key="k")] == ["a/y", "b/x"]
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.csv").write_text("date,v\n2020-01-01,1\n")
    keys = [series.key for series in read_series([tmp_path / "b.csv", tmp_path / "more" / "b.csv"])]
    assert keys == [str(tmp_path / "b.csv"), str(tmp_path / "more" / "b.csv")]


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
    ("text", "named", "sentence"),
    [
        ("date,v\n2020-01-01,1\n2020-01-01,2\n", {}, "rows 1 and 2 of the given text are both of 2020-01-01; keep one"),
        ("t,v\n2,1\n1,2\n2,3\n", {"time": "t"}, "rows 1 and 3 of the given text are both of 2; keep one"),
        (
            "date,v\n2020-01-01,x\n",
            {},
            r"a column of numbers, but .* has none among 'date', 'v'; add one, with a point",
        ),
        ("date,v\n2020-01-01,\n", {}, "a series must have a column of numbers"),
        ("date,v\n2020-01-01,\n", {"columns": []}, "a series must have a column of numbers"),
        ("a,v\n1,1\n", {"time": "when"}, "has 'a', 'v' and no 'when'; name one of those"),
        ("a,v\n1,1\n", {"columns": ["w"]}, "has 'a', 'v' and no 'w'; name one of those"),
        ("a,v\n1,1\n", {"key": "k"}, "has 'a', 'v' and no 'k'; name one of those"),
        ("v\n1\n2\n?\n", {}, r"finite numbers, or empty where missing, but row 3 of the given text has '\?' in 'v'"),
        ("v\n1\ninf\n", {}, "finite numbers, or empty where missing, but row 2 of the given text has 'inf' in 'v'"),
        ('v;w\n"1,5";2\n2;2\n', {}, "row 1 of the given text has '1,5' in 'v'"),
        ("a,v\n1,x\n", {"columns": ["v"]}, "row 1 of the given text has 'x' in 'v'; mend or empty the cell"),
        ("k,v\na,1\n,2\n", {"key": "k"}, "every row must have its key, but row 2 of the given text has none in 'k'"),
    ],
)
def test_bad_tables_are_refused(text, named, sentence):
    with pytest.raises(DataError, match=sentence):
        read_series(Text(text), **named)


@pytest.mark.parametrize("column", [DAYS, DAYS - DAYS[0], np.array([1, 2, 3, 4j]), [[1], [2], [3], [4]]])
def test_columns_of_other_kinds_are_no_values(column):
    frame = pandas.DataFrame({"date": DAYS, "v": VALUES, "other": list(column)})
    assert only(frame).names == ("v",)
    with pytest.raises(DataError, match="values must be finite numbers, or empty where missing, but row 1 of"):
        read_series(frame, columns=["other"])


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ([], r"an array \[T\] or \[T, C\] with values, but the given data has shape \[0\]"),
        (np.zeros((1, 2, 3, 4)), r"has shape \[1, 2, 3, 4\]; mend it"),
        ([np.zeros(2), np.zeros(0)], r"but series '2' of the given data has shape \[0\]"),
        (np.array([[1, 2], [3, -np.inf]]), "but row 2 of the given data has -inf in column 2; mend it"),
        (["a", 1.0], "a series must be an array of numbers, but the given data is not"),
        (
            [np.zeros(3), np.zeros((3, 2))],
            "all series must have the same columns, but '1' has 'value' and '2' 'value 1'",
        ),
    ],
)
def test_bad_arrays_are_refused(data, sentence):
    with pytest.raises(DataError, match=sentence):
        read_series(data)


def test_a_folder_without_series_is_refused(tmp_path):
    with pytest.raises(
        DataError, match=r"a folder of series must hold files of them \(\.csv, .* has none; name another"
    ):
        read_series(tmp_path)


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


@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        ([], r"an array \[T\] of one or more, but came as \[0\]"),
        ([[1.0]], r"came as \[1, 1\]"),
        ([1.0, 1.0], "times must rise from row to row, but row 2 has 1.0; sort the rows and keep one at each time"),
        ([1.0, np.nan], "row 2 has nan"),
        (["2020-01-02", "2020-01-01"], "row 2 has 2020-01-01T00"),
        (["soon"], "times must be dates or numbers, but others came"),
        (np.array(["1500"], dtype="M8[D]"), r"others came \(some lie beyond the years 1678 to 2261\)"),
    ],
)
def test_times_must_rise(times, sentence):
    with pytest.raises(DataError, match=sentence):
        as_times(times)


def test_times_of_pandas_become_utc():
    clock = pandas.date_range("2020", periods=2, tz="Asia/Tokyo")
    for times in (clock, pandas.Series(clock), clock.tz_convert("UTC").tz_localize(None)):
        np.testing.assert_array_equal(as_times(times), stamps("2019-12-31T15", "2020-01-01T15"))


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
