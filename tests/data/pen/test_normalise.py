from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.pen.made import line, same, samples
from unspool.data.pen.cleaning import cleaned
from unspool.data.pen.hands import Hand, Measuring
from unspool.data.pen.measures import baseline, size, slant, slope
from unspool.data.pen.normalise import Normaliser
from unspool.data.pen.offsets import offsets
from unspool.data.pen.smoothing import smoothed
from unspool.data.pen.strokes import Inks, Strokes
from unspool.errors import DataError, SpecError

PLAIN = Normaliser(resample="none")
LINES = [line(20, seed, writer=f"w{seed % 2}") for seed in range(4)]


def only(sample: Strokes, normaliser: Normaliser = PLAIN) -> Strokes:
    (found,) = normaliser.apply([sample])
    return found.strokes


def gridded(unit: float) -> Strokes:
    """Waves of height 1, recorded in multiples of a unit."""
    x = np.linspace(0, 10, 2000)
    waves = np.stack([x, 0.5 - 0.5 * np.cos(4 * x)], axis=1)
    return cleaned(Strokes.of([np.round(waves / unit) * unit], text="n" * 6, writer="w"))


def bend(sample: Strokes) -> float:
    """The median angle between successive steps."""
    dx, dy = np.diff(sample.points, axis=0).T
    return float(np.median(np.abs(np.angle(np.exp(1j * np.diff(np.arctan2(dy, dx)))))))


@given(st.floats(-100, 100), st.floats(-100, 100), st.floats(0.01, 100), st.floats(-1, 1), st.booleans())
def test_place_scale_and_slant_make_no_difference(right, up, scale, shear, named):
    sample = line(15, writer="w" if named else None)
    moved = sample.transformed([[scale, scale * shear, right], [0, scale, up]])
    # of a level line all is exact; a slope is told from the feet, whose places a shear moves
    normaliser = replace(PLAIN, level=False)
    assert same(only(moved, normaliser), only(sample, normaliser), tolerance=1e-6)
    assert same(only(moved), only(sample), tolerance=0.15)


def test_a_normalised_line_is_upright_level_and_of_size_one():
    tilted = line(30).transformed([[40, 20, 300], [0, 40, 200]]).transformed([[0.98, -0.17, 0], [0.17, 0.98, 0]])
    found = only(tilted)
    assert size(found) == pytest.approx(1, abs=0.05)
    assert slant(found)[0] == pytest.approx(0, abs=0.05)
    assert slope(found) == pytest.approx(0, abs=0.01)
    assert baseline(found) == pytest.approx(0, abs=1e-9)
    assert found.points[0, 0] == pytest.approx(0, abs=1e-9)
    assert (found.text, found.writer) == (tilted.text, tilted.writer)


def test_a_letter_takes_the_points_asked_for_in_time_too() -> None:
    timed = [replace(one, times=np.arange(len(one)) / 200) for one in LINES]
    paced = Normaliser(resample="time").paced([*timed, LINES[0]], points_per_letter=30)
    letters = [len("".join(str(one.text).split())) for one in timed]
    assert paced.rate == pytest.approx(
        30 / np.median([one.seconds() / n for one, n in zip(timed, letters, strict=True)])
    )
    counts = [len(found.strokes) / n for found, n in zip(paced.apply(timed), letters, strict=True)]
    assert 27 < np.median(counts) < 36  # each stroke has a point more than steps
    with pytest.raises(DataError, match="no sample has any; use --resample length"):
        Normaliser(resample="time").paced(LINES)


@given(samples())
def test_the_placement_leads_back(sample):
    (found,) = PLAIN.apply([sample])
    back = found.strokes.transformed(found.placement)
    extent = np.abs(sample.points).max() + 1
    for point in back.points:
        assert np.abs(sample.points - point).max(axis=1).min() <= 1e-6 * extent


def test_a_writer_is_measured_over_all_samples():
    """A writer's small line stays smaller than the others, one without a writer does not."""
    small = line(20, 9, writer="w0").transformed([[0.5, 0, 0], [0, 0.5, 0]])
    hands = Measuring().hands([*LINES, small])
    assert set(hands) == {"w0", "w1"}
    assert hands["w0"].size == pytest.approx(1, abs=0.01)
    *_, found = PLAIN.apply([*LINES, small])
    assert size(found.strokes) == pytest.approx(0.5, abs=0.01)
    assert size(only(replace(small, writer=None))) == pytest.approx(1, abs=0.01)
    (known,) = PLAIN.apply([small], {"w0": Hand(0.25, 0.0)})
    assert size(known.strokes) == pytest.approx(2, abs=0.02)


def test_dots_and_dashes_alone():
    assert only(Strokes.of([[[3, 3]]])).points.tolist() == [[0, 0]]
    assert only(Strokes.of([[[3, 3], [7, 3]]])).points.tolist() == [[0, 0], [1, 0]]


def test_the_pace_gives_points_per_letter():
    paced = Normaliser().paced(LINES, points_per_letter=30)
    rows = [paced.encode(found.strokes) for found in paced.apply(LINES)]
    assert np.mean([len(row) / 20 for row in rows]) == pytest.approx(30, rel=0.1)
    assert set(np.concatenate(rows)[:, 2].tolist()) == {0.0, 1.0}


def test_the_pace_is_that_of_the_samples_it_is_given():
    assert Normaliser().paced(Inks(LINES)) == Normaliser().paced(LINES)
    dense = [replace(sample, text="n" * 10) for sample in LINES]
    assert Normaliser().paced(dense).step == pytest.approx(2 * Normaliser().paced(LINES).step)
    assert PLAIN.paced(LINES) == PLAIN


