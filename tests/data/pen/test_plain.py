from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.pen.made import same, samples
from unspool.data.pen.plain import read_plain, to_plain


@given(samples(), st.sampled_from(["up", "down"]))
def test_any_sample_comes_back(sample, y):
    found = read_plain(json.loads(json.dumps(to_plain(sample, y))), "a.json")
    assert same(found, sample)


def test_what_a_page_writes():
    page = {"strokes": [[[0, 0, 1.5], [1, 2, 1.6]], [[5, 1, 2.0]]], "y": "down", "text": "hi", "writer": "me", "at": 3}
    found = read_plain(page, "a.json")
    assert found.points.tolist() == [[0, 0], [1, -2], [5, -1]]
    assert found.last.tolist() == [False, True, True]
    assert found.times.tolist() == [1.5, 1.6, 2.0]
    assert (found.pressure, found.text, found.writer) == (None, "hi", "me")


def test_pressure_without_times():
    found = read_plain({"strokes": [[[0, 0, None, 0.5], [1, 2, None, 0.75]]], "y": "up"}, "a.json")
    assert found.times is None
    assert np.array_equal(found.pressure, [0.5, 0.75])


@pytest.mark.parametrize(
    ("page", "parts"),
    [
        ({"strokes": [[[0, 0]]]}, ("which way y grows", "a.json", "None")),
        ({"strokes": [], "y": "up"}, ("at least one", "a.json")),
        ({"strokes": [[[0, 0]], [[1]]], "y": "up"}, ("stroke 2 of a.json",)),
        ({"strokes": [[[0, 0]], [[1, 2], [3]]], "y": "up"}, ("stroke 2 of a.json",)),
        ({"strokes": [[[0, 0]], []], "y": "up"}, ("stroke 2 of a.json",)),
        ({"strokes": [[[0, "x"]]], "y": "up"}, ("stroke 1 of a.json",)),
        ({"strokes": [[[0, 0, 1]], [[1, 1]]], "y": "up"}, ("2 and 3 numbers", "a.json")),
        ({"strokes": [[[0, 0, 2], [1, 1, 1]]], "y": "up"}, ("a.json", "times must never fall", "sort the points, or")),
        ({"strokes": [[[0, 0, 2]], [[1, 1, 1]]], "y": "up"}, ("a.json", "let times run on from stroke to stroke")),
        ({"strokes": [[[0, 0], [1e308, 1]]], "y": "up"}, ("a.json", "must lie within 1e+12")),
        ({"strokes": [[[0, 0, 2], [1, 1, None]]], "y": "up"}, ("a.json", "times must be finite", "point 2")),
        ({"strokes": [[[None, 0]]], "y": "up"}, ("a.json", "points must be finite")),
        ({"strokes": [[[0, 0]]], "y": "up", "text": 3}, ('"text" must be text', "a.json")),
    ],
)
def test_refusals(page, parts, refused):
    with refused(*parts):
        read_plain(page, "a.json")
