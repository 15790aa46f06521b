"""Run a training at the terminal: progress, signals, the picture, the summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from unspool.cli.display import Display
from unspool.cli.main import FAILURE, USAGE
from unspool.cli.signals import Interrupt, Interrupted
from unspool.cli.streams import remark
from unspool.errors import SpecError, UnspoolError
from unspool.tasks.start import Session, pictures
from unspool.training import checkpoint
from unspool.training.events import Finished, Progress
from unspool.training.loop import Cycle
from unspool.training.parallel import Lost, speaks


@contextmanager
def one_voice() -> Iterator[None]:
    """Of several processes that end for one reason, let one say it; that another is lost, each says by itself."""
    try:
        yield
    except UnspoolError as error:
        if speaks() or isinstance(error, Lost):
            raise
        raise SystemExit(USAGE if isinstance(error, SpecError) else FAILURE) from error
    except Interrupted as error:
        if speaks():
            raise
        raise SystemExit(128 + error.number) from error


def run_training(
    session: Session, interrupt: Interrupt, *, quiet: bool, report: Callable[[dict[str, Any]], None] | None
) -> int:
    """Run a session to its end or to a signal, and return the exit status; `report` is given what came of it."""
    finished: Finished | None = None
    last: Progress | None = None
    first = session.ranks.first
    interrupt.patient = True
    try:
        with Display(session, quiet=quiet, silent=not first) as display:
            for event in session.events:
                display.show(event)
                last = event if isinstance(event, Progress) else last
                finished = event if isinstance(event, Finished) else finished
                if interrupt.number and finished is None:
                    session.stop(interrupt.number)
        if first:
            _tell(session, finished, last, quiet=quiet, report=report)
    except Interrupted as error:
        raise Interrupted(error.number, _left(session, finished)) from error
    session.ranks.same(None)  # nobody leaves before all is told: when one process has failed, torchrun ends the others
    return 0 if finished else 128 + session.ranks.stopped  # as a shell reports a signal: 130 or 143


def _left(session: Session, finished: Finished | None) -> str:
    """What a second signal has left on disk."""
    session.close()
    path = session.folder.path
    if finished is not None:
        return f"the training is finished and saved; draw its pictures with: unspool resume {path}"
    if (step := session.folder.saved_step()) is None:
        return "stopped at once; nothing was saved"
    return f"stopped at once; the run is saved at update {step}, go on with: unspool resume {path}"


def _tell(
    session: Session,
    finished: Finished | None,
    last: Progress | None,
    *,
    quiet: bool,
    report: Callable[[dict[str, Any]], None] | None,
) -> None:
    """Say what has come of a training, and draw it."""
    drawn = pictures(session)
    if finished is None:
        step = session.training.place.step
        onward = f"everything is saved, go on with: unspool resume {session.folder.path}"
        remark(f"stopped after update {step}; {_first_model(session)}{onward}")
        if report is not None:
            report({"run": str(session.folder.path), "finished": False, "step": step})
        return
    for path in drawn:
        remark(f"picture: {path}", quiet=quiet)
    remark(f"model: {session.folder.model}", quiet=quiet)
    if report is not None:
        report(summary(session, finished, last))


def _first_model(session: Session) -> str:
    """When a training will have its first model, nothing if it has one."""
    if session.training.place.best is not None:
        return ""
    _, document = checkpoint.read_document(session.folder.last, "training")
    first = Cycle(session.task.budget, document["cycle"]["first_step"]).first_validation(session.training)
    when = "is still to come" if first is None else f"comes at update {first}"
    return f"no model yet: the first validation {when}; "


def summary(session: Session, finished: Finished, last: Progress | None) -> dict[str, Any]:
    """Return what `--json` prints at the end of a training."""
    task = session.task
    return {
        "run": str(session.folder.path),
        "task": task.name,
        "finished": True,
        "reason": finished.reason,
        "seconds": round(finished.seconds, 2),
        "loss": last.loss if last else None,
        **finished.metrics,
        "steps": finished.step,  # in place of those of the held-out part
        "tokens_per_second": last.items_per_second if last else None,
        "baseline": dict(task.baselines),
        "advice": finished.advice,
        "options": session.options,
        **task.describe(),
    }
