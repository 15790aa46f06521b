from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.labelled import read_labelled, split
from unspool.data.sources import Text
from unspool.errors import SpecError

ROWS = [("good", "pos"), ("", "neg"), ('say "no"', "neg"), ("좋아요 👍", "pos")]
SERIES = [
    np.arange(6, dtype=np.float32).reshape(3, 2),
    np.ones((1, 2), np.float32),
    np.zeros((0, 2), np.float32),
]
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def examples(labelled):
    """Pairs of sequence and class name."""
    return [
        (sequence, labelled.classes[label]) for sequence, label in zip(labelled.texts, labelled.labels, strict=True)
    ]


def files(folder):
    """The rows in every text format; the names are the formats."""
    quoted = [(text.replace('"', '""'), label) for text, label in ROWS]
    made = {
        "a.csv": "id,Text,Label\n" + "".join(f'{n},"{text}",{label}\n' for n, (text, label) in enumerate(quoted)),
        "semicolon.csv": "text;label\n" + "".join(f'"{text}";{label}\n' for text, label in quoted),
        "a.tsv": "document\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in ROWS),
        "tabs.txt": "id\tdocument\tlabel\n" + "".join(f"7\t{text}\t{label}\n" for text, label in ROWS),
        "a.jsonl": "".join(json.dumps({"review": text, "y": label}) + "\n" for text, label in ROWS),
        "unnamed": "".join(json.dumps({"text": text, "class": label}) + "\n" for text, label in ROWS),
    }
    for name, content in made.items():
        (folder / name).write_text(content, encoding="utf-8")
    (folder / "a.tsv.gz").write_bytes(gzip.compress(made["a.tsv"].encode()))
    (folder / "bom.csv").write_bytes(b"\xef\xbb\xbf" + made["a.csv"].encode())
    return [folder / name for name in (*made, "a.tsv.gz", "bom.csv")]


def test_the_same_rows_in_any_format_are_the_same(tmp_path, monkeypatch):
    frame = pandas.DataFrame({"text": [row[0] or None for row in ROWS], "label": [row[1] for row in ROWS]})
    texts, labels = zip(*ROWS, strict=True)
    piped = "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in ROWS)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(piped.encode())))
    data = [*files(tmp_path), "-", Text(piped), frame, dict(frame), ROWS]
    data += [(texts, labels), (list(texts), np.array(labels)), (np.array(texts), frame["label"])]
    for given_data in data:
        found = read_labelled(given_data)
        assert found.kind == "text"
        assert found.classes == ("neg", "pos")
        assert found.labels.dtype == np.int64
        assert examples(found) == ROWS, given_data
        assert found.fingerprint == read_labelled(ROWS).fingerprint
        assert found.lengths.tolist() == [len(text) for text in texts]


def series(found):
    return [array.tolist() for array in found.arrays]


def test_the_same_series_in_any_format_are_the_same(tmp_path):
    labels = [2, 10, 2]
    np.savez(tmp_path / "ragged.npz", values=np.concatenate(SERIES), lengths=[3, 1, 0], y=labels)
    (tmp_path / "a.ts").write_text("@dimensions 2\n@classLabel true 2 10\n@data\n0,2,4:1,3,5:2\n1:1:10\n::2\n")
    lines = [{"text": sequence.tolist(), "label": label} for sequence, label in zip(SERIES, labels, strict=True)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    lists = [sequence.tolist() for sequence in SERIES]
    data = [
        tmp_path / "ragged.npz",
        tmp_path / "a.ts",
        tmp_path / "a.jsonl",
        (SERIES, labels),
        (lists, ["2", "10", "2"]),
    ]
    for given_data in data:
        found = read_labelled(given_data)
        assert found.kind == "numeric"
        assert found.classes == ("2", "10")  # by number, not by letter
        assert found.labels.tolist() == [0, 1, 0]
        assert all(array.dtype == np.float32 for array in found.arrays)
        assert [array.shape for array in found.arrays] == [(3, 2), (1, 2), (0, 2)]
        assert series(found) == series(read_labelled((SERIES, labels)))
        assert found.fingerprint == read_labelled((SERIES, labels)).fingerprint


def test_equal_lengths_in_one_array(tmp_path):
    block = np.random.default_rng(0).standard_normal((4, 5, 3))
    np.savez(tmp_path / "a.npz", X=block, y=np.array(["a", "b", "a", "b"]))
    for data in (tmp_path / "a.npz", (block, list("abab"))):
        found = read_labelled(data)
        assert np.array_equal(np.stack(found.arrays), block.astype(np.float32))
    flat = read_labelled((pandas.DataFrame(block[:, :, 0]), list("abab")))
    assert flat.arrays[0].shape == (5, 1)


def test_a_folder_of_lists(tmp_path):
    for name, content in (
        ("b.txt", "one\r\ntwo\n\n"),
        ("a.txt", "éa\n x"),
        ("README.md", "no"),
        (".c.txt", "no"),
    ):
        (tmp_path / name).write_bytes(content.encode())
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "d.txt").write_text("no")
    expected = [("éa", "a"), (" x", "a"), ("one", "b"), ("two", "b")]
    assert examples(read_labelled(tmp_path)) == expected
    assert examples(read_labelled([tmp_path / "a.txt", str(tmp_path / "b.txt")])) == expected


