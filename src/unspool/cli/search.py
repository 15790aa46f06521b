"""Flags of how a transcriber finds a text, for evaluate and predict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unspool.errors import SpecError

if TYPE_CHECKING:
    from unspool.training.protocol import Task


@dataclass(frozen=True)
class SearchSettings:
    """How wide a transcriber looks for a text, and which language model it asks."""

    beam: int | None = None
    """Of a transcriber: how many beginnings of a text are kept in mind; 1 reads the best path (16 with --language)."""
    language: str | None = None
    """Of a transcriber: run or model file of a character language model that is asked beside it."""
    language_weight: float | None = None
    """Weight of that (0.5)."""
    length_bonus: float | None = None
    """Nats for every character, against a language model's liking for short texts (1)."""

    def asked(self, task: Task, run: str) -> dict[str, Any]:
        """Return the search as the keyword argument of a transcriber's methods; nothing where no flag was given.

        Raises:
            SpecError: the model is no transcriber, or a flag of a language model came without one.
        """
        if self == SearchSettings():
            return {}
        from unspool.tasks.transcribing.transcriber import Transcriber

        if not isinstance(task, Transcriber):
            raise SpecError(
                f"--beam and --language are for a transcriber, {run} holds a {task.name} model; leave them out"
            )
        given = {"weight": self.language_weight, "bonus": self.length_bonus}
        known: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if known and self.language is None:
            raise SpecError("--language-weight and --length-bonus belong to --language RUN; add it, or leave them out")
        from unspool.tasks.transcribing.search import Search

        if self.language is not None:
            from unspool.cli.models import open_model
            from unspool.tasks.transcribing.language import LanguageScorer

            known["language"] = LanguageScorer(open_model(self.language, "cpu", None), task.targets.symbols)
        return {"search": Search(self.beam, **known)}
