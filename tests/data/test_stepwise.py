from __future__ import annotations

import io
import json
import sys

import numpy as np
import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unspool.data.sources import Text
from unspool.data.stepwise import read_stepwise, split
from unspool.errors import SpecError

WORD = st.text(st.sampled_from("abc é한"), min_size=1, max_size=4).filter(str.strip)
LABEL = st.sampled_from(["x", "y", "z"])
TOKENS = st.lists(st.lists(st.tuples(WORD, LABEL | st.none()), min_size=1, max_size=6), min_size=1, max_size=5)
NUMBER = st.floats(-1e6, 1e6, width=32)
ROWS = st.lists(st.lists(st.tuples(NUMBER, NUMBER, LABEL | st.none()), min_size=1, max_size=6), min_size=1, max_size=5)


def of_two_classes(sequences):
    return len({row[-1] for rows in sequences for row in rows} - {None}) >= 2


def long_rows(sequences):
    """(key, step, cells..., label) of each row, the sequences' rows in turn: first of each, second of each, ..."""
    longest = max(map(len, sequences))
    turns = [(step, number) for step in range(longest) for number, rows in enumerate(sequences) if step < len(rows)]
    return [(f"k{number}", step, *sequences[number][step]) for step, number in turns]


def csv_of(header, rows, separator=","):
    lines = [separator.join("" if cell is None else str(cell) for cell in row) for row in (header, *rows)]
    return "\n".join(lines) + "\n"


@given(ROWS.filter(of_two_classes))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8)
def test_the_same_numbers_in_any_format_are_the_same(tmp_path, sequences):
    values = [np.array([row[:2] for row in rows], np.float32) for rows in sequences]
    labels = [[row[2] for row in rows] for rows in sequences]
    header, rows = ("id", "time", "a", "b", "label"), long_rows(sequences)
    shuffled = [rows[place] for place in np.random.default_rng(0).permutation(len(rows))]
    shuffled.sort(key=lambda row: row[1] > 0)  # keys appear in the same order
    shuffled[: len(sequences)] = rows[: len(sequences)]
    frame = pandas.DataFrame(rows, columns=header)
    (tmp_path / "a.csv").write_text(csv_of(header, shuffled))
    (tmp_path / "a.tsv").write_text(csv_of(header, rows, "\t"))
    frame.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "long.jsonl").write_text("\n".join(json.dumps(dict(zip(header, row, strict=True))) for row in rows))
    pairs = list(zip(values, labels, strict=True))
    lines = [json.dumps({"values": v.tolist(), "labels": names}) for v, names in pairs]
    (tmp_path / "whole.jsonl").write_text("\n".join(lines))
    names = [name or "" for row in labels for name in row]
    np.savez(tmp_path / "a.npz", values=np.concatenate(values), lengths=[*map(len, values)], labels=names)
    folder = tmp_path / "folder"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for number, part in enumerate(sequences):
        (folder / f"{number}.csv").write_text(csv_of(header[2:], part))
    expected = read_stepwise((values, labels))
    assert [array.tolist() for array in expected.arrays] == [array.tolist() for array in values]
    found = [[expected.classes[place] if place >= 0 else None for place in row] for row in expected.labels]
    assert found == labels
    for name in ("a.csv", "a.tsv", "a.parquet", "long.jsonl"):
        read = read_stepwise(tmp_path / name, key="id")
        assert read.fingerprint == expected.fingerprint, name
        assert read.channels == ("a", "b")
    for data in (tmp_path / "whole.jsonl", tmp_path / "a.npz", folder, {"values": values, "labels": labels}, pairs):
        assert read_stepwise(data).fingerprint == expected.fingerprint, data
    assert read_stepwise(frame, key="id").fingerprint == expected.fingerprint


