"""A training that stopped and went on is the training that never stopped, bit for bit."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tasks.made import CLASSIFIER, LANGUAGE, story, write_rows
from tests.tasks.pen.made import PEN, write_inks
from unspool.tasks.start import Session, begin, reopen
from unspool.training import loop
from unspool.training.events import Event, Progress, RolledBack, Started, Validated
from unspool.training.options import Budget
from unspool.training.protocol import Loss

DROPPED = {"dropout": 0.3, "recurrent_dropout": 0.2}
STEPS, EPOCHS = Budget("steps", 24), Budget("epochs", 0.9)
Begin = Callable[..., Session]


@pytest.fixture
def language(tmp_path: Path) -> Begin:
    (tmp_path / "story.txt").write_text(story(), encoding="utf-8")
    options = {**LANGUAGE, **DROPPED}
    return lambda out, budget=STEPS: started(tmp_path, "language", "story.txt", options, budget, out)


def started(folder: Path, task: str, name: str, options: dict[str, Any], budget: Budget, out: str) -> Session:
    data = [str(folder / name)]
    return begin(task, data, options=options, budget=budget, out=str(folder / out), baseline=False)


def stop(session: Session, at: Callable[[Event], bool]) -> None:
    """Close the events at the first for which `at` holds."""
    for event in session.events:
        if at(event):
            break
    session.close()


def run_out(session: Session) -> None:
    for _ in session.events:
        pass


def go_on(out: Path, budget: Budget | None = None) -> Session:
    session = reopen(out, budget)
    assert isinstance(session, Session), session
    return session


def log(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "tokens_per_second")} for line in lines]


def same(left: Path, right: Path) -> None:
    for name in ("model.safetensors", "last.safetensors"):
        assert (left / name).read_bytes() == (right / name).read_bytes(), name
    assert log(left) == log(right)
    assert not list(right.glob(".*"))


def at_step(step: int) -> Callable[[Event], bool]:
    return lambda event: event.step >= step


def test_language_at_any_step(language: Begin, tmp_path: Path) -> None:
    run_out(language("whole"))
    for step in (0, 1, *random.Random(3).sample(range(2, 23), 3), 23, 24):
        out = f"stopped-{step}"
        stop(language(out), at_step(step))
        run_out(go_on(tmp_path / out))
        same(tmp_path / "whole", tmp_path / out)


def test_at_every_kind_of_event(language: Begin, tmp_path: Path) -> None:
    run_out(language("whole"))
    for kind in (Started, Progress, Validated):
        out = f"stopped-{kind.__name__}"
        stop(language(out), lambda event, kind=kind: isinstance(event, kind))
        run_out(go_on(tmp_path / out))
        same(tmp_path / "whole", tmp_path / out)


def test_right_before_and_right_after_every_validation(language: Begin, tmp_path: Path) -> None:
    budget = Budget("steps", 40)
    run_out(language("whole", budget))
    validated = [line["step"] for line in log(tmp_path / "whole") if "best" in line]
    assert len(validated) == 3
    for step in validated[:2]:
        for kind in (Progress, Validated):
            out = f"stopped-{step}-{kind.__name__}"
            stop(language(out, budget), lambda event, s=step, k=kind: isinstance(event, k) and event.step == s)
            run_out(go_on(tmp_path / out))
            same(tmp_path / "whole", tmp_path / out)


def test_again_and_again(language: Begin, tmp_path: Path) -> None:
    run_out(language("whole"))
    stop(language("often"), at_step(2))
    for step in (2, 3, 9, 15, 23):
        stop(go_on(tmp_path / "often"), at_step(step))
    run_out(go_on(tmp_path / "often"))
    same(tmp_path / "whole", tmp_path / "often")


@pytest.mark.parametrize("kind", ["steps", "epochs"])
def test_classifier(kind: str, tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.csv")
    budget = Budget(kind, 24 if kind == "steps" else 4.5)  # type: ignore[arg-type]
    options = {**CLASSIFIER, **DROPPED, "validation": "0.3", "patience": 0}

    def new(out: str) -> Session:
        return started(tmp_path, "classifier", "rows.csv", options, budget, out)

    run_out(new("whole"))
    for step in (0, 1, 7, random.Random(5).randint(8, 19)):
        stop(new(f"stopped-{step}"), at_step(step))
        run_out(go_on(tmp_path / f"stopped-{step}"))
        same(tmp_path / "whole", tmp_path / f"stopped-{step}")


def test_handwriting(tmp_path: Path) -> None:
    """Weight noise, which is drawn, and Graves's optimiser, which keeps three numbers a weight."""
    write_inks(tmp_path / "lines.json")
    options = {**PEN, "weight_noise": 0.05, "optimizer": "graves", "longest": 12, "validation": "0.3", "patience": 0}

    def new(out: str) -> Session:
        return started(tmp_path, "handwriting", "lines.json", options, Budget("steps", 14), out)

    run_out(new("whole"))
    for step in (0, 1, random.Random(7).randint(2, 12)):  # an epoch has five updates
        stop(new(f"stopped-{step}"), at_step(step))
        run_out(go_on(tmp_path / f"stopped-{step}"))
        same(tmp_path / "whole", tmp_path / f"stopped-{step}")