def test_files_follow_each_other(tmp_path):
    paths = files(tmp_path)[:3]
    assert examples(read_labelled(paths)) == ROWS * 3
    assert read_labelled(paths).fingerprint != read_labelled(paths[0]).fingerprint


def test_columns_by_name():
    table = Text("id,a,b,c\n1,x,y,z\n2,u,v,w\n")
    assert examples(read_labelled([table], "c", "a")) == [("z", "x"), ("w", "u")]


def test_a_frame_with_gaps_and_whole_numbers_as_floats():
    frame = pandas.DataFrame({"x": [1, 2, 3], "text": ["a", float("nan"), None], "label": [1.0, 0.0, 1.0]})
    assert examples(read_labelled(frame)) == [("a", "1"), ("", "0"), ("", "1")]
    arrow = frame.convert_dtypes()
    assert examples(read_labelled(arrow)) == [("a", "1"), ("", "0"), ("", "1")]


def test_without_labels(tmp_path):
    (tmp_path / "a.txt").write_text("one\n\ntwo\n")
    (tmp_path / "b.csv").write_text("id,text,n\n1,one,5\n2,,6\n3,two,7\n")
    np.savez(tmp_path / "c.npz", X=np.zeros((3, 4)))
    for data in (
        tmp_path / "a.txt",
        tmp_path / "b.csv",
        (["one", "", "two"], None),
        {"text": ["one", "", "two"]},
    ):
        found = read_labelled(data, require_labels=False)
        assert found.labels is None
        assert found.texts == [
            "one",
            "",
            "two",
        ]  # blank lines count, so that answers stay beside their questions
    assert len(read_labelled(tmp_path / "c.npz", require_labels=False)) == 3
    assert read_labelled(np.zeros((3, 4)), require_labels=False).arrays[0].shape == (4, 1)
    assert read_labelled({"text": ["a"], "label": [None]}, require_labels=False).labels is None


def test_labels_among_the_classes_of_a_model(refused):
    found = read_labelled([("x", "b")], classes=["b", "a", "c"])
    assert found.classes == ("b", "a", "c")
    assert found.labels.tolist() == [0]
    with refused("the model's classes 'a', 'b'", "'d' came", "mend the labels"):
        read_labelled([("x", "a"), ("x", "d")], classes=["a", "b"])


