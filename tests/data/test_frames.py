from __future__ import annotations

import gzip
import io
import sys

import numpy as np
import pandas
import pytest

from unspool.data.frames import read_frame
from unspool.data.sources import Text
from unspool.errors import DataError, MissingExtra

TABLE = pandas.DataFrame({"date": ["2020-01-01", "2020-01-02"], "n": [1, 2], "mood": ["good", None]})


def write(folder, name):
    path = folder / name
    match name.partition(".")[2]:
        case "csv":
            TABLE.to_csv(path, index=False)
        case "csv.gz":
            path.write_bytes(gzip.compress(TABLE.to_csv(index=False).encode()))
        case "tsv" | "tab" | "dat":
            TABLE.to_csv(path, index=False, sep="\t")
        case "jsonl" | "ndjson" | "log":
            TABLE.to_json(path, orient="records", lines=True)
        case _:
            TABLE.to_parquet(path, index=False)
    return path


@pytest.mark.parametrize(
    "ending", ["csv", "csv.gz", "tsv", "tab", "dat", "jsonl", "ndjson", "log", "parquet", "pq", "PARQUET"]
)
def test_every_format_gives_the_same_table(ending, tmp_path):
    found = read_frame(write(tmp_path, f"a.{ending}"))
    pandas.testing.assert_frame_equal(found, TABLE, check_dtype=False)
    assert found["n"].dtype == np.int64


def test_tables_of_python():
    by_column = read_frame({"date": TABLE["date"], "n": [1, 2], "mood": np.array(["good", None], dtype=object)})
    pandas.testing.assert_frame_equal(by_column, TABLE, check_dtype=False)
    assert read_frame(TABLE) is not TABLE
    assert read_frame(pandas.Series([1.0, 2.0])).columns.tolist() == ["value"]
    assert read_frame(pandas.Series([1.0, 2.0], name=7)).columns.tolist() == ["7"]


def test_standard_input_is_a_table(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfa;b\n1;2\n")))
    assert read_frame("-").to_dict("list") == {"a": [1], "b": [2]}


def test_an_index_with_a_meaning_is_a_column():
    days = pandas.date_range("2020", periods=2)
    assert read_frame(TABLE.set_index(days)).columns.tolist() == ["time", "date", "n", "mood"]
    assert read_frame(TABLE.set_index("date")).columns.tolist() == ["date", "n", "mood"]
    assert read_frame(TABLE.iloc[::-1]).columns.tolist() == ["date", "n", "mood"]  # what sorting leaves behind
    pair = pandas.DataFrame({"a": [1, 2]}, index=pandas.PeriodIndex(["2020-01", "2020-02"], freq="M", name="month"))
    assert read_frame(pair).columns.tolist() == ["month", "a"]


def test_a_counter_without_a_name_is_left_out(tmp_path):
    TABLE.to_csv(tmp_path / "a.csv")
    assert read_frame(tmp_path / "a.csv").columns.tolist() == ["date", "n", "mood"]
    TABLE.set_index("date").rename_axis(None).to_csv(tmp_path / "b.csv")
    assert read_frame(tmp_path / "b.csv").iloc[:, 0].tolist() == ["2020-01-01", "2020-01-02"]


@pytest.mark.parametrize(
    ("text", "names", "rows"),
    [
        ("1.5\n2\n", ["column 1"], 2),
        ("2020-01-01,5\n2020-01-02,5\n", ["column 1", "column 2"], 2),
        ("3\t3\n4\t4\n", ["column 1", "column 2"], 2),
        ("country,2001,2002\nA,1,2\n", ["country", "2001", "2002"], 1),
        ("a, b\n1, 2\n", ["a", "b"], 1),
    ],
)
def test_a_header_is_told_from_values(text, names, rows):
    found = read_frame(Text(text))
    assert (found.columns.tolist(), len(found)) == (names, rows)


def test_spaces_after_commas_and_quotes_between_tabs():
    assert read_frame(Text("a, b\n1, x\n"))["b"].tolist() == ["x"]
    assert read_frame(Text('a\tb\n1\t"x\n2\ty\n'))["b"].tolist() == ['"x', "y"]


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (Text(""), "a table must have a header and rows, but the given text is empty"),
        (Text(" \n\n"), "a table must have a header and rows, but the given text is empty"),
        (Text("a,b\n"), "a table must have rows below its header, but the given text has none; add rows"),
        (Text("a,b\n1,2\n1,2,3\n"), r"every row must have the cells .* \(Expected 2 fields in line 3, saw 3\); mend"),
        (Text('a,b\n1,"2\n'), r"quotes must be closed, .* \(EOF inside string starting at row 1\); mend the row"),
        (Text("a,b\n1,2,3\n4,5,6\n"), "as many cells as the header, but .* a header of 2 and rows of 3; name every"),
        (Text("a\tb\n1\t2\t3\n"), "as many cells as the header, but .* a header of 2 and rows of 3; name every"),
        (Text('{"a": 1}\n[2]\n'), "line 2 of the given text is a list; write it as an object"),
        (Text(b"a,b\n\xff,1\n"), "text must be UTF-8, but byte 4 of the given text is 0xFF"),
        ({"a": [1, 2], "b": [1]}, "columns must be equally long lists or arrays, .* give every row a cell"),
        ({"a": 1}, "columns must be equally long lists or arrays"),
        (pandas.DataFrame([[1, 2]], columns=["a", "a "]), "names of their own, but .* has two called 'a'; rename one"),
        (pandas.DataFrame(), "a table must have rows below its header, but the given table has none"),
        (7, "a table must be a file, a DataFrame or a dict of columns, but int came; pass one of those"),
    ],
)
def test_what_is_no_table_is_refused(source, sentence):
    with pytest.raises(DataError, match=sentence):
        read_frame(source)


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"a file or a folder that exists, but there is no .*gone\.csv"):
        read_frame(tmp_path / "gone.csv")
    with pytest.raises(DataError, match=r"a table must be one file, but .* is a folder; name a file in it"):
        read_frame(tmp_path)
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(DataError, match=r"data must not be empty, but .*empty\.csv has 0 bytes"):
        read_frame(tmp_path / "empty.csv")
    whole = write(tmp_path, "a.parquet")
    whole.write_bytes(whole.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"a whole Parquet file, but .* is damaged or of another format"):
        read_frame(whole)


@pytest.mark.parametrize(("library", "name"), [("pandas", "a.csv"), ("pyarrow", "a.parquet")])
def test_a_missing_library_is_named(library, name, tmp_path, monkeypatch):
    path = write(tmp_path, name)
    for module in [module for module in sys.modules if module.partition(".")[0] == library]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"needs {library}; pip install 'unspool\[series\]'"):
        read_frame(path)
