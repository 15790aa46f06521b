"""How a training ends: its budget, patience, or divergence that does not stop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import unspool
from tests.tasks.made import LANGUAGE, story
from unspool.errors import TrainingError
from unspool.tasks.language.language import Language
from unspool.tasks.start import Session, begin, finish, reopen
from unspool.training import checkpoint, folder, loop
from unspool.training.events import Event, Finished, Progress, RolledBack, Saved, Started, Validated
from unspool.training.log import read_log
from unspool.training.options import Budget
from unspool.training.protocol import Loss
from unspool.training.schedule import learning_rate, warmup_steps


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "story.txt"
    path.write_text(story(), encoding="utf-8")
    return path


def new(data: Path, steps: int, **options: Any) -> Session:
    chosen = {**LANGUAGE, **options}
    out = str(data.with_name("run"))
    return begin("language", [str(data)], options=chosen, budget=Budget("steps", steps), out=out, baseline=False)


def losses(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> None:
    """Let the validations give these losses."""
    source = iter(values)
    monkeypatch.setattr(Language, "metrics", lambda self: {"validation_loss": next(source)})


def test_events_and_log_tell_the_same(data: Path) -> None:
    events = list(new(data, 20).events)
    assert isinstance(events[0], Started) and events[0].total == 20 and events[0].parameters > 1000
    steps = [event for event in events if isinstance(event, Progress)]
    assert [event.step for event in steps] == list(range(1, 21))
    assert steps[-1].fraction == 1 and steps[9].fraction == 0.5
    assert isinstance(events[-1], Finished) and events[-1].reason == "budget"
    lines = read_log(data.with_name("run") / folder.LOG)
    assert [line["step"] for line in lines if "epoch" in line] == list(range(1, 21))
    assert [line["loss"] for line in lines if "epoch" in line] == [event.loss for event in steps]
    told = [event for event in events if isinstance(event, Validated)]
    assert [line["step"] for line in lines if "best" in line] == [event.step for event in told] != []
    assert lines[-1]["finished"] == "budget" and lines[-1]["step"] == 20
    assert {"step", "seconds", "loss", "learning_rate", "tokens_per_second"} <= lines[0].keys()


def test_what_is_left_is_reckoned_from_the_updates_alone(data: Path) -> None:
    """Neither an hour of reading nor the part of a training before it was stopped counts."""
    out = str(data.with_name("run"))
    budget = Budget("steps", 20)
    session = begin("language", [str(data)], options=LANGUAGE, budget=budget, out=out, spent=lambda: 3600.0)
    for event in session.events:
        if isinstance(event, Progress) and event.step == 10:
            break
    session.events.close()
    assert isinstance(event, Progress) and event.seconds > 3600 > 60 > event.remaining > 0
    again = [event for event in reopen(out).events if isinstance(event, Progress)]
    assert again[0].step == 11 and 60 > again[0].remaining > 0 == again[-1].remaining


def test_the_learning_rate_warms_up_and_falls_to_zero(data: Path) -> None:
    rates = [e.learning_rate for e in new(data, 40, learning_rate=0.01).events if isinstance(e, Progress)]
    expected = [learning_rate(0.01, step, step / 40, warmup_steps(40)) for step in range(40)]
    assert rates == expected
    assert warmup_steps(40) == 4 and rates[0] == pytest.approx(0.0025) and rates[3] == max(rates) < 0.01
    assert rates[-1] < 1e-4 and learning_rate(1.0, 40, 1.0, 4) == 0
    assert (warmup_steps(None), warmup_steps(10**6), warmup_steps(3)) == (100, 100, 1)


def test_patience(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Language, "validation_cost", lambda self: 1e-9)
    losses(monkeypatch, [3.0, 2.0, 2.5, 2.0, 2.1, 1.0])
    events = list(new(data, 100, patience=3).events)
    told = [event for event in events if isinstance(event, Validated)]
    assert [event.best for event in told] == [True, True, False, False, False]
    assert [event.step for event in told] == [10, 20, 30, 40, 50]
    assert isinstance(events[-1], Finished)
    assert (events[-1].reason, events[-1].step, events[-1].metrics) == ("patience", 50, {"validation_loss": 2.0})
    run = data.with_name("run")
    assert checkpoint.read(run / folder.MODEL, "model")[1]["training"]["step"] == 20
    assert checkpoint.read(run / folder.LAST, "training")[1]["place"]["step"] == 50
    sentence = reopen(run)
    assert isinstance(sentence, str) and "patience" in sentence


def test_patience_of_zero_never_stops(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Language, "validation_cost", lambda self: 1e-9)
    losses(monkeypatch, [1.0, *[2.0] * 40])
    assert list(new(data, 60, patience=0).events)[-1].step == 60


def test_the_best_model_is_kept_and_the_last_state_too(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Language, "validation_cost", lambda self: 1e-9)
    losses(monkeypatch, [3.0, 1.0, 2.0, 2.5])
    weights: dict[int, Any] = {}
    session = new(data, 40)
    for event in session.events:
        if isinstance(event, Validated):
            weights[event.step] = session.task.model.output.weight.detach().clone()
    best = unspool.load(data.with_name("run")).model.output.weight
    assert best.equal(weights[20]) and not best.equal(weights[40])
    tensors, document = checkpoint.read(data.with_name("run") / folder.LAST, "training")
    assert tensors["model/output.weight"].equal(weights[40])
    assert (document["place"]["best"], document["place"]["best_step"]) == (1.0, 20)


def nan_at(session: Session, steps: set[int]) -> None:
    true_loss = session.task.loss

    def loss(*arguments: Any) -> Loss:
        result = true_loss(*arguments)
        if session.training.place.step in steps and session.training.place.rollbacks == 0:
            return result._replace(sum=result.sum * float("nan"))
        return result

    session.task.loss = loss  # type: ignore[method-assign]


def test_one_bad_update_is_taken_back(data: Path) -> None:
    session = new(data, 24)
    nan_at(session, {18})
    events = list(session.events)
    (back,) = (event for event in events if isinstance(event, RolledBack))
    assert (back.failed_step, back.step, back.scale) == (19, 12, pytest.approx(0.3))
    assert "not finite" in back.reason
    assert isinstance(events[-1], Finished) and events[-1].step == 24
    (line,) = (line for line in read_log(session.folder.log) if "rolled_back_from" in line)
    assert (line["step"], line["rolled_back_from"]) == (12, 19)
    steps = [event for event in events if isinstance(event, Progress)]
    first, second = (event for event in steps if event.step == 13)
    assert second.learning_rate == pytest.approx(0.3 * first.learning_rate)


def test_a_bad_gradient_changes_no_weight(data: Path) -> None:
    session = new(data, 6)
    nan_at(session, {0})
    before = session.task.model.output.weight.detach().clone()
    for event in session.events:
        if isinstance(event, RolledBack):
            assert event.step == 0
            assert session.task.model.output.weight.equal(before)
            break
    else:
        pytest.fail("nothing was taken back")
    session.close()


def test_the_best_model_survives_a_roll_back_to_before_it(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Language, "validation_cost", lambda self: 1e-9)
    losses(monkeypatch, [3.0, 1.0, 2.0, 2.5, 2.0])
    session = new(data, 40)
    seen = False
    for event in session.events:
        if isinstance(event, Validated) and event.step == 20 and not seen:
            seen = True
            loop_of(session).good.values["place"].update(step=10, best=3.0, best_step=10)
            nan_at(session, {24})
    assert checkpoint.read(session.folder.model, "model")[1]["training"]["validation_loss"] == 1.0


def loop_of(session: Session) -> loop.Loop:
    return session.events.gi_frame.f_locals["events"].gi_frame.f_locals["self"]  # type: ignore[no-any-return]


def test_training_that_always_diverges_stops_with_a_sentence(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = new(data, 50, learning_rate=0.5)
    true_loss = session.task.loss
    session.task.loss = lambda *a: (r := true_loss(*a))._replace(sum=r.sum * float("nan"))  # type: ignore
    events: list[Event] = []
    with pytest.raises(TrainingError, match=r"diverged 7 times.*--learning-rate below 0\.0001"):
        finish(session, events.append)
    scales = [event.scale for event in events if isinstance(event, RolledBack)]
    assert scales == pytest.approx([0.3**n for n in range(1, 8)])
    assert not any(isinstance(event, (Progress, Finished)) for event in events)
    again = reopen(session.folder.path)
    assert isinstance(again, Session)
    assert list(again.events)[-1].step == 50


def test_a_learning_rate_that_is_far_too_large(data: Path) -> None:
    events = list(new(data, 250, learning_rate=10.0, patience=0).events)
    backs = [event for event in events if isinstance(event, RolledBack)]
    assert backs and "the loss rose to" in backs[0].reason
    finished = events[-1]
    assert isinstance(finished, Finished) and finished.metrics["validation_loss"] < 4


def test_files_are_saved_every_half_minute(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = new(data, 6)
    assert sum(isinstance(e, Saved) and e.path == session.folder.last for e in session.events) == 1
    monkeypatch.setattr(loop, "SAVE_SECONDS", -1.0)
    session.folder.clear()
    session = new(data, 6)
    assert sum(isinstance(e, Saved) and e.path == session.folder.last for e in session.events) == 7


def test_nothing_in_the_files_depends_on_the_clock(data: Path) -> None:
    list(new(data, 4).events)
    first = (data.with_name("run") / folder.LAST).read_bytes()
    assert json.dumps("seconds") not in json.dumps(
        checkpoint.read(data.with_name("run") / folder.LAST, "training")[1]["place"]
    )
    data.with_name("run").rename(data.with_name("first"))
    list(new(data, 4).events)
    assert (data.with_name("run") / folder.LAST).read_bytes() == first
