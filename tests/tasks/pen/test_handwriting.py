"""Handwriting as a task: it learns, it is the same again after saving, and it says what it was measured on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, MultivariateNormal

import unspool
from tests.tasks.made import write_model
from tests.tasks.pen.made import PEN, handwriting, inks, trained, write_inks
from unspool.cells.lstm import LSTM
from unspool.data.pen.normalise import JITTER, SMOOTH, Normaliser
from unspool.data.pen.strokes import Inks, Strokes
from unspool.engine import dispatch
from unspool.engine.dispatch import Choice
from unspool.engine.library import has_bfloat16
from unspool.errors import DataError, SpecError
from unspool.tasks.pen.handwriting import UNCLIPPED, Handwriting
from unspool.tasks.pen.options import HandwritingOptions
from unspool.tasks.pen.reading import divided, encoded_parts, fitted
from unspool.tasks.start import begin
from unspool.training.options import Budget

torch.set_num_threads(1)
TEXTLESS = pytest.mark.parametrize("prediction", [False, True], ids=["synthesis", "prediction"])


def test_it_learns_and_a_text_tells_it_more(tmp_path: Path) -> None:
    """Made letters are the same but for a shaking hand, so that a network that knows the letter knows the way."""
    session = begin("handwriting", inks(), options={**PEN, "learning_rate": 0.02}, budget=Budget("steps", 100),
                    out=str(tmp_path / "text"))  # fmt: skip
    *_, last = session.events
    assert last.metrics["validation_loss"] < 1.95 < 2.5 < session.task.baselines["one Gaussian"]
    alone = trained(tmp_path / "alone", prediction=True).metrics
    assert alone["validation_loss"] > last.metrics["validation_loss"] + 0.1
    assert alone["squared_error"] > 1.1 * last.metrics["squared_error"]
    assert alone["points"] == last.metrics["points"] and "nats_per_character" not in alone


@TEXTLESS
def test_a_saved_model_is_the_same_model(prediction: bool, tmp_path: Path) -> None:
    task = handwriting(prediction=prediction)
    again = unspool.load(write_model(task, tmp_path / "model.safetensors"))
    assert isinstance(again, Handwriting) and again.options == task.options and again.pace == task.pace
    assert again.reader.normaliser == task.reader.normaliser and again.reader.alphabet == task.reader.alphabet
    assert again.evaluate(inks(9, 3)) == task.evaluate(inks(9, 3))
    text = None if prediction else "ev"
    one, other = (model.write(text, seed=3, points=9)[0] for model in (task, again))
    np.testing.assert_array_equal(one.points, other.points)
    assert again.metadata() == task.metadata()


def test_held_out_writers_are_not_trained_on() -> None:
    """Other strokes by a held-out writer change neither the training rows nor the scale that all are read by."""
    task = handwriting(validation="0.25")
    assert task.training is not None and task.held is not None
    assert len(task.held) == 12 and "2 writers" in task.split
    untouched = []
    for writer in sorted({str(sample.writer) for sample in inks()}):
        shear = [[3.0, 1.0, 0.0], [0.0, 2.0, 0.0]]
        changed = Inks([s if s.writer != writer else s.transformed(shear).select(s.points[:, 0] > 0) for s in inks()])
        division = divided(changed, "0.25", 0)
        reader = fitted(division.training, 4.0, 1, text=True, normaliser=Normaliser(smooth=SMOOTH, jitter=JITTER))
        training, held, reader = encoded_parts(division, reader, standardise=True)
        if np.array_equal(training.rows, task.training.rows):
            assert reader.normaliser == task.reader.normaliser and not np.array_equal(held.rows, task.held.rows)
            untouched.append(writer)
    assert untouched == list(divided(inks(), "0.25", 0).writers)


def test_validation_in_a_file_of_its_own(tmp_path: Path) -> None:
    file = write_inks(tmp_path / "held.json", inks()[:5])
    task = handwriting(inks()[5:], validation=str(file))
    assert task.held is not None and len(task.held) == 5 and task.split == "validation on held.json"
    measured = task.metrics()
    assert measured["sequences"] == 5 and measured == {k: task.evaluate([file])[k] for k in measured}
    moved = handwriting(inks()[5:], validation=str(write_inks(tmp_path / "other.json", inks()[1:6])))
    assert moved.fingerprint != task.fingerprint


def test_evaluating_the_training_data_measures_held_out_writers_only() -> None:
    task = handwriting()
    measured = task.metrics()
    whole = task.evaluate(inks())
    assert whole["split"] == task.split and {k: whole[k] for k in measured} == measured
    other = task.evaluate(inks()[:7])
    assert other["split"] == "the whole of the given data" and other["sequences"] == 7


def test_what_is_left_out_is_counted() -> None:
    line = inks()[0]
    odd = [
        replace(line, text=None),
        replace(line, text=f"{line.text}§"),
        line.transformed([[40.0, 0, 0], [0, 1.0, 0]]),
    ]
    task = handwriting(Inks([*inks(), *odd]), rarest=2, validation="0.3")
    counts = task.describe()["left_out"]
    assert counts["no text"] == 1 and counts["rare character"] >= 1 and counts["width"] >= 1
    assert task.training is not None and task.held is not None
    assert sum(counts.values()) == len(inks()) + 3 - len(task.training) - len(task.held)
    alone = handwriting(Inks([*inks(), *odd]), prediction=True)
    assert "no text" not in alone.describe()["left_out"]  # a network that reads none needs none
    assert handwriting().evaluate(Inks([*inks()[:3], odd[1]]))["left_out"] == {"rare character": 1}


def test_metrics_are_the_losses_of_single_samples() -> None:
    """However the samples are batched: nats and squared errors of each alone, added up."""
    task = handwriting()
    task.model.eval()
    assert task.held is not None
    nats = error = 0.0
    for place in range(len(task.held)):
        batch = task.gather(task.held, np.array([place]))
        loss = task.loss(batch, None)
        assert loss.items == len(task.held.sample(place)) and loss.state is None
        nats += float(loss.sum.detach())
        rows = torch.cat([torch.zeros(1, 1, 3), batch.points[:-1]])
        mean = task.model.head.mean(task.model(rows, memory=batch.memory).raw.detach())
        error += float((mean[..., :2] - batch.points[..., :2]).square().sum())
    points, characters = len(task.held.rows), sum(len(task.held.text(place)) for place in range(len(task.held)))
    found = task.metrics()
    assert found["validation_loss"] == pytest.approx(nats / points, rel=1e-5)
    assert found["nats_per_character"] == pytest.approx(nats / characters, rel=1e-5)
    assert found["nats_per_sequence"] == pytest.approx(nats / len(task.held), rel=1e-5)
    assert found["squared_error"] == pytest.approx(error / points, rel=1e-5)
    assert (found["points"], found["characters"], found["sequences"]) == (points, characters, len(task.held))


def test_the_baseline_is_a_normal_distribution() -> None:
    task = handwriting()
    assert task.training is not None and task.held is not None
    known, asked = (torch.from_numpy(part.rows).double() for part in (task.training, task.held))
    place = MultivariateNormal(known[:, :2].mean(0), torch.cov(known[:, :2].T, correction=0))
    end = Bernoulli((known[:, 2].sum() + 1) / (len(known) + 2))
    expected = -(place.log_prob(asked[:, :2]) + end.log_prob(asked[:, 2])).mean()
    assert task.baseline()["one Gaussian"] == pytest.approx(float(expected), rel=1e-9)


def test_training_offsets_are_standardised_and_the_same_scale_reads_the_rest() -> None:
    task = handwriting()
    assert task.training is not None
    offsets = task.training.rows[:, :2]
    np.testing.assert_allclose(offsets.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(offsets.std(0), 1, atol=1e-5)
    assert set(np.unique(task.training.rows[:, 2])) == {0, 1}
    next_one = handwriting(inks(), seed=task.options.seed)
    assert next_one.reader.normaliser == task.reader.normaliser


def test_graves_optimizer_takes_the_derivatives_of_a_whole_sample() -> None:
    """The floor under the deviation of its derivatives is meant for sums over samples of some hundred points."""
    plain, graves = handwriting(), handwriting(optimizer="graves")
    assert graves.options.clip == UNCLIPPED and graves.options.learning_rate == 1e-4
    assert graves.options.weight_decay == 0.0 < plain.options.weight_decay
    assert handwriting(optimizer="graves", weight_decay=0.1).options.weight_decay == 0.1
    assert graves.model.load_state_dict(plain.model.state_dict())
    batch = next(plain.batches())
    sums = [task.loss(batch, None).sum for task in (plain, graves)]
    assert torch.equal(sums[0], sums[1])
    for loss in sums:
        loss.backward()
    one, other = (task.model.output.weight.grad for task in (plain, graves))
    assert one is not None and other is not None
    torch.testing.assert_close(other, plain.pace.points * one)


def test_a_training_goes_on_from_another_run(tmp_path: Path) -> None:
    """With its scale and its alphabet, so that its weights mean the same: characters it does not know are left out."""
    base = trained(tmp_path / "base", steps=3).model
    new = Inks([*inks(16, 4), *(replace(s, text="§" * len(str(s.text))) for s in inks(4, 4))])
    session = begin("handwriting", new, base=str(tmp_path / "base"), out=str(tmp_path / "next"),
                    budget=Budget("steps", 2))  # fmt: skip
    task = session.task
    assert isinstance(task, Handwriting) and isinstance(base, Handwriting)
    assert task.reader.normaliser == base.reader.normaliser and task.reader.alphabet == base.reader.alphabet
    assert "new to the network only if it was not among the data that" in session.remark
    assert task.training is not None and task.describe()["left_out"] == {"rare character": 4}
    alone = handwriting(new).options.learning_rate
    assert alone is not None and task.options.learning_rate == pytest.approx(0.1 * alone)  # it can write already
    assert task.pace.points == task.training.lengths.mean() != base.pace.points  # of what it learns now
    assert task.pace.long == max(base.pace.long, np.quantile(task.training.lengths, 0.99))
    for name, weight in task.model.state_dict().items():
        assert torch.equal(weight, base.model.state_dict()[name])
    session.close()
    for options, told in (
        ({"components": 3}, "--components is fixed by --from: the model has 2, got 3"),
        ({"prediction": True}, "--prediction is fixed by --from"),
        ({"points_per_letter": 9.0}, "--points-per-letter is fixed by --from"),
        ({"rarest": 99}, "--rarest is fixed by --from: the model has"),
    ):
        with pytest.raises(SpecError, match=told):
            begin("handwriting", new, base=str(tmp_path / "base"), options=options)


def test_adaptive_noise_begins_from_a_network_without_it(tmp_path: Path) -> None:
    """As in section 5.2 of Graves (2013), whose networks with noise are those without it, retrained."""
    base = trained(tmp_path / "base", steps=3).model
    options = {"adaptive_weight_noise": True, "weight_noise": 0.05}
    session = begin("handwriting", inks(), options=options, base=str(tmp_path / "base"), out=str(tmp_path / "noisy"),
                    budget=Budget("steps", 2))  # fmt: skip
    weights = session.task.model.state_dict()
    assert all(torch.equal(weights[name], weight) for name, weight in base.model.state_dict().items())
    assert any(name.startswith("noise.") for name in weights)
    for _ in session.events:
        pass
    plain = begin("handwriting", inks(), options={"adaptive_weight_noise": False}, base=str(tmp_path / "noisy"),
                  out=str(tmp_path / "plain"), budget=Budget("steps", 2)).task  # fmt: skip
    assert not any(name.startswith("noise.") for name in plain.model.state_dict())


def test_an_epoch_pays_once_for_the_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples that are cut off for training too."""
    paid: list[float] = []

    def pay(net: object, loss: torch.Tensor, share: float) -> torch.Tensor:
        paid.append(share)
        return loss

    monkeypatch.setattr("unspool.tasks.pen.handwriting.with_complexity", pay)
    task = handwriting(adaptive_weight_noise=True, longest=9)
    assert task.training is not None and task.training.lengths.max() > 9
    batches = task.batches()
    for _ in range(batches.steps_per_epoch):
        task.loss(next(batches), None)
    assert sum(paid) == pytest.approx(1.0)


