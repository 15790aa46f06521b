"""`unspool evaluate RUN [DATA ...]`: the task's own metrics."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from unspool.cli.settings import Flat, Machine
from unspool.cli.streams import print_json, print_table, remark, restore_dash
from unspool.errors import SpecError

if TYPE_CHECKING:
    from unspool.training.protocol import Task


def evaluate(
    run: str,
    *data: Annotated[str, Parameter(help="Files; the held-out part of the training data otherwise.")],
    unknown: Literal["fail", "skip", "replace"] | None = None,
    dynamic: bool = False,
    dynamic_rate: float | None = None,
    json: bool = False,
    output: str | None = None,
    machine: Annotated[Machine, Flat] = Machine(),  # noqa: B008 (frozen)
) -> None:
    """Measure a trained model on data, and say which part of the data was used.

    Parameters
    ----------
    run
        Run folder or model file.
    unknown
        What to do with characters that the model does not know.
    dynamic
        Let a copy of a language model go on learning while it reads (Graves 2013, section 3.1).
    dynamic_rate
        Learning rate of that; implies --dynamic.
    json
        Print one JSON object.
    output
        Draw the confusion matrix of a classifier into this picture.
    """
    from unspool.cli.models import open_model
    from unspool.probe.picture import check_format
    from unspool.tasks.classifier import Classifier
    from unspool.tasks.load import with_own_data

    if output is not None:
        check_format(Path(output))
    machine.apply()
    task = open_model(run, machine.device, unknown)
    if output is not None and not isinstance(task, Classifier):
        raise SpecError(
            f"--output draws a classifier's confusion matrix, {run} holds a {task.name} model; leave it out"
        )
    learning = _learning(task, run, dynamic, dynamic_rate)
    began = time.monotonic()
    if data:
        metrics = task.evaluate(restore_dash(data), **learning)
    else:
        own = with_own_data(run, task)
        metrics = {**own.metrics(**learning), "split": own.describe()["split"]}
    metrics |= learning
    seconds = time.monotonic() - began
    if output is not None and isinstance(task, Classifier):
        _draw(metrics, task.classes, Path(output))
    if json:
        speed = metrics.get("symbols", metrics.get("sequences", 0)) / seconds  # reading the data included
        print_json(
            {"run": run, "task": task.name, "loss": metrics["validation_loss"], **metrics, "tokens_per_second": speed}
        )
        return
    print_table({name: value for name, value in metrics.items() if name not in ("confusion", "classes")})


def _learning(task: Task, run: str, dynamic: bool, rate: float | None) -> dict[str, float]:
    """The options of dynamic evaluation; none where it is not asked for."""
    from unspool.tasks.dynamic import RATE
    from unspool.tasks.language import Language

    if not dynamic and rate is None:
        return {}
    if not isinstance(task, Language):
        raise SpecError(f"--dynamic needs a language model, {run} holds a {task.name} model; leave it out")
    return {"dynamic_rate": RATE if rate is None else rate}


def _draw(metrics: dict[str, Any], classes: Sequence[str], path: Path) -> None:
    import numpy as np

    from unspool.tasks.confusion import draw_confusion

    draw_confusion(np.array(metrics["confusion"]), classes, path)
    remark(f"picture: {path}")
