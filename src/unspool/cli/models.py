"""Open a model for a verb, and refuse the kind of model that the verb cannot use."""

from __future__ import annotations

from unspool.errors import SpecError
from unspool.spec import replace
from unspool.tasks.load import load
from unspool.training.protocol import Task

CAN = {  # what serves some tasks only
    "sample": ("language", "handwriting"),
    "score": ("language", "forecaster"),
    "predict": ("classifier", "regressor", "tagger", "forecaster", "transcriber"),
}


def open_model(run: str, device: str, unknown: str | None = None, *, verb: str = "evaluate") -> Task:
    """Return the task object of a run, with another `--unknown` if one is given.

    Raises:
        SpecError: the verb does not serve such models, or they have no `--unknown`.
    """
    task = load(run, device)
    if verb in CAN and task.name not in CAN[verb]:
        able = ", ".join(other for other, tasks in CAN.items() if task.name in tasks)
        raise SpecError(f"a {task.name} model cannot {verb}; try unspool {able} or evaluate")
    if unknown is not None:
        if not hasattr(task.options, "unknown"):
            raise SpecError(f"--unknown is for models of text, {run} is a {task.name} model; leave it out")
        task.options = replace(task.options, unknown=unknown)
    return task