def test_epochs_of_a_language_model(tmp_path: Path) -> None:
    (tmp_path / "story.txt").write_text(story(300), encoding="utf-8")

    def new(out: str) -> Session:
        options = {**LANGUAGE, **DROPPED, "cell": "gru", "layers": 2}
        return started(tmp_path, "language", "story.txt", options, Budget("epochs", 1.2), out)

    run_out(new("whole"))
    steps = log(tmp_path / "whole")[-1]["step"]
    epoch = new("measure")
    per_epoch = epoch.training.batches.steps_per_epoch
    assert steps == round(1.2 * per_epoch)
    for step in (per_epoch - 1, per_epoch, per_epoch + 1):  # where the lanes begin anew
        stop(new(f"stopped-{step}"), at_step(step))
        run_out(go_on(tmp_path / f"stopped-{step}"))
        same(tmp_path / "whole", tmp_path / f"stopped-{step}")


def fail_at(session: Session, failing: set[int]) -> None:
    """Let the loss be NaN the first time that each of these updates is made."""
    true_loss = session.task.loss

    def loss(*arguments: Any) -> Loss:
        result = true_loss(*arguments)
        if session.training.place.step not in failing:
            return result
        failing.discard(session.training.place.step)
        return result._replace(sum=result.sum * float("nan"))

    session.task.loss = loss  # type: ignore[method-assign]


@pytest.mark.parametrize("step", [3, 10, 14, 20])
def test_a_roll_back_later_goes_to_the_same_place(language: Begin, tmp_path: Path, step: int) -> None:
    whole = language("whole")
    fail_at(whole, {18})
    run_out(whole)
    assert sum("rolled_back_from" in line for line in log(tmp_path / "whole")) == 1
    first = language("stopped")
    fail_at(first, {18})
    stop(first, at_step(step))
    second = go_on(tmp_path / "stopped")
    fail_at(second, {18} if step < 19 else set())
    run_out(second)
    same(tmp_path / "whole", tmp_path / "stopped")


def test_stopped_after_a_roll_back(language: Begin, tmp_path: Path) -> None:
    whole = language("whole")
    fail_at(whole, {18})
    run_out(whole)
    for number, kind in enumerate((RolledBack, Progress)):
        first = language(f"stopped-{number}")
        fail_at(first, {18})
        back: list[Event] = []

        def at(event: Event, back: list[Event] = back, kind: type = kind) -> bool:
            back += [event] if isinstance(event, RolledBack) or back else []
            return any(isinstance(event, kind) for event in back)

        stop(first, at)
        run_out(go_on(tmp_path / f"stopped-{number}"))
        same(tmp_path / "whole", tmp_path / f"stopped-{number}")


def test_the_log_of_a_killed_training_is_cut_back(language: Begin, tmp_path: Path) -> None:
    """What the last saved state does not know is written again, whatever happened after it."""
    whole = language("whole")
    fail_at(whole, {18})
    run_out(whole)
    killed = language("killed")
    fail_at(killed, {18})
    saved = b""
    for event in killed.events:
        if event.step == 13 and isinstance(event, Progress) and not saved:
            killed.training.task.model.train()
            loop_of(killed)._save_last()
            saved = (tmp_path / "killed" / "last.safetensors").read_bytes()
        if event.step == 16 and any("rolled_back_from" in line for line in log(tmp_path / "killed")):
            break
    killed.close()
    (tmp_path / "killed" / "last.safetensors").write_bytes(saved)
    with (tmp_path / "killed" / "log.jsonl").open("a") as file:
        file.write('{"step": 1')  # cut short
    again = go_on(tmp_path / "killed")
    fail_at(again, {18})
    run_out(again)
    same(tmp_path / "whole", tmp_path / "killed")


def loop_of(session: Session) -> loop.Loop:
    frame = session.events.gi_frame
    return frame.f_locals["events"].gi_frame.f_locals["self"]  # type: ignore[no-any-return]


def test_training_leaves_the_global_generator_alone(language: Begin) -> None:
    before = torch.random.get_rng_state()
    run_out(language("run"))
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_new_cycle_can_be_stopped_too(language: Begin, tmp_path: Path) -> None:
    for out in ("whole", "stopped"):
        run_out(language(out))
    run_out(go_on(tmp_path / "whole", Budget("steps", 40)))
    stop(go_on(tmp_path / "stopped", Budget("steps", 40)), at_step(31))
    run_out(go_on(tmp_path / "stopped"))
    same(tmp_path / "whole", tmp_path / "stopped")
    assert log(tmp_path / "whole")[-1]["step"] == 40
