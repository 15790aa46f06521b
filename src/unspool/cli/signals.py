"""Ctrl-C and SIGTERM end a training between two updates, or before the first; a second one ends it at once.

Free of torch, so that a command can be ended while torch is imported.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """A signal ends the command; the text says what has come of it."""

    def __init__(self, number: int, sentence: str) -> None:
        super().__init__(sentence)
        self.number = number


class Interrupt:
    """A context in which SIGINT and SIGTERM raise `Interrupted`; once `patient`, the first is noted in `number`."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        self.patient = False
        self.number = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        lost = _is_lost(kind)  # then torchrun ends this process too: it has yet to say why
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if lost else handler)  # type: ignore[arg-type]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let the first signal wait for the end of what is within: torch may crash where its import is broken off."""
        self.patient = True
        yield
        self.patient = False
        if self.number:
            raise Interrupted(self.number, self.sentence)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self.patient or self.number:
            raise Interrupted(number, self.sentence)
        self.number = number


def _is_lost(kind: type[BaseException] | None) -> bool:
    # not imported here: the signal may have come in the middle of an import of torch, which does not bear a second one
    lost = getattr(sys.modules.get("unspool.training.parallel"), "Lost", None)
    return kind is not None and lost is not None and issubclass(kind, lost)
