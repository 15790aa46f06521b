"""Begin and resume: what `unspool.train`, `unspool.resume` and their verbs do."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from unspool.engine.products import without_effect
from unspool.errors import CheckpointError, MissingExtra
from unspool.figure import save
from unspool.spec import from_dict, to_dict
from unspool.tasks import task_entry
from unspool.tasks.holdout import listed, paths_of
from unspool.tasks.inheriting import inherited, overlap
from unspool.tasks.load import choose_device, load, prepare_again, task_of
from unspool.tasks.standard_input import standard_input, waiting
from unspool.training import checkpoint
from unspool.training.events import Event
from unspool.training.folder import CURVE, GOOD, RunFolder
from unspool.training.gallery import draw_samples
from unspool.training.log import draw_curve, recorded
from unspool.training.loop import Cycle, Loop
from unspool.training.options import Budget, TrainingOptions
from unspool.training.parallel import Ranks, join
from unspool.training.protocol import Task
from unspool.training.state import Place, Snapshot, Training


@dataclass
class Session:
    """A training that is ready to run: iterate over `events`; close it to stop and save."""

    folder: RunFolder
    training: Training
    events: Generator[Event]
    remark: str = ""

    @property
    def task(self) -> Task:
        """The task that is trained."""
        return self.training.task

    @property
    def options(self) -> dict[str, Any]:
        """Every option as it was chosen."""
        return to_dict(self.task.options)

    @property
    def ranks(self) -> Ranks:
        """The processes that train together."""
        return self.training.ranks

    def close(self) -> None:
        """Stop after the current update, save, unlock the folder; where several processes train, `stop` is the way."""
        self.events.close()
        self.folder.release()  # events that were never asked for do not

    def stop(self, signal: int) -> None:
        """Let all processes of the training stop after the current update, save, and end their events."""
        self.ranks.wish = signal
        if self.ranks.size == 1:
            self.ranks.stopped = signal
            self.close()


@dataclass(frozen=True)
class Run:
    """A finished or stopped training."""

    path: Path
    metrics: dict[str, Any]

    @property
    def model(self) -> Task:
        """The task object of the best model, ready to sample, predict, score or evaluate."""
        return load(self.path)


def begin(
    name: str,
    data: Any = None,
    *,
    options: Mapping[str, Any] | None = None,
    budget: Budget | None = None,
    out: str | None = None,
    base: str | None = None,
    force: bool = False,
    device: str = "auto",
    baseline: bool = True,
    spent: Callable[[], float] = lambda: 0.0,
    tell: Callable[[str], None] = lambda remark: None,
) -> Session:
    """Prepare a new training.

    `spent()` says how many seconds of a budget in minutes are gone already; `tell` hears what takes long before the
    first event, in one process of several.
    """
    ranks = join()
    reserved: RunFolder | None = None
    try:
        with ranks.together():
            kind, data = task_entry(name).load(), listed(data)
            chosen = from_dict(kind.Options, options or {})
            start = load(base) if base is not None else None
            if start is not None:
                chosen = inherited(chosen, start, kind)
            reserved = RunFolder.reserve(out, name, force=force) if ranks.first else None
        path = ranks.same(reserved and str(reserved.path))
        folder = reserved or RunFolder(Path(path))
        _announce(ranks, tell, "reading the data")
        with standard_input(ranks, data, folder) as given:
            task = _prepared(ranks, chosen, budget, lambda options: kind.prepare(options, given, budget, start))
        with ranks.together():
            task.sources = paths_of(data)  # "-" stays: it means the text that the run keeps
            task.model = task.build().to(ranks.place(choose_device(device)))
            remark = "" if start is None else _told(task.inherit(start, str(base)), overlap(start, task, str(base)))
            training = Training(task, ranks)
            if baseline and ranks.first:
                _announce(ranks, tell, "measuring the baseline")
                task.baselines = task.baseline()
        if ranks.first:
            folder.clear()
            if waiting(folder).exists():
                waiting(folder).replace(folder.input)
        ranks.copy_first(list(checkpoint.parameters(task.model).values()))
        return _session(folder, training, Cycle(task.budget), spent(), remark=remark)
    except BaseException:
        if reserved is not None:
            reserved.remove_if_empty()
            reserved.release()
        raise


def _announce(ranks: Ranks, tell: Callable[[str], None], what: str) -> None:
    if ranks.first:
        tell(what)


def _prepared(
    ranks: Ranks, chosen: TrainingOptions, budget: Budget | None, prepare: Callable[[TrainingOptions], Task]
) -> Task:
    """Let rank 0 choose what is None, by its machine's speed where minutes are given; the others take its options."""
    ranks.check("an option", [to_dict(chosen), budget and to_dict(budget)])
    first: Task | None = None
    with ranks.together():
        if ranks.first:
            first = prepare(chosen)
    resolved = from_dict(type(chosen), ranks.same(to_dict(first.options) if first is not None else None))
    task = ranks.by_turns(lambda: first if first is not None else prepare(resolved))
    ranks.check("the data", [task.fingerprint, to_dict(task.options), task.metadata()])
    return task


