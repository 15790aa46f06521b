"""`unspool train TASK [DATA ...]`: one command a task, its flags read from the task's options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from cyclopts import App, Parameter

from unspool.cli import clock
from unspool.cli.settings import Flat, Machine, TrainSettings
from unspool.cli.signals import Interrupt
from unspool.cli.streams import remark, restore_dash
from unspool.tasks import TASKS, Entry
from unspool.training.options import Budget

STOPPED = "stopped before the first update; nothing was saved"

app = App(name="train", help="Train a network on your data, or on built-in data if none is given.")


def _command(name: str, entry: Entry) -> Callable[..., int]:
    options_class: Any = entry.load_options()

    def command(*data: str, options: Any = None, settings: Any = None, machine: Any = None) -> int:
        settings, machine = settings or TrainSettings(), machine or Machine()
        with Interrupt(STOPPED) as interrupt:
            from unspool.cli.training import one_voice, run_training
            from unspool.tasks.start import begin

            with one_voice():
                budget = Budget.of(settings.minutes, settings.epochs, settings.steps)
                machine.apply()
                session = begin(
                    name,
                    restore_dash(data),
                    options=asdict(options or options_class()),
                    budget=budget,
                    out=settings.out,
                    base=settings.from_,
                    force=settings.force,
                    device=machine.device,
                    baseline=settings.baseline,
                    spent=clock.spent,
                    tell=partial(remark, quiet=settings.quiet),
                )
                return run_training(session, interrupt, quiet=settings.quiet, json=settings.json)

    command.__annotations__ = {
        "data": Annotated[str, Parameter(help="Files or folders, or - for standard input.")],
        "options": Annotated[options_class, Flat],
        "settings": Annotated[TrainSettings, Flat],
        "machine": Annotated[Machine, Flat],
        "return": int,
    }
    command.__doc__ = entry.summary
    return command


for _name, _entry in TASKS.items():
    app.command(_command(_name, _entry), name=_name)
