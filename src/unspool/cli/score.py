"""`unspool score RUN DATA`: how much each item of a text surprises the model."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from cyclopts import Parameter

from unspool.cli.settings import Flat, Machine
from unspool.cli.streams import print_json, restore_dash
from unspool.errors import SpecError


def score(
    run: str,
    *data: Annotated[str, Parameter(help="Text files, or - for standard input.")],
    text: str | None = None,
    unknown: Literal["fail", "skip", "replace"] | None = None,
    json: bool = False,
    machine: Annotated[Machine, Flat] = Machine(),  # noqa: B008 (frozen)
) -> None:
    """Print the surprise of a text in nats, symbol by symbol.

    Parameters
    ----------
    run
        Run folder or model file.
    text
        The text itself, in place of files.
    unknown
        What to do with characters that the model does not know.
    json
        Print one JSON object.
    """
    from unspool.cli.models import language_model
    from unspool.data.text import read_text

    if (text is None) == (not data):
        raise SpecError("score needs either DATA or --text; give one of them")
    machine.apply()
    model = language_model(run, machine.device, unknown)
    given = text if text is not None else read_text(restore_dash(data))
    ids = model.vocabulary.encode(given, model.options.unknown)
    nats = model.score(given)
    symbols = [model.vocabulary.symbols[i] for i in ids]
    scored = nats[1:]  # nothing precedes the first
    mean = float(scored.mean()) if len(scored) else math.nan
    if json:
        print_json(
            {
                "symbols": symbols,
                "nats": nats,
                "total": float(scored.sum()),
                "mean": mean,
                "perplexity": math.exp(min(mean, 700.0)) if len(scored) else None,
            },
            indent=None,
        )
        return
    for symbol, value in zip(symbols, nats, strict=True):
        print(f"{value:8.4f}\t{symbol!r}" if not math.isnan(value) else f"{'':>8}\t{symbol!r}")
    print(f"{mean:8.4f}\tmean of {len(scored)}, nats a {model.noun[:-1]}")
