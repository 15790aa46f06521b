"""Small samples and small networks for the tests of handwriting."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import unspool
from unspool.data.pen.made import made_inks
from unspool.data.pen.strokes import Inks, Strokes
from unspool.ink.write import write_ink
from unspool.tasks.pen.handwriting import Handwriting
from unspool.tasks.pen.options import HandwritingOptions
from unspool.tasks.start import Run
from unspool.training.options import Budget

PEN: dict[str, Any] = {
    "hidden_size": 12, "layers": 2, "components": 2, "window_components": 2, "points_per_letter": 4.0, "rarest": 1,
    "batch_size": 8, "longest": 60,
}  # fmt: skip


def pen(**options: Any) -> dict[str, Any]:
    """Small options; without those of a text where the network reads none."""
    chosen = {**PEN, **options}
    unread = ("window_components", "rarest") if chosen.get("prediction") else ()
    return {name: value for name, value in chosen.items() if name not in unread}


@cache
def inks(count: int = 48, writers: int = 8) -> Inks:
    """Words of two to five letters, a writer after the other."""
    many = made_inks(20 * count, writers)
    short = [[place for place in range(len(many)) if place % writers == writer and len(str(many[place].text)) <= 5]
             for writer in range(writers)]  # fmt: skip
    return many.select([short[number % writers][number // writers] for number in range(count)])


def trained(out: Path, data: Any = None, steps: int = 100, **options: Any) -> Run:
    """A run of few updates on these samples, or on `inks()`."""
    given = inks() if data is None else data
    return unspool.train("handwriting", given, steps=steps, out=str(out), **pen(**{"learning_rate": 0.02, **options}))


def write_inks(path: Path, samples: Iterable[Strokes] | None = None) -> Path:
    """The samples as a file of the plain format."""
    return write_ink([[sample] for sample in samples or inks()], path)


def handwriting(data: Any = None, **options: Any) -> Handwriting:
    """A network that has learned nothing yet."""
    chosen = HandwritingOptions(**pen(**options))
    task = Handwriting.prepare(chosen, inks() if data is None else data, Budget("steps", 30))
    task.model = task.build()
    assert isinstance(task, Handwriting)
    return task
