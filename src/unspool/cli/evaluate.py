"""`unspool evaluate RUN [DATA ...]`: the task's own metrics."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from unspool.cli.search import SearchSettings
from unspool.cli.settings import Flat, Machine
from unspool.cli.streams import print_json, print_table, remark
from unspool.errors import SpecError

if TYPE_CHECKING:
    from unspool.training.protocol import Task

COUNTS = ("symbols", "points", "sequences", "steps", "windows")  # of items, by which speed is told


def evaluate(
    run: str,
    *data: Annotated[str, Parameter(help="Files; the held-out part of the training data otherwise.")],
    unknown: Literal["fail", "skip", "replace"] | None = None,
    dynamic: bool = False,
    dynamic_rate: float | None = None,
    after: str | None = None,
    before: str | None = None,
    json: bool = False,
    output: str | None = None,
    picture: str | None = None,
    searching: Annotated[SearchSettings, Flat] = SearchSettings(),  # noqa: B008 (frozen)
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
    after
        Measure forecasts of what lies at this time or later; what lies before is only read.
    before
        Measure forecasts of what lies before this time only.
    json
        Print one JSON object.
    output
        Draw the result into this picture.
    picture
        Which picture: of a classifier confusion or reliability, of a forecaster forecast or coverage; the first of them
        otherwise.
    """
    from unspool.cli.models import open_model
    from unspool.tasks.load import with_own_data

    _check_picture(output, picture)
    machine.apply()
    task = open_model(run, machine.device, unknown)
    _check_figures(task, output)
    told = {**_learning(task, run, dynamic, dynamic_rate), **_between(task, run, data, after=after, before=before)}
    asked = {**told, **searching.asked(task, run)}
    began = time.monotonic()
    judged = task if data else with_own_data(run, task)
    metrics = {**_measured(judged, data, asked), **told}
    seconds = time.monotonic() - began
    if output is not None:
        _draw(judged, run, metrics, picture, Path(output))
    if not json:
        _print(metrics)
        return
    speed = next((metrics[name] for name in COUNTS if name in metrics), 0) / seconds  # reading the data included
    loss = metrics["validation_loss"]
    print_json({"run": run, "task": task.name, "loss": loss, **metrics, "tokens_per_second": speed})


def _measured(task: Task, data: tuple[str, ...], asked: Mapping[str, Any]) -> dict[str, Any]:
    if data or task.name == "forecaster":  # which knows its held-out part, and measures all of it
        return task.evaluate(list(data) if data else None, **asked)
    return {**task.metrics(**asked), "split": task.describe()["split"]}


def _check_picture(output: str | None, picture: str | None) -> None:
    from unspool.figure import check_format

    if output is not None:
        check_format(Path(output))
    elif picture is not None:
        raise SpecError("--picture says what --output draws, but no --output came; give both")


def _check_figures(task: Task, output: str | None) -> None:
    from unspool.training.protocol import Task as Plain

    if output is not None and type(task).figures is Plain.figures:
        raise SpecError(f"--output draws a result, but a {task.name} model has no picture of one; leave it out")


def _learning(task: Task, run: str, dynamic: bool, rate: float | None) -> dict[str, float]:
    """The options of dynamic evaluation; none where it is not asked for."""
    from unspool.tasks.language.dynamic import RATE
    from unspool.tasks.language.language import Language

    if not dynamic and rate is None:
        return {}
    if not isinstance(task, Language):
        raise SpecError(f"--dynamic needs a language model, {run} holds a {task.name} model; leave it out")
    return {"dynamic_rate": RATE if rate is None else rate}


def _between(task: Task, run: str, data: tuple[str, ...], **times: str | None) -> dict[str, str]:
    """The times between which forecasts are measured."""
    given = {name: time for name, time in times.items() if time is not None}
    for name in given:
        if task.name != "forecaster":
            raise SpecError(f"--{name} needs a forecaster, {run} holds a {task.name} model; leave it out")
        if not data:
            raise SpecError(f"--{name} divides given data, but no DATA came; name the file")
    return given


def _print(metrics: Mapping[str, Any]) -> None:
    """Print all that is one number or word, and the simple answers to the same."""
    simple = {f"baseline, {name} (mse_scaled)": value for name, value in metrics.get("baselines", {}).items()}
    print_table({name: value for name, value in metrics.items() if isinstance(value, int | float | str)})
    if simple:
        print_table(simple, spaces=False)


def _draw(task: Task, run: str, metrics: Mapping[str, Any], picture: str | None, path: Path) -> None:
    from unspool.figure import save

    figures = task.figures(metrics)
    name = picture or next(iter(figures))
    if name not in figures:
        raise SpecError(f"--picture must be one of {', '.join(figures)} for {run}, got {name}; choose one of them")
    remark(f"picture: {save(figures[name](), path)}")
