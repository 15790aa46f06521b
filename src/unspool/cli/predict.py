"""`unspool predict RUN INPUT ...`: the class of each sequence, with probabilities."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from unspool.cli.settings import Flat, Machine
from unspool.cli.streams import print_json, restore_dash
from unspool.errors import SpecError


def predict(
    run: str,
    *data: Annotated[str, Parameter(help="Files of sequences, with labels or without; - is standard input.")],
    text: str | None = None,
    unknown: Literal["fail", "skip", "replace"] | None = None,
    json: bool = False,
    machine: Annotated[Machine, Flat] = Machine(),  # noqa: B008 (frozen)
) -> None:
    """Print the likeliest class of each sequence and its probability, one line a sequence.

    Parameters
    ----------
    run
        Run folder or model file.
    text
        One text, in place of files.
    unknown
        What to do with characters that the model does not know.
    json
        Print one JSON object with the probability of every class.
    """
    from unspool.cli.models import open_model
    from unspool.tasks.classifier import Classifier

    if (text is None) == (not data):
        raise SpecError("predict needs either INPUT files or --text; give one of them")
    machine.apply()
    task = open_model(run, machine.device, unknown)
    if not isinstance(task, Classifier):
        raise SpecError(f"predict needs a classifier, {run} is a {task.name} model; try unspool sample or score")
    if text is not None and not task.text:
        raise SpecError(f"--text needs a classifier of texts, {run} reads numeric sequences; give it files")
    found = task.predict([text]) if text is not None else task.predict_files(restore_dash(data))
    if json:
        rows = [
            {"label": p.label, "probabilities": dict(zip(task.classes, p.probabilities.tolist(), strict=True))}
            for p in found
        ]
        print_json({"run": run, "predictions": rows})
        return
    for prediction in found:
        print(f"{prediction.label}\t{prediction.probabilities.max():.4f}")