def test_without_texts_the_step_is_the_usual_one():
    silent = [replace(sample, text=None) for sample in LINES]
    assert Normaliser().paced(silent).step == 0.17
    assert Normaliser().paced(silent, points_per_letter=50).step == 0.085


@settings(max_examples=30)
@given(st.integers(2, 12), st.integers(0, 99))
def test_encoded_samples_come_back(letters, seed):
    fitted = Normaliser(mean=(0.1, -0.02), std=(0.3, 0.2))
    sample = only(line(letters, seed), fitted)
    rows = fitted.encode(sample)
    assert rows.dtype == np.float32
    assert same(fitted.decode(rows, sample.text, sample.writer), sample, tolerance=1e-4)
    expected = (offsets(sample)[:, :2] - np.array(fitted.mean)) / np.array(fitted.std)
    assert rows[:, :2] == pytest.approx(expected, abs=1e-4)


def test_resampling_by_time():
    sample = Strokes.of([[[0, 1], [0, 0]]], times=[[0, 1]])
    assert len(only(sample, Normaliser(resample="time", rate=10))) == 11


@given(st.floats(-100, 100), st.floats(-100, 100), st.floats(0.01, 100))
def test_uneven_points_are_the_same_wherever_a_sample_lies_and_however_large_it_is(right, up, scale):
    sample, normaliser = line(15), Normaliser(jitter=0.3)
    moved = sample.transformed([[scale, 0, right], [0, scale, up]])
    assert same(only(moved, normaliser), only(sample, normaliser), tolerance=1e-6)
    assert not same(only(sample, normaliser), only(sample, Normaliser()), tolerance=0.01)


def test_it_is_stored_as_json():
    fitted = Normaliser(upright=False, mean=(0.1, -0.02), std=(0.3, 0.2)).paced(LINES)
    assert Normaliser.from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted


def test_models_from_before_there_was_smoothing_or_jitter_have_none():
    stored = Normaliser(step=0.2).to_dict()
    assert Normaliser.from_dict({**stored, "smooth": 2.0, "jitter": 0.3}) == Normaliser(
        step=0.2, smooth=2.0, jitter=0.3
    )
    del stored["smooth"], stored["jitter"]
    assert Normaliser.from_dict(stored) == Normaliser(step=0.2)


def test_a_hand_knows_the_grid_of_its_tablet():
    """A dot tells nothing of it, and of several grids the one of most ink counts."""
    dot = Strokes.of([[[3, 3], [3, 3]]], writer="w")
    hand = Measuring().hands([gridded(0.1), gridded(0.1), gridded(0.02), dot])["w"]
    assert hand.grain == pytest.approx(0.1)
    assert Measuring().hands([dot])["w"].grain == 0
    large = gridded(0.1).transformed([[30, 0, 0], [0, 30, 0]])
    assert Measuring().hands([large])["w"].grain == pytest.approx(3)


def test_the_steps_of_a_coarse_grid_are_smoothed_away():
    coarse, normaliser = gridded(0.1), replace(PLAIN, smooth=2.0)
    hand = Measuring().hands([coarse])["w"]
    assert hand.size == pytest.approx(1, abs=0.11)
    plain, found = only(coarse), only(coarse, normaliser)
    expected = smoothed(plain, 2 * hand.grain / hand.size)
    assert found.points - found.points[0] == pytest.approx(expected.points - expected.points[0])
    assert baseline(found) == pytest.approx(0, abs=1e-9)
    (once,) = normaliser.apply([coarse], {"w": hand})
    assert same(once.strokes, found)
    large = coarse.transformed([[30, 0, 0], [0, 30, 0]])
    assert same(only(large, normaliser), found, tolerance=1e-9)
    rough, even = only(coarse, Normaliser()), only(coarse, Normaliser(smooth=2.0))
    assert len(even) < len(rough)  # stairs are longer than what they climb
    assert bend(even) < 0.7 * bend(rough)


@pytest.mark.parametrize(("unit", "left"), [
    (0.015, True),  # 2 * 0.015 < 0.17 / 4
    (0.1, False),
    (0.4, True),  # no device, but a drawing of few points
])  # fmt: skip
def test_a_fine_grid_and_a_drawing_stay_as_they_are(unit: float, left: bool) -> None:
    sample = gridded(unit)
    assert same(only(sample, replace(PLAIN, smooth=2.0)), only(sample)) == left


def test_smoothing_is_never_wider_than_a_quarter_of_a_size():
    sample = gridded(0.15)
    wide = only(sample, replace(PLAIN, smooth=3.0))
    assert same(wide, only(sample, replace(PLAIN, smooth=9.0)))
    assert not same(wide, only(sample, replace(PLAIN, smooth=1.0)))


def test_refusals(refused):
    with refused("smooth", "got -1", error=SpecError):
        Normaliser(smooth=-1)
    with refused("jitter", "got 1.5", error=SpecError):
        Normaliser(jitter=1.5)
    with refused("length, time, none", "'speed'", error=SpecError):
        Normaliser(resample="speed")
    with refused("step", "got 0", error=SpecError):
        Normaliser(step=0)
    with refused("std of dy", "nan", error=SpecError):
        Normaliser(std=(1.0, float("nan")))
    with refused("points per letter", "got -1", error=SpecError):
        Normaliser().paced(LINES, points_per_letter=-1)
    with refused("needs times", "recorded with times"):
        only(LINES[0], Normaliser(resample="time"))
