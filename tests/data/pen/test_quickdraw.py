from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from tests.data.pen.made import same, samples
from unspool.data.pen.quickdraw import read_quickdraw
from unspool.data.pen.strokes import Strokes


def drawing(sample: Strokes) -> dict[str, object]:
    columns = [sample.points[:, 0], -sample.points[:, 1]]
    if sample.times is not None:
        columns.append(np.round(sample.times * 1000))
    bounds = list(zip(sample.starts, sample.ends, strict=True))
    cut = [[column[start:end].tolist() for column in columns] for start, end in bounds]
    return {"word": sample.text, "countrycode": "CH", "key_id": "1", "recognized": True, "drawing": cut}


@given(samples(named=False))
def test_any_drawing_comes_back(sample):
    found = read_quickdraw(drawing(sample), "line 1")
    expected = Strokes(sample.points, sample.last, sample.times)
    assert same(found, expected, tolerance=1e-12)


def test_the_word_is_the_text_and_y_goes_up():
    found = read_quickdraw({"word": "cat", "drawing": [[[0, 10], [0, 20], [0, 250]], [[5], [5], [400]]]}, "line 1")
    assert found.points.tolist() == [[0, 0], [10, -20], [5, -5]]
    assert found.times.tolist() == [0, 0.25, 0.4]
    assert (found.text, found.writer) == ("cat", None)


@pytest.mark.parametrize(
    "strokes", [None, [], [[1, 2]], [[[1, 2], [3]]], [[[1], [2]], [[1], [2], [3]]], [[["a"], [1]]], 3]
)
def test_refusals(strokes, refused):
    with refused("line 7", "as it was downloaded"):
        read_quickdraw({"drawing": strokes}, "line 7")
