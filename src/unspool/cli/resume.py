"""`unspool resume RUN`: go on exactly where a training stopped."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from unspool.cli import clock
from unspool.cli.settings import Flat, Machine
from unspool.cli.signals import Interrupt
from unspool.cli.streams import print_json, remark
from unspool.training.options import Budget


def resume(
    run: str,
    *,
    minutes: float | None = None,
    epochs: float | None = None,
    steps: int | None = None,
    quiet: bool = False,
    json: bool = False,
    machine: Annotated[Machine, Flat] = Machine(),  # noqa: B008 (frozen)
) -> int:
    """Go on with a training exactly where it stopped.

    Parameters
    ----------
    run
        Folder of the run.
    minutes
        A new budget: so many minutes of training in all, from the run's beginning.
    epochs
        A new budget: so many passes over the data in all.
    steps
        A new budget: so many updates in all.
    quiet
        Show no progress.
    json
        Print one JSON object at the end.
    """
    with Interrupt(f"stopped before the next update; {run} is as it was") as interrupt:
        with interrupt.held():
            from unspool.cli.training import one_voice, run_training
            from unspool.tasks.start import reopen
            from unspool.training.parallel import speaks

        with one_voice():
            machine.apply()
            budget = Budget.of(minutes, epochs, steps)
            tell = partial(remark, quiet=quiet)
            session = reopen(run, budget, device=machine.device, spent=clock.spent, tell=tell)
            if not isinstance(session, str):
                return run_training(session, interrupt, quiet=quiet, report=print_json if json else None)
        if speaks():
            remark(session)
            if json:
                print_json({"run": run, "finished": True, "message": session})
        return 0
