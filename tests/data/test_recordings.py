from __future__ import annotations

import json

import numpy as np
import pandas
import pytest

from unspool.data.labelled import read_labelled

WALK, RUN = np.arange(6, dtype=np.float32).reshape(3, 2), np.ones((2, 2), np.float32)


def write(path, array):
    path.parent.mkdir(exist_ok=True)
    frame = pandas.DataFrame(array, columns=["x", "y"])
    match path.suffix:
        case ".csv":
            frame.to_csv(path, index=False)
        case ".tsv":
            frame.to_csv(path, index=False, sep="\t")
        case ".parquet":
            frame.to_parquet(path)
        case ".npy":
            np.save(path, array)
        case ".npz":
            np.savez(path, array)
        case ".jsonl":
            path.write_text("\n".join(json.dumps({"x": x, "y": y}) for x, y in array.tolist()))


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet", ".npy", ".npz", ".jsonl"])
def test_a_file_is_a_sequence_and_its_folder_the_class(tmp_path, ending):
    write(tmp_path / "walk" / f"b{ending}", WALK)
    write(tmp_path / "walk" / f"a{ending}", RUN)
    write(tmp_path / "run" / f"a{ending}", RUN)
    (tmp_path / "run" / "README.md").write_text("no")
    (tmp_path / "run" / ".hidden.csv").write_text("no")
    found = read_labelled(tmp_path)
    expected = read_labelled(([RUN, RUN, WALK], ["run", "walk", "walk"]))
    assert found.fingerprint == expected.fingerprint
    assert found.channels == (("x", "y") if ending not in (".npy", ".npz") else None)


def test_texts_and_numbers_for_names(tmp_path):
    for name in ("10", "9"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(f"a\nb {name}\n")
    found = read_labelled(tmp_path)
    assert found.texts == ["a\nb 10\n", "a\nb 9\n"]
    assert found.classes == ("9", "10")
    assert read_labelled(tmp_path, numeric_target=True).targets.tolist() == [10.0, 9.0]


def test_recordings_without_labels(tmp_path):
    write(tmp_path / "a.csv", WALK)
    write(tmp_path / "b.npy", RUN)
    (tmp_path / "README.md").write_text("no")
    found = read_labelled(tmp_path, require_labels=False)
    assert [array.tolist() for array in found.arrays] == [WALK.tolist(), RUN.tolist()]
    np.save(tmp_path / "c.npy", np.stack([RUN, RUN]))
    assert len(read_labelled(tmp_path / "c.npy", require_labels=False)) == 2


def test_folders_that_are_refused(tmp_path, refused):
    write(tmp_path / "a.csv", WALK)
    with refused("must hold .txt files", "folders named by class", "has none"):
        read_labelled(tmp_path)
    (tmp_path / "walk").mkdir()
    np.savez(tmp_path / "walk" / "a.npz", a=WALK, b=WALK)
    with refused("must hold one array", "a.npz holds a, b", "one sequence a file"):
        read_labelled(tmp_path)
    (tmp_path / "walk" / "a.npz").unlink()
    (tmp_path / "walk" / "a.npy").write_bytes(b"no")
    with refused("one plain array of numbers", "a.npy does not", "numpy.save"):
        read_labelled(tmp_path)
    np.save(tmp_path / "walk" / "a.npy", np.float32(1))
    with refused("an array with an axis", "a.npy holds one number"):
        read_labelled(tmp_path)
    np.save(tmp_path / "walk" / "a.npy", np.array([None]))
    with refused("one plain array of numbers", "a.npy"):
        read_labelled(tmp_path)
    write(tmp_path / "run" / "a.csv", WALK)
    np.save(tmp_path / "walk" / "a.npy", np.ones((2, 3)))
    with refused("same channels", "a.npy has 3 where others have 2"):
        read_labelled(tmp_path)


def test_recordings_are_called_by_their_files(tmp_path):
    write(tmp_path / "walk" / "a.csv", WALK)
    write(tmp_path / "run" / "a.npy", RUN)
    assert read_labelled(tmp_path).names == ("run/a.npy", "walk/a.csv")
    assert read_labelled(tmp_path / "walk", require_labels=False).names == ("a.csv",)
    assert read_labelled(([RUN, WALK], ["run", "walk"])).names is None
