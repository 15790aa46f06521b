"""A network that learns from a style before it writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import unspool
from tests.tasks.made import write_model
from tests.tasks.pen.made import handwriting, inks
from unspool.data.pen.strokes import Inks, Strokes
from unspool.errors import DataError, SpecError
from unspool.tasks.pen.adapting import SHARE, adapted
from unspool.tasks.pen.hand import MOST, hand
from unspool.tasks.pen.handwriting import Handwriting


def nats(task: Handwriting, samples: Inks) -> float:
    return float(task.evaluate(samples)["validation_loss"])


@pytest.mark.parametrize(
    "options", [{}, {"prediction": True}, {"clip_inputs": 10.0}, {"recurrent_dropout": 0.2}, {"weight_noise": 0.01}]
)
def test_it_knows_the_style_better_and_leaves_the_model_as_it_was(options: dict[str, Any]) -> None:
    task, mine = handwriting(**options), inks().select([3, 11, 19])  # all by one writer
    before = {name: weight.clone() for name, weight in task.model.state_dict().items()}
    found = task.adapted(mine, 20)
    assert type(found) is type(task) and found.reader is task.reader
    assert nats(found, mine) < nats(task, mine) - 0.02
    assert all(torch.equal(weight, before[name]) for name, weight in task.model.state_dict().items())
    again = task.adapted(mine, 20)
    for one, other in zip(found.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_last_update_is_the_smallest() -> None:
    """The rate falls to zero: twice the updates are not the first ones and as many more."""
    task, mine = handwriting(), inks().select([3])
    moved = [
        sum(float((a - b).detach().norm()) for a, b in zip(task.model.parameters(), after.parameters(), strict=True))
        for after in (task.adapted(mine, count).model for count in (1, 2))
    ]
    assert moved[0] < moved[1] < 1.8 * moved[0]


def test_a_share_of_the_way_is_gone() -> None:
    task = handwriting()
    data = task.encoded_style(inks()[3])
    part, whole = (adapted(task.model, data, task.symbols, 2, share=share) for share in (SHARE, 1.0))
    for old, some, new in zip(task.model.parameters(), part.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(some - old, SHARE * (new - old), rtol=1e-3, atol=1e-7)
        assert not torch.equal(new, old)


def test_what_it_writes_is_another_line() -> None:
    task = handwriting()
    mine = inks()[3]
    told = {"seed": 2, "style": mine, "points": 20}
    plain, own = task.write("ev", **told), task.adapted(mine, 10).write("ev", **told)
    assert len(plain[0]) != len(own[0]) or not (plain[0].points == own[0].points).all()


def test_a_line_is_learned_whole_however_long_those_of_the_training_were() -> None:
    mine = inks().select([3])
    short, long = (handwriting(longest=longest) for longest in (5, 60))
    assert short.encoded_style(mine).lengths.max() > 5
    one, other = (task.adapted(mine, 2).model.state_dict() for task in (short, long))
    assert all(torch.equal(weight, other[name]) for name, weight in one.items())


def test_a_network_is_led_along_a_line_as_it_has_learned_it() -> None:
    """Size and slant are those of the hand: of all that somebody wrote, whether the file names them or not."""
    task = handwriting()
    slanted = inks()[3].transformed([[2.0, 0.8, 0.0], [0.0, 2.0, 0.0]])
    for writer in (None, "me"):
        mine = Inks([replace(sample, writer=writer) for sample in (inks()[3], slanted, inks()[11])])
        data = task.encoded_style(mine)
        for place in range(3):
            lead = task.led(mine, place)
            assert (data.rows[data.starts[place] : data.starts[place + 1]] == lead.rows).all()
            assert lead.slant != task.led(mine[place]).slant
    assert task.led(lead) is lead


def test_other_writers_of_a_file_are_not_learned_from() -> None:
    task, mine = handwriting(), inks().select([3, 4, 11])  # the first and the last are by one writer
    assert len(task.encoded_style(mine)) == 2 and len(task.encoded_style(mine, 1)) == 1
    many = Inks(150 * [inks()[3]])
    assert len(task.encoded_style(many)) == 1 + MOST and [ink.writer for ink in hand(mine, 2)] == 2 * ["made 3"]
    assert [ink.writer for ink in hand(replace(inks()[3], writer=None))] == ["somebody"]


def test_what_cannot_be_learned_from_is_counted_and_each_update_told() -> None:
    task, told = handwriting(), list[int]()
    mine = [replace(sample, writer=None) for sample in inks()[3:6]]
    mine = Inks([mine[0], replace(mine[1], text="\N{SNOWMAN}"), replace(mine[2], text=None)])
    data = task.encoded_style(mine)
    assert len(data) == 1 and data.dropped == {"rare character": 1, "no text": 1}
    task.adapted(data, 3, tell=told.append)
    assert told == [1, 2, 3]


@pytest.mark.parametrize("options", [{"cell": "gru"}, {"adaptive_weight_noise": True}, {"precision": "bf16"}])
@pytest.mark.parametrize("weights", ["bf16", "int8"])
def test_models_of_all_kinds_adapt(options: dict[str, Any], weights: str, tmp_path: Path) -> None:
    """As shipped: from one small file, with more lines than are learned at once."""
    task, mine = handwriting(**options), Inks([replace(sample, writer=None) for sample in inks()[:12]])
    whole = write_model(task, tmp_path / "whole.safetensors")
    unspool.export(whole, tmp_path / "model.safetensors", weights=weights)
    small = unspool.load(tmp_path / "model.safetensors")
    assert isinstance(small, Handwriting)
    found = small.adapted(mine, 40)
    assert nats(found, mine) < nats(small, mine)
    assert found.write("ev", points=5, style=mine[0])[0].points.shape == (5, 2)


def test_bad_styles() -> None:
    task = handwriting()
    with pytest.raises(SpecError, match=r"updates must be a whole number, got 2\.5"):
        task.adapted(inks()[3], 2.5)  # type: ignore[arg-type]
    for count, sample in ((0, 0), (2, 2), (2, -1)):
        with pytest.raises(DataError, match=f"has {count} samples, numbered from 0, got --style-sample {sample}"):
            task.encoded_style(inks()[:count], sample)
    with pytest.raises(SpecError, match="at least 1 update, got 0"):
        task.adapted(inks()[3], 0)
    with pytest.raises(DataError, match="at least one sample must be a line of known characters"):
        task.adapted(Strokes.of([[[0.0, 0.0], [1.0, 1.0]]]), 1)
