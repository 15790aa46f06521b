"""Lines of a table as they come: CSV, TSV, JSON lines."""

from __future__ import annotations

import pytest

from unspool.data.rows import Row, rows_like
from unspool.errors import DataError

COLUMNS = ["a", "b"]


@pytest.mark.parametrize(
    ("first", "line", "row"),
    [
        ("id,b,note,a", "s1,2,x,1", Row("s1", ["1", "2"])),
        ("id;b;a", "s1;2,5;1", Row("s1", ["1", "2,5"])),
        ("id\tb\ta", 's"1\t2\t1', Row('s"1', ["1", "2"])),
        ('"id",b,a', '"s,""1""",2,', Row('s,"1"', ["", "2"])),
        (" ID ,B,A", "s1,2,1", Row("s1", ["1", "2"])),
        ('{"id": 7, "a": 1, "b": 2}', '{"b": 2.50, "a": null, "id": 12345678901234567890, "z": 0}', None),
    ],
)
def test_columns_by_name(first: str, line: str, row: Row | None) -> None:
    rows = rows_like(first, COLUMNS, "id")
    assert rows.header is (row is not None)
    assert rows.row(line) == (row or Row("12345678901234567890", ["", "2.50"]))


@pytest.mark.parametrize(
    ("first", "key", "line", "row"),
    [
        ("x,id,y", "id", "1,s,2", Row("s", ["1", "2"])),
        ("1,2", None, "3,4,5", Row("", ["3", "4", "5"])),
        ("[1, 2]", None, "[3, NaN]", Row("", ["3", "NaN"])),
        ('{"x": 1, "id": "s", "y": 2}', "id", '{"id": "s", "y": 4, "x": 3}', Row("s", ["3", "4"])),
        ('{"values": [1, 2], "id": "s"}', "id", '{"id": 3, "values": [5, 6]}', Row("3", ["5", "6"])),
    ],
)
def test_all_values_in_their_order(first: str, key: str | None, line: str, row: Row) -> None:
    assert rows_like(first, None, key).row(line) == row


@pytest.mark.parametrize(("first", "header"), [("x,y", True), ("x,1", False), ("1,2", False), ('{"x": 1}', False)])
def test_a_header_is_guessed(first: str, header: bool) -> None:
    assert rows_like(first, None, None).header is header


def test_a_format_that_is_named() -> None:
    assert rows_like("a\tb", None, None, "csv").row("1\t2,3").cells == ["1\t2", "3"]
    assert rows_like("[1", None, None, "csv").row("[2,3]").cells == ["[2", "3]"]
    with pytest.raises(DataError, match="one JSON object, got 'a,b'"):
        rows_like("a,b", None, None, "jsonl")


@pytest.mark.parametrize(
    ("first", "line", "told"),
    [
        ("id,a,b", "s,1", "the 3 cells of the header, got 2"),
        ("id,a,b", 's,"1,2', "closed in its own line"),
        ("id,a,b", 's,"1"0,2', "closed in its own line"),
        ('{"id": 1}', '{"id": 1, "a": 2}', "must have 'b', got 'id', 'a'"),
        ('{"id": 1}', '{"a": 1, "b": 2}', "must have 'id'"),
        ('{"id": 1}', "[1, 2]", "one JSON object like the first"),
        ('{"id": 1}', "7", "one JSON object like the first"),
        ('{"id": 1}', "{", "one JSON object, got '{'"),
        ('{"id": 1}', "[" * 100_000, "one JSON object"),
        ("id,a,b", ",1,2", "the key of a row must be a text or a number, not empty, got ''"),
        ('{"id": 1}', '{"id": " ", "a": 1, "b": 2}', "not empty, got ' '"),
        ('{"id": 1}', '{"id": null, "a": 1, "b": 2}', "a text or a number, not empty, got None"),
        ('{"id": 1}', '{"id": ["a"], "a": 1, "b": 2}', "a text or a number"),
        ('{"id": 1}', '{"id": true, "a": 1, "b": 2}', "a text or a number"),
    ],
)
def test_bad_rows(first: str, line: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        rows_like(first, COLUMNS, "id").row(line)


def test_a_list_of_values_is_one() -> None:
    with pytest.raises(DataError, match="'values' must be a list"):
        rows_like('{"values": [1]}', None, None).row('{"values": 1}')


def test_a_column_that_is_missing() -> None:
    with pytest.raises(DataError, match="must name the column 'b', it has 'a', '1'"):
        rows_like("a,1", COLUMNS, None)
