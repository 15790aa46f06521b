"""`unspool evaluate RUN [DATA ...]`: the task's own metrics."""

from __future__ import annotations

import time
from typing import Annotated, Literal

from cyclopts import Parameter

from unspool.cli.settings import Flat, Machine
from unspool.cli.streams import print_json, print_table, remark, restore_dash
from unspool.errors import SpecError


def evaluate(
    run: str,
    *data: Annotated[str, Parameter(help="Files; the held-out part of the training data otherwise.")],
    unknown: Literal["fail", "skip", "replace"] | None = None,
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
    json
        Print one JSON object.
    output
        Draw the confusion matrix of a classifier into this picture.
    """
    from pathlib import Path

    from unspool.cli.models import open_model
    from unspool.probe.picture import check_format
    from unspool.tasks.classifier import Classifier
    from unspool.tasks.confusion import draw_confusion
    from unspool.tasks.load import with_own_data

    if output is not None:
        check_format(Path(output))
    machine.apply()
    task = open_model(run, machine.device, unknown)
    if output is not None and not isinstance(task, Classifier):
        raise SpecError(
            f"--output draws a classifier's confusion matrix, {run} holds a {task.name} model; leave it out"
        )
    began = time.monotonic()
    if data:
        metrics = task.evaluate(restore_dash(data))
    else:
        own = with_own_data(run, task)
        metrics = {**own.metrics(), "split": own.describe()["split"]}
    seconds = time.monotonic() - began
    if output is not None and isinstance(task, Classifier):
        import numpy as np

        draw_confusion(np.array(metrics["confusion"]), task.classes, Path(output))
        remark(f"picture: {output}")
    if json:
        speed = metrics.get("symbols", metrics.get("sequences", 0)) / seconds  # reading the data included
        print_json(
            {"run": run, "task": task.name, "loss": metrics["validation_loss"], **metrics, "tokens_per_second": speed}
        )
        return
    print_table({name: value for name, value in metrics.items() if name not in ("confusion", "classes")})
