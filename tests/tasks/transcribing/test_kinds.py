from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from unspool.data.sound.made import made_sounds
from unspool.errors import DataError, SpecError
from unspool.tasks.transcribing.kinds import kind_of

STROKES = '{"text": "a", "y": "up", "strokes": [[[0, 0], [1, 1]]]}\n'


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.WAV", "", "sound"),
        ("a.aifc", "", "sound"),
        ("a.sph", "", "sound"),
        ("a.inkml", "", "pen"),
        ("a.jsonl", STROKES, "pen"),
        ("a.jsonl", '{"audio_filepath": "a.wav", "text": "a"}\n', "sound"),
        ("a.jsonl", '{"series": [[1], [2]], "label": "a"}\n', "numbers"),
        ("a.json", '{\n "strokes": []\n}', "pen"),
        ("a.tsv", "path\tsentence\na.mp3\ta\n", "sound"),
        ("1-2.trans.txt", "1-2-0 A\n", "sound"),
        ("a.csv", "id,x,text\n1,2,a\n", "numbers"),
        ("a.npz", "no archive", "numbers"),
        ("a.npz", "PK\x03\x04 cut short", "numbers"),
        ("none.csv", None, "numbers"),
    ],
)
def test_of_a_file(tmp_path: Path, name: str, content: str | None, kind: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    (tmp_path / "beside.flac").write_text("a sound in the same folder says nothing about a table")
    assert kind_of(str(tmp_path / name)) == kind


LINE = {"text": "a", "y": "up", "strokes": [[[0.25 * x, 1.5] for x in range(300)]]}  # 3 KB
SERIES = [[0.25 * x, 1.5] for x in range(300)]


@pytest.mark.parametrize(
    ("name", "found", "kind"),
    [
        ("a.json", [LINE] * 4, "pen"),
        ("a.json", [LINE] * 120, "pen"),  # its one line is cut before its end
        ("a.json", [SERIES] * 4, "numbers"),
        ("a.json", [SERIES] * 120, "numbers"),
        ("a.json", [{"series": SERIES, "text": '"strokes":'}] * 120, "numbers"),
        ("a.jsonl", {**LINE, "strokes": LINE["strokes"] * 120}, "pen"),
        ("a.jsonl", {"series": SERIES * 120, "label": "a"}, "numbers"),
        ("a.json", {"drawing": [[[1, 2], [3, 4]]] * 9999}, "pen"),
        ("a.json", [], "numbers"),
        ("a.json", [3, LINE], "numbers"),
    ],
)
def test_of_json_on_one_line_of_any_length(tmp_path: Path, name: str, found: object, kind: str) -> None:
    (tmp_path / name).write_text(json.dumps(found))
    assert kind_of(tmp_path / name) == kind


def test_of_json_that_cannot_be_parsed(tmp_path: Path) -> None:
    """Its reader will say what is wrong."""
    (tmp_path / "deep.json").write_text("[" * 50_000)
    (tmp_path / "latin.json").write_bytes(b'{"text": "\xe9", "y": "up", "strokes": []}')
    found = [kind_of(tmp_path / name) for name in ("deep.json", "latin.json", "none.json")]
    assert found == ["numbers", "pen", "numbers"]


def test_of_arrays_in_a_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "pen.npz", points=np.zeros((2, 3)), offsets=np.zeros(2, int))
    np.savez(tmp_path / "numbers.npz", x=np.zeros((2, 3, 1)), y=np.zeros(2))
    assert [kind_of([tmp_path / name]) for name in ("pen.npz", "numbers.npz")] == ["pen", "numbers"]


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"a.jsonl": STROKES}, "pen"),
        ({"deep/a.svg": "<svg/>", "z.txt": "notes"}, "pen"),
        ({"a.txt": "hello", "a.wav": "sound"}, "sound"),
        ({"ab/1.csv": "x\n1\n2\n"}, "numbers"),
        ({"README.txt": "notes", "a.json": STROKES}, "pen"),
        (
            {"LICENSE": "notes", "about.json": '{"version": 1}', "list.csv": "name,writer\na,b\n", "z.json": STROKES},
            "pen",
        ),
        ({"README.txt": "notes", "train.jsonl": '{"audio_filepath": "/far/a.wav", "text": "a"}\n'}, "sound"),
        ({"README.txt": "notes", "a.json": "[[1], [2]]"}, "numbers"),
    ],
)
def test_of_a_folder(tmp_path: Path, files: dict[str, str], kind: str) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert kind_of(tmp_path) == kind


def test_of_python_objects() -> None:
    sounds, series = made_sounds(2, 2), np.zeros((4, 1))
    assert [kind_of(given) for given in (sounds, list(sounds), [(series[:, 0], 8000.0, "a")])] == ["sound"] * 3
    assert [kind_of(given) for given in ([series], ([series], ["a"]), [(series, "a")], None)] == ["numbers"] * 4


def test_strokes_beside_sounds_and_empty_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="at least one file"):
        kind_of(tmp_path / "empty")
    with pytest.raises(SpecError, match=r"of one kind, but b\.svg holds strokes and a\.wav sound"):
        kind_of(["a.wav", "b.svg", "c.wav"])
