from __future__ import annotations

import json

import numpy as np
import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unspool.data.labelled import read_labelled
from unspool.data.stepwise import read_stepwise

NUMBER = st.floats(-1e6, 1e6, width=32)
SEQUENCE = st.tuples(st.sampled_from(["a", "b"]), st.lists(st.tuples(NUMBER, NUMBER), min_size=1, max_size=6))
SEQUENCES = st.lists(SEQUENCE, min_size=2, max_size=6).filter(lambda found: len({label for label, _ in found}) == 2)


def frame_of(sequences, seed):
    """The rows of all sequences in any order, but keys in that of the sequences."""
    rows = [(f"k{number}", step, *cells, label) for number, (label, rows) in enumerate(sequences)
            for step, cells in enumerate(rows)]  # fmt: skip
    frame = pandas.DataFrame(rows, columns=["who", "time", "u", "v", "class"])
    mixed = frame.iloc[np.random.default_rng(seed).permutation(len(frame))]
    first = mixed.drop_duplicates("who").sort_values("who", key=lambda keys: keys.str[1:].astype(int))
    return pandas.concat([first, mixed.drop(first.index)], ignore_index=True)


@given(SEQUENCES, st.integers(0, 5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8)
def test_the_same_series_in_any_format_are_the_same(tmp_path, sequences, seed):
    frame = frame_of(sequences, seed)
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, frame.to_dict("records"))))
    values = [np.array(rows, np.float32) for _, rows in sequences]
    expected = read_labelled((values, [label for label, _ in sequences]))
    for data in (*tmp_path.iterdir(), frame, frame.to_dict("list")):
        found = read_labelled(data, key="who")
        assert [array.tolist() for array in found.arrays] == [array.tolist() for array in values]
        assert found.fingerprint == expected.fingerprint, data
        assert found.channels == ("u", "v")


def test_parquet_of_texts_and_of_series(tmp_path):
    pandas.DataFrame({"text": ["x", None], "label": [1, 2]}).to_parquet(tmp_path / "a.parquet")
    assert read_labelled(tmp_path / "a.parquet").fingerprint == read_labelled([("x", 1), ("", 2)]).fingerprint
    series = [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]]]
    pandas.DataFrame({"text": series, "label": [1, 2]}).to_parquet(tmp_path / "b.parquet")
    assert read_labelled(tmp_path / "b.parquet").fingerprint == read_labelled((series, [1, 2])).fingerprint


def test_a_label_in_one_row_is_enough_and_stamps_may_be_dates():
    table = {
        "id": [7, 8, 7, 8],
        "date": ["2020-01-02", "2020-01-01", "2020-01-01", "2020-01-02"],
        "v": [2.0, 3.0, 1.0, 4.0],
        "label": [None, "a", "b", None],
    }
    found = read_labelled(table, key="id")
    assert [array.ravel().tolist() for array in found.arrays] == [[1, 2], [3, 4]]
    assert [found.classes[place] for place in found.labels] == ["b", "a"]


def test_the_columns_of_a_model_are_taken_by_name():
    table = {"id": [1, 1], "y": [1, 2], "x": [3, 4], "more": [5, 6]}
    found = read_labelled(table, key="id", channels=("x", "y"), require_labels=False)
    assert found.arrays[0].tolist() == [[3, 1], [4, 2]]
    assert found.channels == ("x", "y")


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("id,v,label\n1,2,x\n1,3,y\n", ["one label", "sequence 1 of", "a.csv has 'x' and 'y'", "another column"]),
        ("id,v,label\n1,2,\n2,3,y\n", ["must have a label", "example 1 of", "a.csv has none"]),
        ("id,v,label\n1,2,x\n,3,y\n", ["must have", "row 2 of", "a.csv has none in 'id'"]),
        ("id,label\n1,x\n2,y\n", ["a column of numbers", "a.csv"]),
        ("id,v,label\n1,2,x\n2,,y\n", ["finite", "example 2 of", "nan at step 1"]),
        ("v,label\n1,x\n2,y\n", ["a.csv has 'v', 'label'", "no 'id'"]),
        ("id,v,w\n1,2,3\n2,3,4\n", ["a column of labels", "'id', 'v', 'w'", "--label-column"]),
        ("id,v,label\n", ["rows below its header", "a.csv has none"]),
    ],
)
def test_tables_that_are_refused(tmp_path, refused, content, parts):
    (tmp_path / "a.csv").write_text(content)
    with refused(*parts):
        read_labelled(tmp_path / "a.csv", key="id")


def test_a_parquet_file_that_is_none(tmp_path, refused):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no")
    with refused("whole Parquet file", "a.parquet is damaged"):
        read_labelled(tmp_path / "a.parquet")


def test_json_lines_of_steps(tmp_path):
    rows = [{"id": n // 2, "v": n, "label": "ab"[n // 2]} for n in range(4)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert [array.ravel().tolist() for array in read_labelled(tmp_path / "a.jsonl", key="id").arrays] == [
        [0, 1],
        [2, 3],
    ]


def test_a_channel_called_y_is_no_label_where_another_was_named():
    table = {"id": [1, 1, 2], "x": [1.0, 2.0, 3.0], "y": [4.0, 5.0, 6.0]}
    for read in (read_labelled, read_stepwise):
        found = read(table, key="id", label_column="motion", require_labels=False)
        assert found.labels is None
        assert found.channels == ("x", "y")
        assert found.names == ("1", "2")
    wide = {"text": ["a", "b"], "y": ["c", "d"]}
    assert read_labelled(wide, label_column="motion", require_labels=False).labels is None
    lists = {"values": [[1.0]], "y": [["c"]]}
    assert read_stepwise(lists, label_column="motion", require_labels=False).labels is None
    assert read_labelled(wide, require_labels=False).labels is not None


def test_sequences_are_called_by_their_keys():
    table = {"id": ["p", "q", "p"], "x": [1.0, 2.0, 3.0], "label": ["a", "b", "a"]}
    for read in (read_labelled, read_stepwise):
        found = read(table, key="id")
        assert found.names == ("p", "q")
        assert found.select([1]).names == ("q",)
        assert found.fingerprint == read({**table, "id": ["r", "s", "r"]}, key="id").fingerprint
    tokens = {"id": [5, 7], "word": ["u", "v"], "label": ["a", "b"]}
    assert read_stepwise(tokens, key="id").names == ("5", "7")
