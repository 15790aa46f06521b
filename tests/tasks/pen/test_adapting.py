"""A network that learns from a style before it writes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.tasks.pen.made import handwriting, inks
from unspool.data.pen.strokes import Inks, Strokes
from unspool.errors import DataError, SpecError
from unspool.tasks.pen.handwriting import Handwriting


def nats(task: Handwriting, samples: Inks) -> float:
    return float(task.evaluate(samples)["validation_loss"])


@pytest.mark.parametrize(
    "options", [{}, {"prediction": True}, {"clip_inputs": 10.0}, {"recurrent_dropout": 0.2}, {"weight_noise": 0.01}]
)
def test_it_knows_the_style_better_and_leaves_the_model_as_it_was(options: dict[str, Any]) -> None:
    task, mine = handwriting(**options), inks().select([3, 11, 19])
    before = {name: weight.clone() for name, weight in task.model.state_dict().items()}
    found = task.adapted(mine, 60)
    assert type(found) is type(task) and found.reader is task.reader
    assert nats(found, mine) < nats(task, mine) - 0.02
    assert all(torch.equal(weight, before[name]) for name, weight in task.model.state_dict().items())
    again = task.adapted(mine, 60)
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


def test_what_it_writes_is_another_line() -> None:
    task = handwriting()
    mine = inks()[3]
    told = {"seed": 2, "style": mine, "points": 20}
    plain, own = task.write("ev", **told), task.adapted(mine, 10).write("ev", **told)
    assert len(plain[0]) != len(own[0]) or not (plain[0].points == own[0].points).all()


def test_bad_styles() -> None:
    task = handwriting()
    with pytest.raises(SpecError, match="at least 1 update, got 0"):
        task.adapted(inks()[3], 0)
    with pytest.raises(DataError, match="at least one sample must be a line of known characters"):
        task.adapted(Strokes.of([[[0.0, 0.0], [1.0, 1.0]]]), 1)
