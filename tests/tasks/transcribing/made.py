"""Series that say something, for the tests of transcribers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from unspool.tasks.transcribing.options import TranscriberOptions
from unspool.tasks.transcribing.transcriber import Transcriber
from unspool.training.options import Budget

SMALL: dict[str, Any] = {"hidden_size": 8, "layers": 1, "dropout": 0.0, "batch_size": 8, "augment": "none"}
LETTERS = np.eye(3, dtype=np.float32)


def signs(count: int = 60, seed: int = 0) -> tuple[list[np.ndarray], list[str]]:
    """Series of three channels: each letter of a text holds its channel up for a few steps, then a pause."""
    source = np.random.default_rng(seed)
    texts = ["".join(source.choice(list("abc"), source.integers(1, 5))) for _ in range(count)]
    series = []
    for text in texts:
        parts = [
            part
            for letter in text
            for part in (
                np.repeat(LETTERS[[ord(letter) - ord("a")]], source.integers(2, 5), 0),
                np.zeros((source.integers(1, 3), 3), np.float32),
            )
        ]
        series.append(np.concatenate(parts) + source.normal(0, 0.1, (sum(map(len, parts)), 3)).astype(np.float32))
    return series, texts


def transcriber(data: Any = None, **options: Any) -> Transcriber:
    """A transcriber that has learned nothing yet."""
    given = signs() if data is None else data
    task = Transcriber.prepare(TranscriberOptions(**{**SMALL, **options}), given, Budget("steps", 30))
    task.model = task.build()
    return task


def chatter(task: Transcriber) -> None:
    """Let it say much, whatever it hears: it remembers little, and every unit counts."""
    generator = torch.Generator().manual_seed(0)
    for parameter in task.model.parameters():
        torch.nn.init.normal_(parameter, std=2.0, generator=generator)
