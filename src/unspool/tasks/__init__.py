"""Tasks: where data, network, head and metric meet. Adding one = its files here and one line in TASKS."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unspool.errors import SpecError
from unspool.spec import unknown_name

if TYPE_CHECKING:
    from unspool.training.options import TrainingOptions
    from unspool.training.protocol import Task


@dataclass(frozen=True)
class Entry:
    """Where a task lives; its options load without torch, so that `--help` answers at once."""

    summary: str
    options: str  # module:class
    task: str  # module:class

    def load_options(self) -> type[TrainingOptions]:
        """Import the options class only."""
        return _load(self.options)

    def load(self) -> type[Task]:
        """Import the task itself, and torch with it."""
        return _load(self.task)


TASKS: dict[str, Entry] = {
    "language": Entry(
        "Learn a text symbol by symbol, and write more of it.",
        "unspool.tasks.language.options:LanguageOptions",
        "unspool.tasks.language.language:Language",
    ),
    "classifier": Entry(
        "Learn to name the class of a whole sequence: a text, or channels over time.",
        "unspool.tasks.whole.classifier_options:ClassifierOptions",
        "unspool.tasks.whole.classifier:Classifier",
    ),
    "regressor": Entry(
        "Learn a number for a whole sequence: a text, or channels over time.",
        "unspool.tasks.whole.regressor_options:RegressorOptions",
        "unspool.tasks.whole.regressor:Regressor",
    ),
    "tagger": Entry(
        "Learn to label every step of a sequence: frames of a video, parts of a signal, tokens, characters.",
        "unspool.tasks.tagging.options:TaggerOptions",
        "unspool.tasks.tagging.tagger:Tagger",
    ),
    "forecaster": Entry(
        "Learn to forecast one or many time series, and how sure a forecast is.",
        "unspool.tasks.forecasting.options:ForecasterOptions",
        "unspool.tasks.forecasting.forecaster:Forecaster",
    ),
    "handwriting": Entry(
        "Learn to write by hand: a pen's points, with the text that they say or without.",
        "unspool.tasks.pen.options:HandwritingOptions",
        "unspool.tasks.pen.handwriting:Handwriting",
    ),
    "transcriber": Entry(
        "Learn to write down what strokes, sounds or series of numbers say.",
        "unspool.tasks.transcribing.options:TranscriberOptions",
        "unspool.tasks.transcribing.transcriber:Transcriber",
    ),
}


def task_entry(name: str) -> Entry:
    """Return a task's entry.

    Raises:
        SpecError: there is no such task.
    """
    if name not in TASKS:
        raise SpecError(unknown_name("task", name, TASKS))
    return TASKS[name]


def _load(place: str) -> type:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]
