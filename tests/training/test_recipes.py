"""Recipes of others from the public options: gradient descent, a stepped learning rate, even first weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import unspool
from tests.tasks.made import story
from unspool.tasks.language.language import Language
from unspool.tasks.language.options import LanguageOptions
from unspool.tasks.start import begin
from unspool.training.events import Progress
from unspool.training.options import Budget
from unspool.training.schedule import stepped
from unspool.training.state import Training

ZAREMBA: dict[str, Any] = {
    "unit": "word", "min_count": 1, "layers": 2, "hidden_size": 12, "embedding_size": 12, "skip": False,
    "tied": False, "softmax": "full", "dropout": 0.0, "init_range": 0.1, "window": 20, "batch_size": 4,
    "optimizer": "sgd", "learning_rate": 20.0, "clip": 0.25, "weight_decay": 0.0, "schedule": "step", "hold": 4,
}  # fmt: skip


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "story.txt"
    path.write_text(story(2000), encoding="utf-8")
    return path


def test_the_learning_rate_falls_as_zaremba_has_it() -> None:
    assert [stepped(1.0, epoch, 4, 0.5) for epoch in range(7)] == [1, 1, 1, 1, 0.5, 0.25, 0.125]
    assert stepped(1.0, 4.99, 4, 0.5) == 0.5


def test_zarembas_updates_are_those_of_a_plain_loop(text: Path) -> None:
    """His loss is summed over the window and averaged over lanes: 20 times ours, hence rate 20 / clip 0.25."""
    task = Language.prepare(LanguageOptions(**ZAREMBA), [text], Budget("epochs", 1))
    task.model = task.build()
    values = torch.cat([parameter.flatten() for parameter in task.model.parameters()])
    assert float(values.detach().abs().max()) <= 0.1 and abs(float(values.detach().std()) - 0.1 / 3**0.5) < 0.005
    embedding, lstm = nn.Embedding(len(task.vocabulary), 12), nn.LSTM(12, 12, 2)
    output = nn.Linear(12, len(task.vocabulary))
    weights = dict(task.model.state_dict())
    embedding.load_state_dict({"weight": weights["embedding.weight"]})
    output.load_state_dict({name: weights[f"output.{name}"] for name in ("weight", "bias")})
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    lstm.load_state_dict({f"{n}_l{k}": weights[f"stack.layers.{k}.cell.{n}"] for k in (0, 1) for n in names})
    parameters = [p for module in (embedding, lstm, output) for p in module.parameters()]
    training, batches, state = Training(task), task.batches(), None
    for _ in range(3):
        window = next(batches)
        y, state = lstm(embedding(window.inputs), state)
        state = tuple(part.detach() for part in state)
        loss = nn.functional.cross_entropy(output(y).flatten(0, 1), window.targets.flatten(), reduction="sum") / 4
        gradients = torch.autograd.grad(loss, parameters)
        norm = float(torch.stack([gradient.norm() for gradient in gradients]).norm())
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter -= 1.0 * gradient * min(1.0, 5.0 / norm)
        training.update(20.0)
    assert torch.allclose(task.model.output.weight, output.weight, atol=1e-5)
    assert torch.allclose(task.model.embedding.weight, embedding.weight, atol=1e-5)


def test_the_step_schedule_reaches_the_optimiser(text: Path) -> None:
    session = begin(
        "language", [text], options={**ZAREMBA, "hold": 1}, budget=Budget("epochs", 3), out=str(text) + "run"
    )
    steps = session.training.batches.steps_per_epoch
    rates = [event.learning_rate for event in session.events if isinstance(event, Progress)]
    assert rates == [20.0] * steps + [10.0] * steps + [5.0] * (len(rates) - 2 * steps)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_gradient_descent_resumes_exactly(text: Path, momentum: float) -> None:
    options = {**ZAREMBA, "momentum": momentum}
    whole = unspool.train("language", [text], steps=6, out=str(text.with_name("whole")), **options)
    session = begin("language", [text], options=options, budget=Budget("steps", 6), out=str(text.with_name("halves")))
    for event in session.events:
        if isinstance(event, Progress) and event.step == 3:
            session.close()
            break
    halves = unspool.resume(text.with_name("halves"))
    for name in ("model.safetensors", "last.safetensors"):
        assert (whole.path / name).read_bytes() == (halves.path / name).read_bytes()