@given(TOKENS.filter(of_two_classes))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8)
def test_the_same_tokens_in_any_format_are_the_same(tmp_path, sequences):
    tokens = [[row[0] for row in rows] for rows in sequences]
    labels = [[row[1] for row in rows] for rows in sequences]
    listed = "\n\n".join("\n".join(f"{token}\t{label or ''}" for token, label in rows) for rows in sequences)
    (tmp_path / "a.txt").write_text(listed + "\n", encoding="utf-8")
    (tmp_path / "a.conll").write_text("\n\n" + listed.replace("\n", "\r\n"), encoding="utf-8")
    pairs = zip(tokens, labels, strict=True)
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"tokens": t, "labels": names}) for t, names in pairs))
    pandas.DataFrame({"tokens": tokens, "labels": labels}).to_parquet(tmp_path / "a.parquet")
    frame = pandas.DataFrame(long_rows(sequences), columns=["id", "t", "token", "label"])
    expected = read_stepwise((tokens, labels))
    assert expected.kind == "tokens"
    assert [list(sequence) for sequence in expected.symbols] == tokens
    for data in (*tmp_path.iterdir(), Text(listed)):
        assert read_stepwise(data).fingerprint == expected.fingerprint, data
    assert read_stepwise(frame, key="id").fingerprint == expected.fingerprint


def test_characters_and_pictures(tmp_path):
    text = read_stepwise({"text": ["ab", "c"], "labels": [["x", "y"], ["x"]]})
    assert text.kind == "text"
    assert text.symbols == ["ab", "c"]
    (tmp_path / "a.jsonl").write_text('{"text": "ab", "tags": ["x", "y"]}\n{"text": "c", "tags": ["x"]}')
    assert read_stepwise(tmp_path / "a.jsonl").fingerprint == text.fingerprint
    assert read_stepwise({"text": ["ab"]}, require_labels=False).symbols == ["ab"]
    block = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5).astype(np.uint8)
    np.savez(tmp_path / "a.npz", X=block, y=[[0, 1, -1], [1, 0, 2]])
    video = read_stepwise(tmp_path / "a.npz")
    assert video.arrays[1].shape == (3, 4, 5)
    assert video.arrays[1].dtype == np.float32
    assert video.classes == ("0", "1", "2")
    assert [row.tolist() for row in video.labels] == [[0, 1, -1], [1, 0, 2]]


def test_minus_one_is_a_class_in_a_table_and_none_in_an_array():
    table = {"value": [1.0, 2.0, 3.0], "label": [-1, 1, -1]}
    assert read_stepwise(table).classes == ("-1", "1")
    found = read_stepwise(([[1.0, 2.0, 3.0]], [[-1, 1, 0]]))
    assert found.classes == ("0", "1")
    assert found.labels[0].tolist() == [-1, 1, 0]


def test_words_that_pandas_takes_for_missing_are_words(tmp_path, refused):
    words = ["NA", "None", "null", "nan", "", "x"]
    rows = [(1, word, word, place) for place, word in enumerate(words)]
    (tmp_path / "a.csv").write_text(csv_of(("id", "token", "label", "time"), rows))
    found = read_stepwise(tmp_path / "a.csv", key="id")
    assert found.symbols == [words]
    assert [found.classes[place] if place >= 0 else "" for place in found.labels[0]] == words
    (tmp_path / "b.csv").write_text("u,v,label\n5,NA,a\n6,7,b\n")  # among numbers they are missing
    with refused("finite numbers", "nan at step 1, channel 2"):
        read_stepwise(tmp_path / "b.csv")


def test_a_fingerprint_tells_where_sequences_and_tokens_end():
    prints = {
        read_stepwise(data).fingerprint
        for data in (
            ([["a", "b"], ["c"]], [["x", "y"], ["x"]]),
            ([["a"], ["b", "c"]], [["x"], ["y", "x"]]),
            ([["a", "bc"]], [["x", "y"]]),
            ([["ab", "c"]], [["x", "y"]]),
            ([["ab", "c"]], [["y", "x"]]),
            (["ac"], [["x", "y"]]),
            ([["a", "c"]], [["x", "y"]]),
        )
    }
    assert len(prints) == 7


def test_equal_stamps_keep_the_order_of_the_table():
    table = {"id": [1, 1, 1, 1], "time": [2, 1, 2, 1], "v": [30, 10, 40, 20], "label": list("abcd")}
    assert read_stepwise(table, key="id").arrays[0].ravel().tolist() == [10, 20, 30, 40]


def test_the_columns_of_a_model_are_taken_by_name():
    table = {"y": [1, 2], "x": [3, 4], "more": [5, 6]}
    found = read_stepwise(table, channels=("x", "y"), require_labels=False)
    assert found.arrays[0].tolist() == [[3, 1], [4, 2]]
    assert found.labels is None