def test_what_describes_a_run() -> None:
    told = handwriting().describe()
    assert told["training_sequences"] + told["validation_sequences"] == len(inks())
    assert set(told["alphabet"]) == {c for s in inks() for c in str(s.text) if s}
    assert 2 < told["points_per_character"] < 8  # as asked for: 4 a letter
    assert 5 <= told["characters_in_one_go"] <= 15  # of words of five letters at most
    assert "alphabet" not in handwriting(prediction=True).describe()
    assert handwriting().validation_cost() == pytest.approx(told["validation_points"] / told["training_points"])
    specimen = handwriting().specimen(None, 5)
    assert specimen.steps <= 5 and specimen.batch.points.shape[0] >= specimen.steps


@pytest.mark.parametrize(
    "options",
    [{"cell": "gru"}, {"cell": "rnn", "layers": 1}, {"peephole": False}, {"clip_inputs": 10.0},
     {"weight_noise": 0.1}, {"adaptive_weight_noise": True}, {"recurrent_dropout": 0.2}, {"precision": "bf16"}],
)  # fmt: skip
def test_every_network_learns_and_writes(options: dict[str, Any]) -> None:
    task = handwriting(**options)
    loss = task.loss(next(task.batches()), None, torch.Generator().manual_seed(0)).sum
    loss.backward()
    assert all(bool(p.grad is not None and p.grad.isfinite().all() and p.grad.any()) for p in task.model.parameters())
    assert task.write("ev", points=3)[0].points.shape == (3, 2)


