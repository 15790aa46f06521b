"""`unspool predict RUN INPUT ...`: what a model says of data without labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from unspool.cli.settings import Flat, Machine
from unspool.cli.stream import StreamSettings, stream_rows
from unspool.cli.streams import print_json, remark, restore_dash
from unspool.errors import SpecError

if TYPE_CHECKING:
    from unspool.tasks.whole.whole import Whole
    from unspool.training.protocol import Task


def predict(
    run: str,
    *data: Annotated[str, Parameter(help="Files, with labels or without; - is standard input.")],
    text: str | None = None,
    unknown: Literal["fail", "skip", "replace"] | None = None,
    json: bool = False,
    output: str | None = None,
    saliency: str | None = None,
    stream: bool = False,
    streaming: Annotated[StreamSettings, Flat] = StreamSettings(),  # noqa: B008 (frozen)
    machine: Annotated[Machine, Flat] = Machine(),  # noqa: B008 (frozen)
) -> int:
    """Print what a model says of each sequence: its class, the label of each step, a number, or what comes next.

    Parameters
    ----------
    run
        Run folder or model file.
    text
        One text, in place of files.
    unknown
        What to do with characters that the model does not know.
    json
        Print one JSON object with all that is known of each answer.
    output
        Draw the answers into this picture: forecasts with their fan, labels over time.
    saliency
        Draw what of each sequence decided its answer into this picture, gradient x input; --json prints it as well.
    stream
        Answer each row of one file or of standard input as it comes, by one CPU thread unless --threads says more.
    """
    from unspool.cli.models import open_model
    from unspool.data.sources import Text
    from unspool.figure import check_format

    if stream:
        if any(value is not None for value in (text, output, saliency)):
            raise SpecError("--stream reads rows and prints answers; leave --text, --output and --saliency out")
        replace(machine, threads=1 if machine.threads is None else machine.threads).apply()  # few rows at a time
        return stream_rows(open_model(run, machine.device, unknown), restore_dash(data), streaming, json)
    if streaming != StreamSettings():
        raise SpecError("--key, --state, --max-streams and --format are for streams; add --stream")
    if (text is None) == (not data):
        raise SpecError("predict needs either INPUT files or --text; give one of them")
    for flag, picture in (("--output", output), ("--saliency", saliency)):
        if picture is not None:
            check_format(Path(picture), flag)
    machine.apply()
    task = open_model(run, machine.device, unknown)
    given: Any = Text(text) if text is not None else restore_dash(data)
    if saliency is not None:
        given = _whole(task, run).unlabelled(given)  # read once: standard input comes once
        remark(f"picture: {_whole(task, run).draw_saliency(given, Path(saliency))}")
    if output is not None:
        remark(f"picture: {task.draw_answers(given, Path(output))}")
    if json and saliency is not None:
        print_json({"run": run, "predictions": [found.plain() for found in _whole(task, run).saliency(given)]})
    elif json or output is None:
        _print(task, run, given, json=json)
    return 0


def _whole(task: Task, run: str) -> Whole:
    from unspool.tasks.whole.whole import Whole

    if not isinstance(task, Whole):
        raise SpecError(f"--saliency needs a classifier or regressor, {run} is a {task.name} model; leave it out")
    return task


def _print(task: Task, run: str, data: Any, *, json: bool) -> None:
    answers = task.answers(data)
    if json:
        print_json({"run": run, "predictions": answers})
        return
    for answer in answers:
        print(task.told(answer))