def test_a_number_for_each_sequence(tmp_path):
    numbers = [0.1, -2.0, 3e10]
    np.savez(tmp_path / "a.npz", values=np.concatenate(SERIES), lengths=[3, 1, 0], y=numbers)
    rows = [{"text": sequence.tolist(), "target": y} for sequence, y in zip(SERIES, numbers, strict=True)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    expected = read_labelled((SERIES, numbers), numeric_target=True)
    for data in (
        tmp_path / "a.npz",
        tmp_path / "a.jsonl",
        (SERIES, np.array(numbers)),
        (SERIES, ["0.1", "-2", "3e10"]),
    ):
        found = read_labelled(data, numeric_target=True)
        assert found.labels is None
        assert found.classes == ()
        assert found.targets.dtype == np.float64
        assert found.targets.tolist() == numbers
        assert found.fingerprint == expected.fingerprint
    assert read_labelled((SERIES, [0.1, -2.0, 3.0]), numeric_target=True).fingerprint != expected.fingerprint
    assert expected.select([2, 0]).targets.tolist() == [3e10, 0.1]
    same = read_labelled((SERIES, [5, 5, 5]), numeric_target=True)  # one value is a value too
    rest, held = split(same, 0.4)
    assert (len(rest), len(held)) == (2, 1)
    unlabelled = read_labelled((SERIES, [1.0, None, 2.0]), numeric_target=True, require_labels=False)
    assert unlabelled.targets is None


@pytest.mark.parametrize("wrong", ["many", "inf", float("inf")])
def test_targets_that_are_no_numbers(refused, wrong):
    with refused("a finite number", "example 2 of the given data", repr(str(wrong)), "a classifier"):
        read_labelled(([[1.0], [2.0]], [1, wrong]), numeric_target=True)


def test_pandas_is_left_alone_where_nobody_uses_it():
    code = (
        "import sys; from unspool.data.labelled import read_labelled;"
        "assert len(read_labelled([('a', 'x'), ('b', 'y')])) == 2; assert 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@given(st.lists(st.tuples(TEXT, st.sampled_from("abc")), min_size=2, max_size=60), st.floats(0.01, 0.99))
def test_a_split_is_a_partition_that_keeps_the_shares(rows, fraction):
    if len({label for _, label in rows}) < 2 or len(rows) == len({label for _, label in rows}):
        return
    rows = [(f"{number} {text}", label) for number, (text, label) in enumerate(rows)]
    labelled = read_labelled(rows)
    rest, held = split(labelled, fraction, seed=4)
    assert sorted(examples(rest) + examples(held)) == sorted(rows)
    assert rest.classes == held.classes == labelled.classes
    assert examples(held) == [row for row in rows if row in examples(held)]  # in the order of the data
    for number in range(len(labelled.classes)):
        total, out = (labelled.labels == number).sum(), (held.labels == number).sum()
        assert (total == 1 and out == 0) or 1 <= out <= total - 1
        assert abs(out - fraction * total) <= 1
    assert split(labelled, fraction, seed=4)[1].fingerprint == held.fingerprint


def test_splits_differ_by_seed_and_work_without_labels():
    labelled = read_labelled(([str(number) for number in range(100)], None), require_labels=False)
    rest, held = split(labelled, 0.2, seed=0)
    assert len(held) == 20
    assert held.labels is None
    assert split(labelled, 0.2, seed=1)[1].texts != held.texts
    assert rest.select([0, 1]).texts == rest.texts[:2]


def test_splits_that_cannot_be(refused):
    labelled = read_labelled([("x", "a"), ("y", "b")])
    with refused("two examples or more", "2 examples came", "file for validation"):
        split(labelled, 0.5)
    for fraction in (0, 1, -1, 1.5):
        with refused("between 0 and 1", str(fraction), error=SpecError):
            split(labelled, fraction)


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ([], ["at least one example", "none came"]),
        (([], []), ["at least one example"]),
        ((["a"], [1, 2]), ["one label", "1 sequences and 2 labels"]),
        (
            [("a", "x"), ("b", "x")],
            ["two classes or more", "all 2 examples of the given data are 'x'", "another"],
        ),
        ([("a", "x"), ("b", None)], ["must have a label", "example 2 of the given data has none", "leave"]),
        ({"text": ["a", "b"], "label": ["x", ""]}, ["example 2 of the given data has none"]),
        ((["a", [1.0]], [0, 1]), ["all text or all numbers", "1 texts among 2"]),
        (([[1.0], [float("nan")]], [0, 1]), ["finite", "example 2", "nan at step 1"]),
        (([[[1, 2]], [[1, 2, 3]]], [0, 1]), ["same channels", "example 2", "3 where others have 2"]),
        ((np.zeros(4), [0, 1, 0, 1]), ["shape [T] or [T, C]", "has shape []"]),
        ((["a", "b"], None), ["must have a label", "the given data has none"]),
        (5, ["(X, y), a DataFrame", "int came", "paths of files"]),
    ],
)
def test_data_in_python_that_is_refused(refused, data, parts):
    with refused(*parts):
        read_labelled(data)


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.csv", b"a,b,c\n1,2,3\n", ["which one is the text", "'a', 'b', 'c'", "--text-column"]),
        ("a.csv", b"text,label\n", ["rows below its header", "a.csv has none"]),
        ("a.csv", b"text,label\nx,a\ny,a\n", ["two classes", "all 2 examples", "a.csv are 'a'"]),
        ("a.csv", b"text,label\nx,a\ny, \n", ["must have a label", "example 2", "a.csv has none"]),
        ("a.tsv", b"text\tlabel\n\xff\ta\n", ["must be UTF-8", "byte 11", "a.tsv is 0xFF", "convert"]),
        ("a.jsonl", b'{"text": "x"', ["line 1", "a.jsonl is broken"]),
        ("a.ts", b"@data\n", ["a.ts ends before the first"]),
        ("a.txt", b"one\ntwo\n", ["two classes", "all 2 examples", "'a'"]),
        ("a.csv.gz", b"text,label\n", ["whole gzip data", "a.csv.gz is damaged"]),
        ("a.npz", b"PK no", ["plain arrays", "a.npz does not", "numpy.savez"]),
        ("a.csv", b"", ["must not be empty", "a.csv has 0 bytes"]),
        ("a.txt", b"\n \n", ["at least one example"]),
    ],
)
def test_files_that_are_refused(tmp_path, refused, name, content, parts):
    (tmp_path / name).write_bytes(content)
    with refused(*parts):
        read_labelled(tmp_path / name)