@pytest.mark.parametrize("prediction", [False, True])
def test_every_layer_rounds_its_factors_where_it_is_asked_to(prediction: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    task = handwriting(prediction=prediction, precision="bf16")
    cells = [part for part in task.model.modules() if isinstance(part, LSTM)]
    assert len(cells) == 2 and all(cell.precision == "bf16" for cell in cells)
    assert all(part.precision == "float32" for part in handwriting().model.modules() if isinstance(part, LSTM))
    if has_bfloat16():
        chosen: list[Choice] = []
        monkeypatch.setattr(dispatch, "_observers", [lambda _, choice: chosen.append(choice)])
        task.loss(next(task.batches()), None, torch.Generator().manual_seed(0))
        assert len(chosen) == 2 and all("in bfloat16" in choice.reason for choice in chosen)


def one_point() -> list[Strokes]:
    return [Strokes.of([[[0.0, 0.0]]], text="a", writer=str(n)) for n in range(3)]


@pytest.mark.parametrize(
    ("data", "options", "told"),
    [
        (["gone.json"], {}, r"no .*gone\.json"),
        (one_point(), {}, "at least one sample must be a line of known characters"),
        (inks()[:1], {}, "a split needs at least two samples"),
        ([replace(s, text=None) for s in inks()], {}, "an alphabet needs texts"),
        (None, {"rarest": 1000}, "lower --rarest"),
        ([[1, 2, 3]], {}, "pen data must be paths"),
        (None, {"validation": "gone.json"}, r"no .*gone\.json"),
    ],
)
def test_data_that_cannot_be_used(data: Any, options: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        handwriting(data, **options)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"dropout": 0.2}, "handwriting has no dropout"),
        ({"precision": "bf16", "clip_inputs": 10.0}, "leave one of them out"),
        ({"validation": "1.5"}, "--validation"),
        ({"components": 0}, "--components must be"),
        ({"window_components": 0}, "--window-components must be"),
        ({"points_per_letter": 0.5}, "--points-per-letter must be"),
        ({"longest": 1}, "--longest must be"),
        ({"rarest": 0}, "--rarest must be"),
        ({"momentum": 0.9}, "--momentum belongs to --optimizer sgd"),
        ({"cell": "rnn", "peephole": False}, "--no-peephole belongs to --cell lstm, got --cell rnn"),
        ({"cell": "gru", "clip_inputs": 10.0}, "--clip-inputs is for --cell lstm, got 10 with gru; leave it out"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], told: str) -> None:
    with pytest.raises(SpecError, match=told):
        handwriting(**options)


@pytest.mark.parametrize("name", ["window_components", "rarest"])
def test_options_of_a_text_that_is_not_read(name: str) -> None:
    with pytest.raises(SpecError, match=f"--{name.replace('_', '-')} is for networks that read a text"):
        Handwriting.prepare(HandwritingOptions(prediction=True, **{name: 7}), inks())
