"""Small data and small networks for the tests of tasks, training and the command line."""

from __future__ import annotations

import csv
import random
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from unspool.data.builtin import builtin_adding
from unspool.data.sources import Text
from unspool.tasks.language.language import Language
from unspool.tasks.language.options import LanguageOptions
from unspool.tasks.whole.classifier import Classifier
from unspool.tasks.whole.classifier_options import ClassifierOptions
from unspool.tasks.whole.regressor import Regressor
from unspool.tasks.whole.regressor_options import RegressorOptions
from unspool.training import checkpoint
from unspool.training.folder import model_document
from unspool.training.options import Budget
from unspool.training.protocol import Task

LANGUAGE = {"hidden_size": 16, "layers": 1, "dropout": 0.0, "batch_size": 4, "window": 16}
CLASSIFIER = {"hidden_size": 8, "layers": 1, "dropout": 0.0, "batch_size": 8}
WORDS = ("the ", "cat ", "sat ", "on ", "a ", "mat.\n", "née ", "où? ", "3 € ")


def flags(options: dict[str, Any]) -> list[str]:
    """The options as they are typed."""
    return [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]


def story(words: int = 600, seed: int = 0) -> str:
    """About three characters a word."""
    source = random.Random(seed)
    return "".join(source.choice(WORDS) for _ in range(words))


def rows(count: int = 48, seed: int = 0) -> list[tuple[str, str]]:
    """Texts whose first letter is their class."""
    source = random.Random(seed)
    return [
        ("yes" if number % 2 else "no", "yn"[number % 2 == 0] + "".join(source.choices("abc", k=source.randint(0, 9))))
        for number in range(count)
    ]


def write_rows(path: Path, count: int = 48, seed: int = 0) -> Path:
    """The rows as a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("label", "text"), *rows(count, seed)])
    return path


def waves(count: int = 60, seed: int = 0, channels: int = 1) -> tuple[list[np.ndarray], list[str]]:
    """Sine and square waves of unequal length, [T, C]."""
    source = np.random.default_rng(seed)
    made, labels = [], []
    for number in range(count):
        time = np.arange(source.integers(12, 30))[:, None] * 0.7 + source.uniform(0, 6)
        wave = np.sin(time + np.arange(channels))
        made.append((np.sign(wave) if number % 2 else wave).astype(np.float32))
        labels.append("square" if number % 2 else "sine")
    return made, labels


def language(text: str | bytes | None = None, **options: Any) -> Language:
    """A language model that has learned nothing yet."""
    chosen = LanguageOptions(**{**LANGUAGE, **options})
    data = [Text(story() if text is None else text)]
    return _built(Language.prepare(chosen, data, Budget("steps", 30)))  # type: ignore[return-value]


def classifier(data: Any = None, **options: Any) -> Classifier:
    """A classifier that has learned nothing yet."""
    chosen = ClassifierOptions(**{**CLASSIFIER, **options})
    given = [(text, label) for label, text in rows()] if data is None else data
    return _built(Classifier.prepare(chosen, given, Budget("steps", 30)))  # type: ignore[return-value]


def regressor(data: Any = None, **options: Any) -> Regressor:
    """A regressor that has learned nothing yet."""
    chosen = RegressorOptions(**{**CLASSIFIER, **options})
    given = builtin_adding(10, 60) if data is None else data
    return _built(Regressor.prepare(chosen, given, Budget("steps", 30)))  # type: ignore[return-value]


def _built(task: Task) -> Task:
    task.model = task.build()
    return task


@cache
def model_bytes(kind: str, **options: Any) -> bytes:
    """A model file of a task with new weights."""
    import tempfile

    from tests.tasks.pen.made import handwriting
    from tests.tasks.transcribing.made import transcriber

    kinds = {"language": language, "handwriting": handwriting, "transcriber": transcriber}
    task = kinds[kind](**options) if kind in kinds else classifier(waves() if kind == "waves" else None, **options)
    with tempfile.TemporaryDirectory() as folder:
        return write_model(task, Path(folder, "model.safetensors")).read_bytes()


def write_model(task: Task, path: Path) -> Path:
    """The task as a model file."""
    checkpoint.write(path, "model", checkpoint.parameters(task.model), model_document(task, {}))
    return path
