"""`unspool train TASK [DATA ...]`: one command a task, its flags read from the task's options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from cyclopts import App, Parameter

from unspool.cli import clock
from unspool.cli.seeds import report, train_seeds
from unspool.cli.settings import Flat, Machine, TrainSettings
from unspool.cli.signals import Interrupt
from unspool.cli.streams import print_json, remark
from unspool.spec import hints_of
from unspool.tasks import TASKS, Entry
from unspool.training.options import Budget

STOPPED = "stopped before the first update; nothing was saved"

app = App(name="train", help="Train a network on your data, or on built-in data if none is given.")


def _command(name: str, entry: Entry) -> Callable[..., int]:
    options_class: Any = entry.load_options()

    def command(*data: str, options: Any = None, settings: Any = None, machine: Any = None) -> int:
        settings, machine, options = settings or TrainSettings(), machine or Machine(), options or options_class()
        with Interrupt(STOPPED) as interrupt:
            with interrupt.held():
                from unspool.cli.training import one_voice

            with one_voice():
                budget = Budget.of(settings.minutes, settings.epochs, settings.steps)
                machine.apply()
                given = list(data)
                one = partial(_train, name, given, asdict(options), budget, settings, machine, interrupt)
                if settings.seeds is None:
                    return one(options.seed, settings.out, print_json if settings.json else None)
                found = train_seeds(settings.seeds, options.seed, given, settings.out, one)
                if isinstance(found, int):
                    return found
                report(found, quiet=settings.quiet, json=settings.json)
                return 0

    # cyclopts looks them up in the module of the class, where the type of an inherited field may be unknown
    options_class.__init__.__annotations__ |= hints_of(options_class)
    command.__annotations__ = {
        "data": Annotated[str, Parameter(help="Files or folders, or - for standard input.")],
        "options": Annotated[options_class, Flat],
        "settings": Annotated[TrainSettings, Flat],
        "machine": Annotated[Machine, Flat],
        "return": int,
    }
    command.__doc__ = entry.summary
    return command


def _train(
    name: str,
    data: list[str],
    options: dict[str, Any],
    budget: Budget | None,
    settings: TrainSettings,
    machine: Machine,
    interrupt: Interrupt,
    seed: int,
    out: str | None,
    tell: Callable[[dict[str, Any]], None] | None,
) -> int:
    """Train once, and return the exit status."""
    from unspool.cli.training import run_training
    from unspool.tasks.start import begin

    interrupt.patient = False
    session = begin(
        name,
        data,
        options={**options, "seed": seed},
        budget=budget,
        out=out,
        base=settings.from_,
        force=settings.force,
        device=machine.device,
        baseline=settings.baseline,
        spent=clock.spent,
        tell=partial(remark, quiet=settings.quiet),
    )
    return run_training(session, interrupt, quiet=settings.quiet, report=tell)


def __getattr__(name: str) -> Callable[..., int]:
    if name in TASKS:
        return _command(name, TASKS[name])
    raise AttributeError(name)


for _name in TASKS:  # made when it is named, so that no task waits for the options of the others
    _usage = f"Usage: unspool train {_name} [OPTIONS] [DATA ...]"  # to work this out from the flags takes long
    app.command(f"{__name__}:{_name}", name=_name, help=TASKS[_name].summary, usage=_usage)
