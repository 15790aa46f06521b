from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.data.pen.made import write
from unspool.data.pen.plain import to_plain
from unspool.data.pen.read import read_inks
from unspool.data.pen.strokes import Inks, Strokes
from unspool.data.sources import Text

SAMPLE = Strokes.of([[[0, 0], [1, 2]], [[5, -1]]], text="hé", writer="me")
PLAIN = to_plain(SAMPLE)
FILES = {
    "a.inkml": "<ink><annotation type='text'>hé</annotation><annotation type='writer'>me</annotation>"
    "<trace>0 0, 1 -2</trace><trace>5 1</trace></ink>",
    "a.json": json.dumps(PLAIN),
    "list.json": "\ufeff" + json.dumps([PLAIN]),
    "pretty.json": json.dumps(PLAIN, indent=2),
    "a.jsonl": json.dumps(PLAIN) + "\n\n",
}


@pytest.mark.parametrize("name", FILES)
def test_the_same_content_has_the_same_fingerprint_in_any_format(tmp_path, name):
    expected = Inks([SAMPLE]).fingerprint()
    path = write(tmp_path / name, FILES[name])
    assert read_inks(path).fingerprint() == expected
    assert read_inks(Text(FILES[name])).fingerprint() == expected
    packed = write(tmp_path / f"{name}.gz", gzip.compress(FILES[name].encode()))
    assert read_inks([str(packed)]).fingerprint() == expected
    nameless = write(tmp_path / "nameless", FILES[name])
    assert read_inks(nameless).fingerprint() == expected


def test_arrays_have_it_too(tmp_path):
    points = np.column_stack([SAMPLE.points, SAMPLE.last])
    np.savez(tmp_path / "a.npz", points=points, offsets=[0, 3], text=["hé"], writer=["me"])
    assert read_inks(tmp_path / "a.npz").fingerprint() == Inks([SAMPLE]).fingerprint()


def test_objects_and_lists_of_anything(tmp_path):
    path = write(tmp_path / "a.json", FILES["a.json"])
    rows = np.array([[0, 0, 0], [1, -2, 1], [4, 3, 1]])
    found = read_inks([SAMPLE, PLAIN, path, rows, Inks([SAMPLE])])
    assert [sample.points.tolist() for sample in found] == [SAMPLE.points.tolist()] * 5
    assert len(read_inks(SAMPLE)) == len(read_inks(PLAIN)) == len(read_inks(rows)) == 1


def test_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(FILES["a.jsonl"].encode())))
    assert [sample.text for sample in read_inks("-")] == ["hé"]


def test_a_folder_is_its_files_of_known_endings(tmp_path):
    for number, name in enumerate(("b/2.svg", "a/1.json", "c.ndjson")):
        drawing = {"word": str(number), "drawing": [[[0], [0]]]}
        content = {
            "b/2.svg": "<svg><title>0</title><line x1='1'/></svg>",
            "a/1.json": json.dumps({**PLAIN, "text": "1"}),
            "c.ndjson": json.dumps(drawing) + "\n" + json.dumps({**drawing, "word": "3"}),
        }[name]
        write(tmp_path / name, content)
    write(tmp_path / "a/notes.txt", "not ours")
    assert [sample.text for sample in read_inks(tmp_path)] == ["1", "0", "2", "3"]


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.txt", "hello", ("a.txt is none of these", '"strokes"')),
        ("a.xml", "<html/>", ("a.xml is html", "InkML")),
        ("a.json", "{", ("a.json is not", "write it again")),
        ("a.json", "[" * 100000, ("a.json is not",)),
        ("a.json", b'{"y": "\xff"}', ("UTF-8", "a.json", "byte 8")),
        ("a.json", "[3]", ("item 1 of a.json", "'3'")),
        ("a.json", "[]", ("at least one pen sample",)),
        ("a.json", "[" * 100000 + "\n1", ("a.json is not",)),
        ("a.json", f'{{"y": "up", "strokes": [[[1{"0" * 400}, 1]]]}}', ("stroke 1 of a.json",)),
        ("a.jsonl", f"{json.dumps(PLAIN)}\n{{", ("line 2 of a.jsonl",)),
        ("a.jsonl", f'{json.dumps(PLAIN)}\n\n{{"y": "up"}}', ("line 3 of a.jsonl", "at least one")),
        ("a.npz", b"PK\x03\x04", ("a.npz does not", "numpy.savez")),
        ("a.npy", b"rubbish", ("a.npy does not", "numpy.savez")),
        ("a.npy", b"\x80\x04N.", ("pickled objects",)),
        ("a.svg", "<svg", ("a.svg is not", "well-formed")),
    ],
)
def test_refusals_name_the_file_and_the_place(tmp_path, monkeypatch, name, content, parts, refused):
    monkeypatch.chdir(tmp_path)
    write(Path(name), content)
    with refused(*parts):
        list(read_inks(name))


def test_refusals_of_objects(tmp_path, refused):
    with refused("at least one pen sample"):
        read_inks([])
    with refused("sample 2 is of type int"):
        read_inks([SAMPLE, 3])
    with refused("there is no nowhere.json"):
        read_inks("nowhere.json")
    write(tmp_path / "notes.txt", "not ours")
    with refused("files that end in", str(tmp_path)):
        read_inks(tmp_path)
    with refused("sample 1", "which way y grows"):
        read_inks({"strokes": [[[0, 0]]]})
