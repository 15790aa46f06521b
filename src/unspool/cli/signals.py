"""Ctrl-C and SIGTERM end a training between two updates; a second one ends it at once."""

from __future__ import annotations

import signal
from types import FrameType

from unspool.training.parallel import Lost


class Interrupt:
    """A context in which SIGINT and SIGTERM are noted in `number` instead of stopping the program."""

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        lost = kind is not None and issubclass(kind, Lost)  # then torchrun ends this process too: it has yet to say why
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if lost else handler)  # type: ignore[arg-type]

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.number:
            raise KeyboardInterrupt
        self.number = number
