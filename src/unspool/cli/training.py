"""Run a training at the terminal: progress, signals, the picture, the summary."""

from __future__ import annotations

from typing import Any

from unspool.cli.display import Display
from unspool.cli.signals import Interrupt
from unspool.cli.streams import print_json, remark
from unspool.tasks.start import Session, pictures
from unspool.training.events import Finished, Progress


def run_training(session: Session, *, quiet: bool, json: bool) -> int:
    """Run a session to its end or to a signal, and return the exit status."""
    finished: Finished | None = None
    last: Progress | None = None
    with Interrupt() as interrupt, Display(session, quiet=quiet) as display:
        for event in session.events:
            display.show(event)
            last = event if isinstance(event, Progress) else last
            finished = event if isinstance(event, Finished) else finished
            if interrupt.number and finished is None:
                session.close()
                break
    drawn = pictures(session)
    if finished is None:
        step = session.training.place.step
        remark(f"stopped after update {step}; everything is saved, go on with: unspool resume {session.folder.path}")
        if json:
            print_json({"run": str(session.folder.path), "finished": False, "step": step})
        return interrupt.status
    for path in drawn:
        remark(f"picture: {path}", quiet=quiet)
    remark(f"model: {session.folder.model}", quiet=quiet)
    if json:
        print_json(summary(session, finished, last))
    return 0


def summary(session: Session, finished: Finished, last: Progress | None) -> dict[str, Any]:
    """Return what `--json` prints at the end of a training."""
    task = session.task
    return {
        "run": str(session.folder.path),
        "task": task.name,
        "finished": True,
        "reason": finished.reason,
        "steps": finished.step,
        "seconds": round(finished.seconds, 2),
        "loss": last.loss if last else None,
        **finished.metrics,
        "tokens_per_second": last.items_per_second if last else None,
        "baseline": dict(task.baselines),
        "options": session.options,
        **task.describe(),
    }