def reopen(
    run: str | Path,
    budget: Budget | None = None,
    *,
    data: Any = None,
    device: str = "auto",
    spent: Callable[[], float] = lambda: 0.0,
    tell: Callable[[str], None] = lambda remark: None,
) -> Session | str:
    """Prepare to go on exactly where a run was; return a sentence instead where there is nothing left to do.

    Pictures that a finished run lacks, because it was killed while they were drawn, are drawn then.

    Raises:
        CheckpointError: there is no run, its file is damaged, its data is missing or has changed, or another process
            trains it.
    """
    ranks = join()
    folder = RunFolder(Path(run))
    try:
        with ranks.together():
            folder = RunFolder.open(str(run))
            if ranks.first:
                folder = folder.claim()
        found = ranks.by_turns(lambda: _found(folder, budget, data, device, ranks, tell))
        if isinstance(found, str):
            folder.release()
            return found
        if ranks.first:
            place = found.training.place
            folder.cut_log(place.step, place.rollbacks)
        return _session(folder, found.training, found.cycle, found.seconds + spent(), found.good, found.remark)
    except BaseException:
        folder.release()
        raise


def train(
    task: str,
    data: Any = None,
    *,
    minutes: float | None = None,
    epochs: float | None = None,
    steps: int | None = None,
    out: str | None = None,
    base: str | None = None,
    force: bool = False,
    device: str = "auto",
    on_event: Callable[[Event], None] | None = None,
    **options: Any,
) -> Run:
    """Train a task on data and return the run: what `unspool train TASK DATA ...` does.

    Args:
        task: "language" or "classifier".
        data: a path, paths, or what the task takes in memory (texts as `unspool.Text`, arrays, a DataFrame); None
            takes the built-in data.
        minutes, epochs, steps: the budget, at most one of them.
        out: the run folder; None makes `runs/<task>-<n>`.
        base: a run or model file to start from, `--from` on the command line.
        on_event: called with each event, see `unspool.training.events`.
        options: those of the task, by the names that `unspool train TASK --help` shows.
    """
    session = begin(
        task,
        data,
        options=options,
        budget=Budget.of(minutes, epochs, steps),
        out=out,
        base=base,
        force=force,
        device=device,
    )
    return finish(session, on_event)


def resume(
    run: str | Path,
    *,
    minutes: float | None = None,
    epochs: float | None = None,
    steps: int | None = None,
    data: Any = None,
    device: str = "auto",
    on_event: Callable[[Event], None] | None = None,
) -> Run:
    """Go on with a run exactly where it stopped and return it: what `unspool resume RUN` does.

    A budget counts from the run's beginning; without one the original goes on. A run that is finished is returned as
    it is. `data` is needed only where the training data was in memory.
    """
    session = reopen(run, Budget.of(minutes, epochs, steps), data=data, device=device)
    if isinstance(session, Session):
        return finish(session, on_event)
    _, document = RunFolder.open(str(run)).read_last()
    return Run(Path(run), document["place"]["metrics"])


def finish(session: Session, on_event: Callable[[Event], None] | None = None) -> Run:
    """Run a session to its end and draw its learning curve."""
    try:
        for event in session.events:
            if on_event is not None:
                on_event(event)
    finally:
        session.close()
    if session.ranks.first:
        pictures(session)
    return Run(session.folder.path, session.training.place.metrics)


