from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.tables import (
    LABEL_NAMES,
    TEXT_NAMES,
    Wanted,
    choose_columns,
    read_columns,
    read_csv,
    read_jsonl,
    read_tsv,
)

GUESS = Wanted()
OPTIONAL = Wanted(require_labels=False)
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\r\n"))
LABEL = st.sampled_from(["yes", "no"])


@given(st.lists(st.tuples(st.text(CHARACTERS), LABEL), min_size=1), st.sampled_from(",;"))
def test_any_csv_comes_back(rows, delimiter):
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter).writerows([("text", "label"), *rows])
    found = read_csv(file.getvalue(), "a.csv", GUESS)
    assert list(zip(found.sequences, found.labels, strict=True)) == rows


@given(st.lists(st.tuples(PLAIN, LABEL), min_size=1), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_any_tsv_comes_back_and_quotes_are_plain(rows, end, last):
    text = end.join(["text\tlabel", *("\t".join(row) for row in rows)]) + (end if last else "")
    found = read_tsv(text, "a.tsv", GUESS)
    assert list(zip(found.sequences, found.labels, strict=True)) == rows


@given(st.lists(st.tuples(st.text(max_size=20), LABEL), min_size=1, max_size=9), st.booleans())
def test_any_json_lines_come_back(rows, ascii_only):
    lines = [json.dumps({"text": text, "label": label}, ensure_ascii=ascii_only) for text, label in rows]
    found = read_jsonl("\n\n".join(lines) + "\n", "a.jsonl", GUESS)
    assert list(zip(found.sequences, found.labels, strict=True)) == rows


def test_a_cell_may_be_longer_than_the_csv_module_expects():
    before = csv.field_size_limit(131_072)
    found = read_csv("text,label\n" + "x" * 200_000 + ",a\n", "a.csv", GUESS)
    assert len(found.sequences[0]) == 200_000
    assert csv.field_size_limit(before) == 131_072


@pytest.mark.parametrize("name", TEXT_NAMES)
def test_each_text_name_is_known_in_any_case(name):
    assert choose_columns(["id", name.upper(), "Label"], "x", GUESS) == (name.upper(), "Label")


@pytest.mark.parametrize("name", LABEL_NAMES)
def test_each_label_name_is_known_in_any_case(name):
    assert choose_columns([name.title(), "id", "text"], "x", GUESS) == ("text", name.title())


@pytest.mark.parametrize(
    ("columns", "wanted", "chosen"),
    [
        (["name", "review", "sentiment", "class"], GUESS, ("review", "class")),
        (["mood", "phrase"], GUESS, ("mood", "phrase")),
        (["mood", "text"], GUESS, ("text", "mood")),
        (["label", "phrase"], GUESS, ("phrase", "label")),
        (["a", "b", "c"], Wanted("c", "a"), ("c", "a")),
        (["A", "B", "C"], Wanted("c", "a"), ("C", "A")),
        (["text", "label", "b"], Wanted("label", "b"), ("label", "b")),
        (["text", "label", "y"], Wanted(label="text", text="y"), ("y", "text")),
        (["id", "text", "b"], OPTIONAL, ("text", None)),
        (["text"], OPTIONAL, ("text", None)),
        (["b"], Wanted("b", None, False), ("b", None)),
    ],
)
def test_columns_are_chosen(columns, wanted, chosen):
    assert choose_columns(columns, "x", wanted) == chosen


@pytest.mark.parametrize(
    ("columns", "wanted", "missing"),
    [
        (["a", "b", "c"], GUESS, "text"),
        (["text", "b", "c"], GUESS, "label"),
        (["label", "b", "c"], GUESS, "text"),
        (["b"], OPTIONAL, "text"),
    ],
)
def test_columns_that_cannot_be_guessed_are_listed(refused, columns, wanted, missing):
    listed = ", ".join(map(repr, columns))
    with refused(f"which one is the {missing} in a.csv", listed, f"--{missing}-column NAME"):
        choose_columns(columns, "a.csv", wanted)


def test_a_named_column_that_is_missing(refused):
    with refused("a.csv has 'a', 'b' and no 'c'", "name one of those"):
        choose_columns(["a", "b"], "a.csv", Wanted(text="c"))


def test_two_columns_without_a_header_lose_no_row():
    found = read_tsv("great\tpos\nbad\tneg\nfine\tpos\n", "a.tsv", GUESS)
    assert found.sequences == ["great", "bad", "fine"]
    assert found.labels == ["pos", "neg", "pos"]


def test_two_columns_with_an_unknown_header():
    found = read_tsv("phrase\tmood\ngreat\tpos\nbad\tneg\n", "a.tsv", GUESS)
    assert found.sequences == ["great", "bad"]


def test_empty_cells_are_empty_texts():
    assert read_csv("text,label\n,a\nx,b\n", "a.csv", GUESS).sequences == ["", "x"]
    assert read_tsv("text\tlabel\n\ta\n\nx\tb", "a.tsv", GUESS).sequences == ["", "x"]
    assert read_jsonl('{"text": null, "label": 1}', "a.jsonl", GUESS).sequences == [""]
    assert read_columns({"text": [None, 7], "label": [0, 1]}, "x", GUESS).sequences == ["", "7"]


def test_json_lines_may_hold_numbers_and_series():
    found = read_jsonl('{"text": 12, "y": 1}\n{"text": [1, 2.5], "y": 2}', "a.jsonl", GUESS)
    assert found.sequences == ["12", [1, 2.5]]
    assert found.labels == [1, 2]


@pytest.mark.parametrize("read", [read_csv, read_tsv])
def test_no_rows(refused, read):
    with refused("rows below its header", "a.x has none", "add examples"):
        read("text\n", "a.x", GUESS)


def test_rows_of_other_width(refused):
    with refused("the 2 cells of the header", "line 4 of a.csv has 3", "quote cells"):
        read_csv('text,label\n"a\nb",x\na,b,c\n', "a.csv", GUESS)
    with refused("the 2 cells of the header", "line 3 of a.tsv has 1"):
        read_tsv("text\tlabel\na\tb\nc\n", "a.tsv", GUESS)


def test_an_open_quote(refused):
    with refused("quoted cell", "must be closed", "a.csv breaks", "use tabs"):
        read_csv('text,label\n"open,a\nb,c\n', "a.csv", GUESS)


def test_broken_json_line(refused):
    with refused("one JSON object", "line 3 of a.jsonl is broken", "mend or remove"):
        read_jsonl('{"text": "a", "label": 1}\n\n{"text": \n', "a.jsonl", GUESS)
    with refused("line 1 of a.jsonl is a list"):
        read_jsonl("[1]", "a.jsonl", GUESS)


def test_json_objects_without_a_key(refused):
    with refused("must have 'label'", "line 2 of a.jsonl has ['text']", "add it"):
        read_jsonl('{"text": "a", "label": 1}\n{"text": "b"}', "a.jsonl", GUESS)


def test_columns_of_unequal_length(refused):
    with refused("equally long", "2 of 'text' and 1 of 'label'"):
        read_columns({"text": ["a", "b"], "label": [1]}, "x", GUESS)


def test_nan_in_a_cell_is_missing():
    assert read_jsonl('{"text": NaN, "label": 1}', "a.jsonl", GUESS).sequences == [""]
