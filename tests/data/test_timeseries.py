from __future__ import annotations

import numpy as np
import pandas
import pytest

import unspool
from tests.data.series import only
from unspool.data.sources import Text
from unspool.data.stamps import as_times
from unspool.data.timeseries import read_series
from unspool.errors import DataError, SpecError

DAYS = pandas.date_range("2020-02-27", periods=4)
VALUES = [1.0, np.nan, 3.0, 4.0]


def stamps(*texts):
    return np.array(texts, dtype="M8[ns]")


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