def pictures(session: Session) -> list[Path]:
    """Draw learning curve, samples and the task's pictures into the run folder; without matplotlib only samples."""
    return _draw(session.folder, session.task, session.training.place.metrics)


def _draw(folder: RunFolder, task: Task, metrics: Mapping[str, Any]) -> list[Path]:
    samples = draw_samples(folder, task.unit)
    own: list[Path] = []
    with suppress(MissingExtra):
        for name, figure in task.figures(metrics).items():
            own.append(save(figure(), folder.path / f"{name}.png"))
    curve = draw_curve(folder, task.unit)  # the last: where it is, the others are
    return [*(path for path in (curve, samples) if path is not None), *own]


class _Found(NamedTuple):
    training: Training
    cycle: Cycle
    seconds: float  # of training so far
    good: Snapshot | None
    remark: str


def _found(
    folder: RunFolder, budget: Budget | None, data: Any, device: str, ranks: Ranks, tell: Callable[[str], None]
) -> _Found | str:
    """Return what is in the folder of a run, or a sentence where there is nothing left to do."""
    tensors, document = folder.read_last()
    stored, cycle, seconds = task_of(document, folder.last), *_cycle_of(document, folder.last)
    place = _place_of(document, folder.last)
    if place.finished and budget in (None, cycle.budget):
        done = f"{folder.path} is finished ({place.finished}, update {place.step})"
        drawn = _draw(folder, stored, place.metrics) if ranks.first and not (folder.path / CURVE).exists() else []
        told = f"; its pictures were missing and are drawn now: {', '.join(path.name for path in drawn)}"
        return f"{done}; go on with --steps, --epochs or --minutes{told if drawn else ''}"
    _announce(ranks, tell, "reading the data")
    task = prepare_again(stored, document, folder, data, cycle.budget)
    task.sources = document.get("sources")
    task.model = task.build().to(ranks.place(choose_device(device)))
    training = Training(task, ranks)
    _restore(training, Snapshot(tensors, document), folder.last)
    good, remark = _good_of(tensors, document), ""
    if budget is not None and budget != cycle.budget:
        total = budget.steps(training.batches.steps_per_epoch)
        if (place.step if total is not None else seconds) >= (total if total is not None else budget.amount * 60.0):
            return f"{folder.path} is at update {place.step} already, which is beyond {budget}; ask for more than that"
        cycle, good = Cycle(budget, place.step, seconds), None
        task.budget = budget
        training.place.finished, training.place.stale = "", 0
        remark = f"a new cycle of the learning rate begins at update {place.step} and ends after {budget} in all"
    return _Found(training, cycle, seconds, good, remark)


def _session(
    folder: RunFolder, training: Training, cycle: Cycle, seconds: float, good: Snapshot | None = None, remark: str = ""
) -> Session:
    loop = Loop(training, cycle, folder, training.ranks.same(seconds), good)
    device = next(training.task.model.parameters()).device
    remark = _told(remark, without_effect(training.task.options.precision, device))
    events = loop.events()
    return Session(folder, training, recorded(events, folder) if training.ranks.first else events, remark)


def _told(*remarks: str) -> str:
    return "; ".join(remark for remark in remarks if remark)


def _cycle_of(document: Mapping[str, Any], path: Path) -> tuple[Cycle, float]:
    try:
        stored = document["cycle"]
        cycle = Cycle(from_dict(Budget, stored["budget"]), int(stored["first_step"]), float(stored["first_seconds"]))
        return cycle, float(stored.get("seconds", 0.0))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error!r} in its budget; use a backup") from error


def _restore(training: Training, snapshot: Snapshot, path: Path) -> None:
    try:
        training.restore(snapshot, str(path))
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError, IndexError, OverflowError) as error:
        raise CheckpointError(f"{path} is damaged ({error!r}); use a backup") from error


def _place_of(document: Mapping[str, Any], path: Path) -> Place:
    try:
        return Place(**document["place"])
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged: {error!r} in its place; use a backup") from error


def _good_of(tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> Snapshot | None:
    if "good" not in document:
        return None
    stored = {name.removeprefix(GOOD): tensor for name, tensor in tensors.items() if name.startswith(GOOD)}
    return Snapshot(stored, document["good"])