def test_standard_input_and_unlabelled_tokens(monkeypatch):
    for piped, symbols in (("a\tx\nb\ty\n\nc\tx\n", [["a", "b"], ["c"]]), ('{"tokens": ["a"]}', [["a"]])):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(piped.encode())))
        assert read_stepwise("-", require_labels=False).symbols == symbols


def test_labels_among_the_classes_of_a_model(refused):
    found = read_stepwise(([[1.0, 2.0]], [["b", "b"]]), classes=["a", "b"])
    assert found.classes == ("a", "b")
    assert found.labels[0].tolist() == [1, 1]
    with refused("the model's classes 'a', 'b'", "'c' came"):
        read_stepwise(([[1.0]], [["c"]]), classes=["a", "b"])


@given(st.integers(2, 30), st.floats(0.01, 0.99), st.integers(0, 3))
def test_a_split_is_a_partition(count, fraction, seed):
    data = read_stepwise(([[float(place), 0.0] for place in range(count)], [[0, 1]] * count))
    rest, held = split(data, fraction, seed)
    assert sorted(array[0, 0] for part in (rest, held) for array in part.arrays) == list(range(count))
    assert len(held) == min(max(int(fraction * count + 0.5), 1), count - 1)
    assert held.fingerprint == split(data, fraction, seed)[1].fingerprint


def test_a_split_by_group_divides_none(refused):
    groups = [place // 3 for place in range(60)]
    columns = {"values": [[float(place)] * 2 for place in range(60)], "labels": [[place % 2, 1] for place in range(60)]}
    data = read_stepwise({**columns, "who": groups}, group="who")
    rest, held = split(data, 0.2, seed=1)
    assert not set(rest.groups) & set(held.groups)
    assert 9 <= len(held) <= 15
    for part in (rest, held):
        assert [array[0, 0] // 3 for array in part.arrays] == part.groups.tolist()
    with refused("two sequences or more", "file for validation"):
        split(read_stepwise(([[1.0, 2.0]], [[0, 1]])), 0.1)
    with refused("between 0 and 1", error=SpecError):
        split(data, 1.0)


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ([], ["at least one sequence", "none came"]),
        (([[1.0, 2.0]], [[0]]), ["one label", "sequence 1 of the given data has 2 steps and 1 labels"]),
        (([[1.0]], [0]), ["a list with one for each step", "sequence 1 of the given data has 0", "a classifier"]),
        (([[1.0], ["a"]], [[0], [1]]), ["all text, all tokens or all numbers", "numeric and tokens came"]),
        (([["a", 5]], [[0, 1]]), ["every token must be text", "sequence 1 of the given data has 5"]),
        (([[1.0], [[1.0, 2.0]]], [[0], [1]]), ["same channels", "example 2", "2 where others have 1"]),
        (([[1.0, float("nan")]], [[0, 1]]), ["finite", "nan at step 2, channel 1"]),
        (([5.0], [[0]]), ["must have steps", "example 1 of the given data is a single number"]),
        (([[1.0, 2.0]], [[1, None]]), ["two classes", "all 1 labelled steps of the given data are '1'"]),
        (([[1.0, 2.0]], [[-1, None]]), ["two classes", "the given data has no labelled steps", "another class"]),
        (([[1.0]], None), ["must have labels", "the given data has none"]),
        ({"z": [[1.0]], "label": [[1]]}, ["X, values, tokens or text", "'label', 'z'", "--text-column"]),
        ({"values": [[1.0]], "label": [[1], [2]]}, ["its labels", "1 sequences and labels of 2"]),
        ({"v": [1.0], "w": [2.0]}, ["a column of labels", "'v', 'w'", "--label-column"]),
    ],
)
def test_data_in_python_that_is_refused(refused, data, parts):
    with refused(*parts):
        read_stepwise(data)


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.txt", "a\tx\ty\n", ["a token, a tab and its label", "line 1", "a.txt has 3 cells"]),
        ("a.txt", "a\nb\n", ["must have labels", "a.txt has none"]),
        ("a.csv", "id,v,label\n1,2,x\n,3,y\n", ["must have", "row 2", "a.csv has none in 'id'"]),
        ("a.csv", "id,v,label\n1,2,x\n1,,y\n", ["finite", "example 1", "nan at step 2, channel 1"]),
        ("a.csv", "id,v\n1,2\n1,3\n", ["a column of labels", "a.csv", "'id', 'v'"]),
        ("a.csv", "id,label\n1,x\n1,y\n", ["a column of numbers", "a.csv"]),
        ("a.csv", "key,v,label\n1,2,x\n", ["a.csv has 'key', 'v'", "no 'id'", "name one of those"]),
        ("a.csv", "id,time,v,label\n1,noon,2,x\n", ["every time must be a stamp", "row 1", "'noon'"]),
        ("a.jsonl", '{"id": 1, "v": 1\n', ["line 1", "a.jsonl is broken"]),
        ("a.jsonl", "\n", ["a.jsonl"]),
        ("a.ts", "@data\n1,2:x\n", ["one for each step", "a.ts are one a sequence", "a classifier"]),
    ],
)
def test_files_that_are_refused(tmp_path, refused, name, content, parts):
    (tmp_path / name).write_text(content)
    with refused(*parts):
        read_stepwise(tmp_path / name, key="id")


