from __future__ import annotations

import shlex
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given

from tests.data.pen.made import same, samples
from unspool.data.pen.read import read_inks
from unspool.data.pen.stroke3 import read_stroke3
from unspool.data.pen.strokes import Strokes
from unspool.errors import DataError

ROWS = np.array([[1, 2, 0], [3, -4, 1], [5, 5, 1]], dtype=np.int16)


@given(samples(named=False))
def test_any_sample_comes_back(sample):
    steps = np.diff(sample.points, axis=0, prepend=0.0) * [1, -1]
    found = read_stroke3(np.column_stack([steps, sample.last]), "a.npy")
    assert same(found, Strokes(sample.points, sample.last), tolerance=1e-8)


def test_y_goes_up_and_the_last_point_ends_a_stroke():
    found = read_stroke3(ROWS[:1], "a.npy")
    assert (found.points.tolist(), found.last.tolist()) == ([[1, -2]], [True])


def test_files_of_one_sample_and_of_many(tmp_path):
    np.save(tmp_path / "one.npy", ROWS)
    np.savez(tmp_path / "many.npz", values=np.concatenate([ROWS, ROWS[:2]]), lengths=[3, 2])
    assert [len(sample) for sample in read_inks([tmp_path / "one.npy", tmp_path / "many.npz"])] == [3, 3, 2]


@pytest.mark.parametrize("name", ["sketches.npz", "strokes.npy", 'it\'s $(touch ran) `touch ran`; "a" \\.npz'])
def test_a_pickle_is_refused_with_a_command_that_converts_it(tmp_path, name, refused):
    path = tmp_path / name
    ragged = np.array([ROWS, ROWS[:2], ROWS[:1]], dtype=object)
    if name.endswith(".npz"):
        np.savez(path, train=ragged[:2], valid=ragged[2:])  # as sketch-rnn has it
    else:
        np.save(path, ragged)
    with pytest.raises(DataError) as caught:
        read_inks(path)
    message = str(caught.value)
    assert "\n" not in message and "can run any code; if you trust" in message
    command = message[message.index("python -c ") :].replace("python", shlex.quote(sys.executable), 1)
    subprocess.run(command, shell=True, cwd=tmp_path, check=True, timeout=60)
    (plain,) = [file for file in tmp_path.iterdir() if file != path]
    assert [sample.points.tolist() for sample in read_inks(plain)] == [
        read_stroke3(rows, "a").points.tolist() for rows in ragged
    ]


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        (ROWS[:, :2], ("[N, 3]", "[3, 2]")),
        (ROWS[:0], ("[N, 3]", "[0, 3]")),
        (ROWS.astype(str), ("must be numbers",)),
        (ROWS[:, ::-1], ("the third of a.npy", "put the lift last")),
        (ROWS * 2, ("the third of a.npy", "1 where a stroke ends")),
        (np.array([[np.nan, 0, 1]]), ("a.npy", "point 1")),
    ],
)
def test_refusals(rows, parts, refused):
    with refused(*parts):
        read_stroke3(rows, "a.npy")


@pytest.mark.parametrize("lengths", [[2], [4, -1], [[3]], [3.0], [3, 0], []])
def test_lengths_must_add_up(tmp_path, lengths, refused):
    np.savez(tmp_path / "a.npz", values=ROWS, lengths=lengths)
    with refused("add up to the 3 rows", "a.npz"):
        read_inks(tmp_path / "a.npz")
