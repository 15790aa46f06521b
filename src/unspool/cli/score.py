"""`unspool score RUN DATA`: how much each symbol of a text, or each row of a series, surprises the model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from unspool.cli.settings import Flat, Machine
from unspool.cli.streams import print_json, write_output
from unspool.errors import SpecError

if TYPE_CHECKING:
    from unspool.tasks.language.language import Language
    from unspool.training.protocol import Task


def score(
    run: str,
    *data: Annotated[str, Parameter(help="Files, or - for standard input.")],
    text: str | None = None,
    unknown: Literal["fail", "skip", "replace"] | None = None,
    label: str | None = None,
    json: bool = False,
    output: str | None = None,
    machine: Annotated[Machine, Flat] = Machine(),  # noqa: B008 (frozen)
) -> None:
    """Print the surprise of a text in nats, symbol by symbol, or of a series, row by row.

    Parameters
    ----------
    run
        Run folder or model file.
    text
        The text itself, in place of files.
    unknown
        What to do with characters that the model does not know.
    label
        Read the text as one of this kind, for a model that was trained with labels.
    json
        Print one JSON object.
    output
        Write an HTML page to this file, in which each symbol has the colour of its probability.
    """
    from unspool.cli.models import open_model
    from unspool.tasks.language.language import Language

    if (text is None) == (not data):
        raise SpecError("score needs either DATA or --text; give one of them")
    if output is not None and Path(output).suffix.lower() not in (".html", ".htm"):
        raise SpecError(f"--output of score writes a page and must end in .html, got {output}; rename it")
    machine.apply()
    task = open_model(run, machine.device, unknown, verb="score")
    if isinstance(task, Language):
        _score_text(task, run, list(data), text, label, json=json, output=output)
        return
    for flag, value in (("--text", text), ("--label", label), ("--output", output)):
        if value is not None:
            raise SpecError(f"{flag} needs a language model, {run} holds a {task.name} model; leave it out")
    _score_rows(task, run, list(data), json=json)


def _score_rows(task: Task, run: str, data: list[str], *, json: bool) -> None:
    rows = task.surprises(data)
    if json:
        print_json({"run": run, "rows": rows}, indent=None)
        return
    for row in rows:
        score = row["score"]
        shown = f"{score:8.4f}" if score is not None and math.isfinite(score) else f"{'':>8}"
        print("\t".join([shown, *(str(value) for name, value in row.items() if name != "score")]))


def _score_text(
    model: Language, run: str, data: list[str], text: str | None, label: str | None, *, json: bool, output: str | None
) -> None:
    import numpy as np

    from unspool.data.text import read_text
    from unspool.tasks.language.page import Passage, Symbol, page, whole

    given = text if text is not None else read_text(data)
    ids = model.vocabulary.encode(given, model.options.unknown)
    nats = model.score(given, label)
    symbols = [model.vocabulary.symbols[i] for i in ids]
    if output is not None:
        parts = whole(map(Symbol, map(model.vocabulary.decoder(), ids.tolist()), nats.tolist()))
        name = ", ".join(data) if data else "the given text"
        write_output(output, page(f"{name}, read by {run}", [Passage(name, parts)], model.noun))
    scored = nats[~np.isnan(nats)]  # nothing precedes the first, unless a mark does
    mean = float(scored.mean()) if len(scored) else math.nan
    if json:
        perplexity = math.exp(min(mean, 700.0)) if len(scored) else None
        found = {"symbols": symbols, "nats": nats, "total": float(scored.sum()), "mean": mean, "perplexity": perplexity}
        print_json(found, indent=None)
    elif output is None:
        for symbol, value in zip(symbols, nats, strict=True):
            print(f"{value:8.4f}\t{symbol!r}" if not math.isnan(value) else f"{'':>8}\t{symbol!r}")
        print(f"{mean:8.4f}\tmean of {len(scored)}, nats a {model.noun[:-1]}")