def test_folders_and_groups_that_are_refused(tmp_path, refused):
    (tmp_path / "a.md").write_text("x")
    with refused("must hold files that end in .npz, .csv", "has none", "another folder"):
        read_stepwise(tmp_path)
    np.savez(tmp_path / "a.npz", values=np.zeros(3), lengths=[1, 2], labels=[0, 1])
    with refused("add up to the 2 rows of labels", "a.npz do not"):
        read_stepwise(tmp_path / "a.npz")
    with refused("no 'who'", "name one of those"):
        read_stepwise({"values": [[1.0, 2.0]], "labels": [[0, 1]]}, group="who")
    with refused("groups are a column", "the given data has none called 'who'", "leave the option out"):
        read_stepwise(([[1.0, 2.0]], [[0, 1]]), group="who")
    with refused("must have one group", "sequence 1 of the given data has 'a' and 'b'"):
        read_stepwise({"v": [1, 2], "label": [0, 1], "who": ["a", "b"]}, group="who")
    (tmp_path / "a.csv").write_text("a,b,label\n1,2,x\n")
    (tmp_path / "b.csv").write_text("b,a,label\n1,2,y\n")
    with refused("same columns of numbers in the same order", "b.csv has 'b', 'a' where", "a.csv has 'a', 'b'"):
        read_stepwise([tmp_path / "a.csv", tmp_path / "b.csv"])


@pytest.mark.parametrize("seed", range(8))
def test_every_class_stays_in_the_rest(seed):
    labels = [["a", "rare" if number == 3 else "b"] for number in range(10)]
    rest, held = split(read_stepwise(([[1.0, 2.0]] * 10, labels)), 0.6, seed)
    assert {rest.classes[place] for row in rest.labels for place in row} == {"a", "b", "rare"}
    assert len(held) == 6


def test_a_split_of_sequences_that_are_all_needed(refused):
    with refused("classes others have too", "each of 2 sequences", "a file for validation"):
        split(read_stepwise(([[1.0], [2.0]], [["a"], ["b"]])), 0.5)


def test_a_channel_is_not_taken_for_classes(refused):
    steps = np.random.default_rng(0).normal(size=(40, 2))
    table = {"x": steps[:, 0], "y": steps[:, 1]}
    with refused("classes that come again and again", "40 of the 40 labels of the given data occur once", "--label"):
        read_stepwise(table)
    with refused("again and again", "different numbers"):
        read_stepwise({"x": np.tile(steps[:, 0], 3), "y": np.tile(steps[:, 1].round(2), 3)})
    assert len(read_stepwise(table, label_column="y").classes) == 40  # whoever names it means it
    assert len(read_stepwise({"x": np.arange(60), "y": np.arange(60) % 30}).classes) == 30


def test_files_name_their_sequences(tmp_path):
    for name in ("b", "a"):
        (tmp_path / f"{name}.csv").write_text("v,label\n1,x\n2,y\n")
    assert read_stepwise(tmp_path).names == ("a.csv", "b.csv")
    assert read_stepwise(tmp_path / "a.csv").names == ("a.csv",)
    assert read_stepwise(([[1.0, 2.0]], [["x", "y"]])).names is None
