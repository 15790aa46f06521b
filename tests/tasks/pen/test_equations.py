"""The losses that are trained on and told are those of Graves (2013), in a slow transcription of its equations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.nets import graves
from tests.tasks.pen.made import handwriting, inks
from unspool.tasks.pen.handwriting import Handwriting
from unspool.tasks.pen.reading import PenData

torch.set_num_threads(1)
TEXTLESS = pytest.mark.parametrize("prediction", [False, True], ids=["synthesis", "prediction"])


def task_with_any_weights(prediction: bool) -> Handwriting:
    """Two layers with peepholes, all weights and biases random."""
    task = handwriting(prediction=prediction, components=3, hidden_size=6)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in task.model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return task


def scores(task: Handwriting, data: PenData, places: np.ndarray, longest: int) -> graves.Score:
    """The equations over samples, straight from the encoded strokes and texts."""
    found = []
    for place in places:
        text = np.eye(task.symbols)[data.text(int(place))] if task.symbols else None  # one-hot, [U, V]
        found.append(graves.score(task.model, data.sample(int(place))[:longest].astype(np.float64), text))
    return graves.Score(*(sum(parts) for parts in zip(*found, strict=True)))


@TEXTLESS
def test_the_loss_of_a_batch(prediction: bool) -> None:
    """(7)-(11), (17)-(26), and with a text (46)-(53), over samples of unequal length."""
    task = task_with_any_weights(prediction)
    assert task.training is not None
    places = np.array([0, 3, 7, 20])
    batch = task.gather(task.training, places)
    assert len(set(batch.lengths.tolist())) > 1
    loss = task.loss(batch, None)
    expected = scores(task, task.training, places, 10**6)
    assert loss.items == batch.lengths.sum()
    assert float(loss.sum.detach()) == pytest.approx(expected.nats, rel=1e-5)


@TEXTLESS
def test_metrics(prediction: bool) -> None:
    """Nats a point, a character and a line, and the sum of squares a point, as tables 3 and 4 count them."""
    task = task_with_any_weights(prediction)
    assert task.held is not None
    expected = scores(task, task.held, np.arange(len(task.held)), 10**6)
    found, points = task.metrics(), len(task.held.rows)
    assert found["validation_loss"] == pytest.approx(expected.nats / points, rel=1e-5)
    assert found["nats_per_sequence"] == pytest.approx(expected.nats / len(task.held), rel=1e-5)
    assert found["squared_error"] == pytest.approx(expected.squared / points, rel=1e-5)
    if not prediction:
        assert found["nats_per_character"] == pytest.approx(expected.nats / len(task.held.ids), rel=1e-5)


def test_a_text_is_read_whole_where_a_training_sample_is_cut_off() -> None:
    """The window may look ahead; so do the networks of the paper, whose lines are not cut."""
    task = task_with_any_weights(False)
    short = handwriting(inks(), components=3, hidden_size=6, longest=9)
    short.model = task.model
    batch = next(short.batches())
    assert int(batch.lengths.max()) == 9 and batch.memory is not None
    rows = [batch.points[:, row].numpy().astype(np.float64) for row in range(batch.size)]
    texts = [batch.memory.values[row, : int(batch.memory.lengths[row])].numpy() for row in range(batch.size)]
    expected = sum(
        graves.score(task.model, row[: int(length)], text).nats
        for row, length, text in zip(rows, batch.lengths, texts, strict=True)
    )
    assert float(short.loss(batch, None).sum.detach()) == pytest.approx(expected, rel=1e-5)
