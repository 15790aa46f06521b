"""Open a model for a verb, and refuse the kind of model that the verb cannot use."""

from __future__ import annotations

from unspool.errors import SpecError
from unspool.spec import replace
from unspool.tasks.load import load
from unspool.training.protocol import Task


def open_model(run: str, device: str, unknown: str | None = None) -> Task:
    """Return the task object of a run, with another `--unknown` if one is given."""
    task = load(run, device)
    if unknown is not None:
        if not hasattr(task.options, "unknown"):
            raise SpecError(f"--unknown is for models of text, {run} is a {task.name} model; leave it out")
        task.options = replace(task.options, unknown=unknown)
    return task
