"""What becomes of a hand before a network reads it: speed, slant, stair steps, and how far points lie apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import unspool
from tests.tasks.pen.made import handwriting, inks, trained
from unspool.data.pen.measures import slant
from unspool.data.pen.normalise import JITTER, SMOOTH, Normaliser
from unspool.data.pen.resampling import by_length
from unspool.data.pen.strokes import Inks
from unspool.errors import SpecError
from unspool.tasks.pen.handwriting import Handwriting
from unspool.tasks.start import begin

torch.set_num_threads(1)


def test_the_speed_of_the_hand_is_learned_if_asked_for() -> None:
    """The first half of every stroke was drawn ten times as fast."""
    timed, spread = [], {}
    for one in inks():
        lengths = one.ends - one.starts
        fast = np.arange(len(one)) - one.starts.repeat(lengths) < lengths.repeat(lengths) / 2
        timed.append(replace(one, times=np.cumsum(np.where(fast, 0.001, 0.01))))
    for kind in ("length", "time"):
        task = handwriting(Inks(timed), resample=kind, points_per_letter=16.0)
        assert task.training is not None
        drawn = np.flatnonzero(task.training.rows[:-1, 2] == 0) + 1  # not those on the way to the next stroke
        ways = np.hypot(*task.training.rows[drawn, :2].T)
        spread[kind] = ways.std() / ways.mean()
    assert spread["time"] > 1.5 * spread["length"]


def test_words_are_learned_as_lines_if_asked_for(tmp_path: Path) -> None:
    """And then written in lines too; what is held out stays as it came."""
    data = Inks([replace(one, text=str(one.text).replace(" ", "e")) for one in inks()])
    words, lines = handwriting(data), handwriting(data, join=4)
    assert words.training is not None and lines.training is not None
    assert words.held is not None and lines.held is not None
    assert " " not in words.reader.alphabet.symbols and " " in lines.reader.alphabet.symbols  # type: ignore[union-attr]
    assert len(lines.training) < len(words.training) and len(lines.training.rows) == len(words.training.rows)
    assert lines.held.lengths.tolist() == words.held.lengths.tolist()
    assert len(lines.write("ab ba", points=9)) == 1 < len(words.write("ab ba", points=9))
    trained(tmp_path / "base", data, steps=2)
    with pytest.raises(SpecError, match="--join puts blanks between texts"):
        begin("handwriting", inks(), base=str(tmp_path / "base"), options={"join": 2})


def test_the_slant_of_a_hand_is_left_if_asked_for() -> None:
    sheared = Inks([one.transformed([[1.0, 0.6, 0.0], [0.0, 1.0, 0.0]]) for one in inks()])
    left = {}
    for upright in (True, False):
        task = handwriting(sheared, upright=upright)
        assert task.training is not None
        lines = [task.reader.normaliser.decode(task.training.sample(place)) for place in range(20)]
        left[upright] = np.median([slant(line)[0] for line in lines])
    assert abs(left[True]) < 0.15 and 0.3 < left[False] < 0.9


def test_the_stairs_of_a_coarse_tablet_are_left_if_asked_for() -> None:
    dense = (by_length(one, 0.02) for one in inks())
    coarse = Inks([replace(one, points=one.points.round(1)) for one in dense])
    smooth, stairs = handwriting(coarse, jitter=0.0), handwriting(coarse, smooth=False, jitter=0.0)
    assert (smooth.reader.normaliser.smooth, stairs.reader.normaliser.smooth) == (2.0, 0.0)
    lengths = [next(task.reader.normaliser.apply(coarse)).strokes.length() for task in (smooth, stairs)]
    assert lengths[0] < 0.95 * lengths[1]


def test_a_model_that_learned_without_smoothing_goes_on_without(tmp_path: Path) -> None:
    for name, smooth in (("rough", False), ("smooth", True)):
        trained(tmp_path / name, inks(), steps=2, smooth=smooth)
        base = unspool.load(str(tmp_path / name))
        session = begin("handwriting", inks(), base=str(tmp_path / name), out=str(tmp_path / f"after-{name}"))
        assert isinstance(session.task, Handwriting) and isinstance(base, Handwriting)
        assert session.task.reader.normaliser == base.reader.normaliser
        assert base.reader.normaliser.smooth == smooth * SMOOTH
        assert session.task.options.smooth is smooth  # type: ignore[attr-defined]
    with pytest.raises(SpecError, match="--smooth is fixed by --from: the model has True, got False"):
        begin("handwriting", inks(), base=str(tmp_path / "smooth"), options={"smooth": False})
    stored = {name: value for name, value in Normaliser(smooth=SMOOTH).to_dict().items() if name != "smooth"}
    assert Normaliser.from_dict(stored).smooth == 0  # a file from before there was smoothing


def test_points_lie_at_uneven_distances_that_a_model_keeps_unless_told_otherwise(tmp_path: Path) -> None:
    for name, given in (("even", 0.0), ("usual", None)):
        trained(tmp_path / name, inks(), steps=2, jitter=given)
    expected = {("even", None): 0.0, ("usual", None): JITTER, ("even", 0.3): 0.3, ("usual", 0.0): 0.0}
    for (name, given), jitter in expected.items():
        session = begin("handwriting", inks(), base=str(tmp_path / name), options={"jitter": given})
        assert isinstance(session.task, Handwriting)
        assert (session.task.reader.normaliser.jitter, session.task.options.jitter) == (jitter, jitter)
    stored = unspool.load(str(tmp_path / "usual"))
    assert isinstance(stored, Handwriting) and stored.options.jitter == stored.reader.normaliser.jitter == JITTER
    timed = Inks([replace(one, times=np.arange(len(one)) / 100) for one in inks()])
    trained(tmp_path / "time", timed, steps=2, resample="time", points_per_letter=16.0)
    hurried = unspool.load(str(tmp_path / "time"))
    assert isinstance(hurried, Handwriting) and hurried.options.jitter is None
    with pytest.raises(SpecError, match="--jitter belongs to --resample length, got --resample time"):
        begin("handwriting", timed, base=str(tmp_path / "time"), options={"jitter": 0.1})