@pytest.mark.parametrize(
    ("arrays", "parts"),
    [
        ({"a": np.zeros(2)}, ["X, or values and lengths", "holds a", "numpy.savez"]),
        ({"X": np.zeros((2, 3)), "y": [1, 2, 3]}, ["one label for each of 2 examples", "shape [3]"]),
        ({"X": np.zeros((2, 3))}, ["must have a label", "has none"]),
        ({"values": np.zeros((4, 1)), "lengths": [1, 2], "y": [0, 1]}, ["add up to the 4 rows", "do not"]),
        ({"values": np.zeros((1, 1)), "lengths": [2, -1], "y": [0, 1]}, ["add up to the 1 rows"]),
        ({"values": np.zeros((3, 1)), "lengths": [1.5, 1.5], "y": [0, 1]}, ["whole numbers"]),
        ({"X": np.array([[1], [1, 2]], dtype=object), "y": [0, 1]}, ["plain arrays", "values and lengths"]),
        ({"X": np.array([[1.0, np.inf]]), "y": [0]}, ["finite", "example 1", "inf at step 2"]),
    ],
)
def test_arrays_that_are_refused(tmp_path, refused, arrays, parts):
    np.savez(tmp_path / "a.npz", **arrays)
    with refused(*parts):
        read_labelled(tmp_path / "a.npz")


def test_folders_and_mixtures_that_are_refused(tmp_path, refused):
    (tmp_path / "a.md").write_text("x")
    with refused("must hold .txt files", "has none", "name another folder"):
        read_labelled(tmp_path)
    with refused("there is no", "gone.csv"):
        read_labelled(tmp_path / "gone.csv")
    (tmp_path / "a.tsv").write_text("text\tlabel\nx\ta\n")
    np.savez(tmp_path / "b.npz", X=np.zeros((1, 2)), y=["b"])
    with refused("all text or all numbers", "1 texts and 1 arrays", "apart"):
        read_labelled([tmp_path / "a.tsv", tmp_path / "b.npz"])
    np.savez(tmp_path / "c.npz", X=np.zeros((1, 2, 5)), y=["c"])
    with refused("same channels", "c.npz has 5 where others have 1"):
        read_labelled([tmp_path / "b.npz", tmp_path / "c.npz"])


def test_a_fingerprint_tells_where_one_sequence_ends():
    prints = {
        read_labelled(data).fingerprint
        for data in (
            [("ab", "x"), ("c", "y")],
            [("a", "x"), ("bc", "y")],
            [("ab", "y"), ("c", "x")],
            ([[1.0, 2.0], [3.0]], ["x", "y"]),
            ([[1.0], [2.0, 3.0]], ["x", "y"]),
        )
    }
    assert len(prints) == 5


@pytest.mark.parametrize("target", ["1e300", "-1e39", "inf", "nan"])
def test_targets_that_no_measure_can_hold(refused, target):
    with refused("a finite number of at most 3.4e+38", f"example 2 of the given data has '{target}'"):
        read_labelled((["a", "b"], ["1", target]), numeric_target=True)
