"""`unspool predict RUN INPUT ...`: what a model says of data without labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from unspool.cli.search import SearchSettings
from unspool.cli.settings import Flat, Machine
from unspool.cli.stream import StreamSettings, stream_rows
from unspool.cli.streams import print_json, remark
from unspool.errors import SpecError

if TYPE_CHECKING:
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
    searching: Annotated[SearchSettings, Flat] = SearchSettings(),  # noqa: B008 (frozen)
    machine: Annotated[Machine, Flat] = Machine(),  # noqa: B008 (frozen)
) -> int:
    """Print what a model says of each sequence: a class, a label for each step, a number, a text, or what comes next.

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
        if any(value is not None for value in (text, output, saliency)) or searching != SearchSettings():
            raise SpecError("--stream answers as data comes; leave --text, --output, --saliency and --beam out")
        replace(machine, threads=1 if machine.threads is None else machine.threads).apply()  # few rows at a time
        return _stream(open_model(run, machine.device, unknown, verb="predict"), list(data), streaming, json)
    if streaming != StreamSettings():
        raise SpecError("--key, --state, --max-streams, --format and --rate are for streams; add --stream")
    if (text is None) == (not data):
        raise SpecError("predict needs either INPUT files or --text; give one of them")
    for flag, picture in (("--output", output), ("--saliency", saliency)):
        if picture is not None:
            check_format(Path(picture), flag)
    machine.apply()
    task = open_model(run, machine.device, unknown, verb="predict")
    given: Any = Text(text) if text is not None else list(data)
    if saliency is None:
        _answer(task, run, given, searching.asked(task, run), output, json)
    else:
        _explain(task, run, given, saliency, output, json)
    return 0


def _answer(task: Task, run: str, data: Any, asked: Mapping[str, Any], output: str | None, json: bool) -> None:
    """Draw the answers, or print them, or both."""
    answers = task.answers(data, **asked) if output is None else _drawn(task, data, output, asked)
    if json:
        print_json({"run": run, "predictions": answers})
    elif output is None:
        for answer in answers:
            print(task.told(answer))


def _drawn(task: Task, data: Any, output: str, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Draw the answers, say where, and return them."""
    answers = task.draw_answers(data, Path(output), **asked)
    remark(f"picture: {output}")
    return answers


def _explain(task: Task, run: str, data: Any, saliency: str, output: str | None, json: bool) -> None:
    """The same with a picture of what decided each answer."""
    from unspool.tasks.whole.whole import Whole

    if not isinstance(task, Whole):
        raise SpecError(f"--saliency needs a classifier or regressor, {run} is a {task.name} model; leave it out")
    given = task.unlabelled(data)  # read once: standard input comes once
    if output is not None:
        _drawn(task, given, output, {})  # first, as it may be refused
    remark(f"picture: {task.draw_saliency(given, Path(saliency))}")
    if json:
        print_json({"run": run, "predictions": [found.plain() for found in task.saliency(given)]})
    elif output is None:
        _answer(task, run, given, {}, None, json)


def _stream(task: Task, data: Sequence[str], settings: StreamSettings, json: bool) -> int:
    """Answer rows, or write down a sound."""
    if task.name == "transcriber":
        from unspool.cli.listen import listen
        from unspool.tasks.transcribing.transcriber import Transcriber

        assert isinstance(task, Transcriber)
        if task.source.kind == "sound":
            return listen(task, data, settings, json)
    return stream_rows(task, data, settings, json)
