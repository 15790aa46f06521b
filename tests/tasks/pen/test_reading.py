"""Samples as a network reads them: which are kept, how they are encoded, and that others do not change them."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tasks.pen.made import inks, write_inks
from unspool.data.pen.alphabet import Alphabet
from unspool.data.pen.normalise import Normaliser
from unspool.data.pen.screen import Screen
from unspool.data.pen.strokes import Inks
from unspool.errors import DataError
from unspool.tasks.pen.reading import MEANING, Reader, divided, encoded_parts, fitted

READER = fitted(inks(), 5.0, 1, text=True)
ALONE = (replace(sample, writer=None) for sample in inks())  # and not by the hand of its writer
LINES = Inks([sample for sample, (found, _) in zip(inks(), READER.normaliser.apply(ALONE), strict=True)
              if READER.screen.verdict(found) is None])  # fmt: skip


def test_samples_without_times_are_left_out_where_they_count() -> None:
    timed = [replace(sample, times=np.arange(len(sample)) / 50.0) for sample in LINES]
    reader = Reader(Normaliser(resample="time", rate=50.0), READER.alphabet)
    found = reader.encoded([*timed[:3], *LINES[3:5]])
    assert len(found) == 3 and found.dropped == {"no times": 2}
    with pytest.raises(DataError, match="all are left out"):
        reader.encoded(LINES[:2])


@settings(max_examples=30, deadline=None)
@given(places=st.lists(st.integers(0, len(LINES) - 1), min_size=1, max_size=8))
def test_samples_lie_end_to_end_in_their_order(places: list[int]) -> None:
    """By a writer measured alone, so that each is the same whatever it is read beside."""
    some = Inks([replace(LINES[place], writer=None) for place in places])
    data = READER.encoded(some)
    assert len(data) == len(places) and not data.dropped
    assert data.lengths.tolist() == [len(data.sample(place)) for place in range(len(data))]
    assert data.rows.dtype == np.float32 and data.ids.dtype == np.int32
    for number, sample in enumerate(some):
        (normalised,) = READER.normaliser.apply([sample])
        np.testing.assert_array_equal(data.sample(number), READER.normaliser.encode(normalised.strokes))
        assert READER.alphabet is not None and READER.alphabet.decode(data.text(number)) == sample.text
        assert data.sample(number)[-1, 2] == 1


@settings(max_examples=30, deadline=None)
@given(kinds=st.lists(st.sampled_from(["good", "no text", "rare character", "width"]), min_size=1, max_size=9))
def test_every_sample_is_kept_or_counted(kinds: list[str]) -> None:
    spoiled = {
        "good": lambda s: s,
        "no text": lambda s: replace(s, text="  "),
        "rare character": lambda s: replace(s, text=f"{str(s.text)[:-1]}ß"),
        "width": lambda s: s.transformed([[30.0, 0, 0], [0, 1.0, 0]]),
    }
    given_inks = Inks([replace(spoiled[kind](LINES[place]), writer=None) for place, kind in enumerate(kinds)])
    expected = Counter(kind for kind in kinds if kind != "good")
    if "good" not in kinds:
        with pytest.raises(DataError, match=f"all are left out: .*{expected.most_common(1)[0][1]} by"):
            READER.encoded(given_inks)
        return
    data = READER.encoded(given_inks)
    assert data.dropped == expected and len(data) == kinds.count("good")


def test_a_network_without_texts_takes_any_line_of_ink() -> None:
    drawing = "The Eiffel Tower, of which a few strokes show little"
    some = Inks([LINES[0], replace(LINES[1], text=None), replace(LINES[2], text="ß"), replace(LINES[3], text=drawing)])
    reader = Reader(READER.normaliser, None)
    data = reader.encoded(some)
    assert len(data) == 4 and not len(data.ids) and data.text_starts.tolist() == [0, 0, 0, 0, 0]
    short = reader._replace(screen=Screen(longest=5))
    with pytest.raises(DataError, match="'too long'"):
        short.encoded(some)


def test_the_alphabet_leaves_rare_characters_out() -> None:
    some = Inks([*LINES, replace(LINES[0], text="ß")])
    alphabet = fitted(some, 5.0, 2, text=True).alphabet
    everything = Counter("".join(str(sample.text) for sample in some))
    assert alphabet is not None
    assert set(alphabet.symbols) == {symbol for symbol, count in everything.items() if count >= 2}
    assert fitted(some, 5.0, 2, text=False).alphabet is None
    with pytest.raises(DataError, match=r"at least 999 times, but the commonest comes \d+ times"):
        fitted(some, 5.0, 999, text=True)


def test_more_points_a_letter_are_smaller_steps() -> None:
    few, many = (fitted(LINES, points, 1, text=True) for points in (5.0, 10.0))
    assert many.normaliser.step == pytest.approx(few.normaliser.step / 2)
    ratio = len(many.encoded(LINES).rows) / len(few.encoded(LINES).rows)
    assert 1.5 < ratio < 2.2  # the points at the ends of strokes stay as many


def test_offsets_are_standardised_by_the_training_part() -> None:
    division = divided(LINES, "0.25", 3)
    training, held, reader = encoded_parts(division, READER, standardise=True)
    raw = READER.encoded(division.held)
    mean, std = np.array(reader.normaliser.mean), np.array(reader.normaliser.std)
    np.testing.assert_allclose(training.rows[:, :2].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(training.rows[:, :2].std(0), 1, atol=1e-5)
    np.testing.assert_allclose(held.rows[:, :2], (raw.rows[:, :2] - mean) / std, atol=1e-5)
    np.testing.assert_array_equal(held.rows[:, 2], raw.rows[:, 2])
    again, _, same = encoded_parts(division, reader, standardise=False)  # what a later training does
    assert same is reader
    np.testing.assert_allclose(again.rows, training.rows, atol=1e-5)


def test_what_is_held_out_tells_nothing() -> None:
    """All that is fitted stays the same whatever the held-out part is."""
    division = divided(LINES, "0.25", 3)
    wide = Inks([sample.transformed([[1.5, 0, 0], [0, 1.0, 0]]) for sample in division.held])
    reader = fitted(division.training, 5.0, 1, text=True)
    parts = [encoded_parts(known, reader, standardise=True) for known in (division, division._replace(held=wide))]
    assert parts[0].reader == parts[1].reader
    np.testing.assert_array_equal(parts[0].training.rows, parts[1].training.rows)
    assert not np.array_equal(parts[0].held.rows, parts[1].held.rows)
    assert fitted(LINES, 5.0, 1, text=True).normaliser.step != reader.normaliser.step


def test_a_coordinate_that_never_changes_keeps_its_scale() -> None:
    flat = Inks([sample.transformed([[1.0, 0, 0], [0, 0.0, 0]]) for sample in LINES])
    division = divided(flat, "0.25", 0)
    reader = Reader(
        Normaliser(upright=False, level=False),
        Alphabet.of(s.text for s in flat),
        Screen(ink=(0.0, 99.0), width=(0.0, 99.0)),
    )
    _, _, found = encoded_parts(division, reader, standardise=True)
    assert found.normaliser.std[1] == 1.0


def test_files_and_objects_are_the_same_data(tmp_path) -> None:
    division = divided([str(write_inks(tmp_path / "lines.json", LINES))], "0.2", 0)
    assert division == divided(LINES, "0.2", 0)._replace(training=division.training, held=division.held)
    assert division.writers and len(division.training) + len(division.held) == len(LINES)
    named = divided(LINES[:9], str(write_inks(tmp_path / "held.json", LINES[9:12])), 0)
    assert len(named.training) == 9 and len(named.held) == 3 and named.writers == ()


def test_why_a_sample_is_left_out_is_said_in_the_docs() -> None:
    table = (Path(__file__).parents[3] / "docs" / "handwriting.md").read_text(encoding="utf-8").split("| reason | |")[1]
    assert re.findall(r"^\| ([a-z ]+) \|", table.split("\n\n")[0], re.MULTILINE) == list(MEANING)
    given = set(re.findall(r'return "(.+?)"', inspect.getsource(Screen))) | {"rare character", "no times"}
    assert set(MEANING) == given
