from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.pen.made import same, samples
from unspool.data.pen.strokes import Inks, Strokes
from unspool.data.pen.unipen import Packed


def packed(found: list[Strokes], rate: float = 0.0) -> dict[str, np.ndarray]:
    return {
        "points": np.concatenate([np.column_stack([sample.points, sample.last]) for sample in found]),
        "offsets": np.cumsum([0, *map(len, found)]),
        "text": np.array([sample.text or "" for sample in found]),
        "writer": np.array([sample.writer or "" for sample in found]),
        "points_per_second": np.full(len(found), rate, np.float32),
    }


ONE = packed([Strokes.of([[[0, 0], [1, 2]], [[5, 5]]], text="ab", writer="x-1")], rate=4)
PLAIN = st.just(False)


@given(st.lists(samples(timed=PLAIN, pressed=PLAIN), min_size=1, max_size=5))
def test_any_samples_come_back(given_samples):
    # numpy's own arrays of text cannot hold a zero at the end
    found = [Strokes(s.points, s.last, text=(s.text or "").rstrip("\0") or None) for s in given_samples]
    lazy = Packed(packed(found), "a.npz")
    assert len(lazy) == len(found)
    assert all(map(same, lazy, found))
    assert same(lazy[-1], found[-1])
    assert all(map(same, lazy[1:], found[1:]))
    assert Inks(lazy).fingerprint() == Inks(found).fingerprint()


def test_the_rate_gives_times():
    (found,) = Packed(ONE, "a.npz")
    assert found.times.tolist() == [0, 0.25, 0.5]
    assert (found.text, found.writer) == ("ab", "x-1")
    (found,) = Packed({name: ONE[name] for name in ("points", "offsets")}, "a.npz")
    assert (found.times, found.text, found.writer) == (None, None, None)


def test_writers_may_be_numbered():
    twice = {"points": np.concatenate([ONE["points"]] * 2), "offsets": np.array([0, 3, 6]), "writer": np.array([0, 1])}
    found = Inks(Packed(twice, "a.npz"))
    assert [sample.writer for sample in found] == ["0", "1"]
    assert found.fingerprint()


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"points": None}, ("points and offsets", "offsets, points_per_second, text, writer")),
        ({"points": np.zeros((3, 2))}, ("[N, 3]", "[3, 2]")),
        ({"points": np.array([["a"] * 3] * 3)}, ("must be numbers", "[3, 3]")),
        ({"offsets": np.array([0, 2])}, ("from 0 to the 3 points",)),
        ({"offsets": np.array([1, 3])}, ("from 0 to the 3 points",)),
        ({"offsets": np.array([0, 2, 2, 3])}, ("from 0 to the 3 points",)),
        ({"offsets": np.array([], int)}, ("from 0 to the 3 points",)),
        ({"offsets": np.array(["0", "3"])}, ("offsets must be whole numbers", "<U1")),
        ({"text": np.array(["a", "b"])}, ("text must hold one value for each of 1", "[2]")),
        ({"text": np.array([7])}, ("text must be strings", "int64")),
        ({"writer": np.array([0.5])}, ("writer must be strings or whole numbers", "float64")),
        ({"points_per_second": np.array(["4"])}, ("points_per_second must be numbers", "<U1")),
    ],
)
def test_refusals(change, parts, refused):
    arrays = {name: value for name, value in {**ONE, **change}.items() if value is not None}
    with refused("a.npz", *parts):
        Packed(arrays, "a.npz")


@pytest.mark.parametrize(("row", "column", "value"), [(4, 2, 0), (3, 0, np.nan), (4, 1, np.inf)])
def test_a_bad_sample_is_named_when_the_file_is_opened(row, column, value, refused):
    points = np.concatenate([ONE["points"], ONE["points"][1:]]).astype(float)
    points[row, column] = value
    with refused("sample 2 of a.npz", "end of a stroke"):
        Packed({"points": points, "offsets": np.array([0, 3, 5])}, "a.npz")
