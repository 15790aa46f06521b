"""`unspool sample RUN --interactive`: a person and a model write in turn."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from unspool.cli.streams import remark
from unspool.errors import UnspoolError
from unspool.tasks.language.masks import first_mark, starting_mark

if TYPE_CHECKING:
    from unspool.tasks.language.language import Language

HELP = (
    "type a line and the model goes on with one of its own; an empty line lets it go on; Ctrl-C stops its line\n"
    "/reset begins anew, /temperature X, /quit or Ctrl-D; a line that begins with a slash needs a space before it"
)


def converse(model: Language, prompt: str, options: dict[str, Any]) -> None:
    """Read lines from standard input and answer each, until the input ends."""
    conversation = Conversation(model, prompt, options)
    if sys.stdin.isatty():
        remark(HELP)
    for line in lines():
        try:
            if not conversation.take(line):
                return
        except UnspoolError as error:
            remark(f"unspool: {error}")
        except KeyboardInterrupt:  # between two symbols the conversation catches it itself
            remark()


class Conversation:
    """The state of the model after all that was read and written so far.

    Answer k draws the random numbers of sample k.
    """

    def __init__(self, model: Language, prompt: str, options: dict[str, Any]) -> None:
        self.model, self.prompt = model, prompt
        self.options = {**options, "until": "length", "label": None}
        self.label, self.until = options.get("label"), options.get("until") or "line"
        self.newline = "\n" if "\n" in model.vocabulary.base.symbols else ""
        self.turn = 0
        self.place = model.read(prompt, label=self.label)
        asked = {**self.options, "until": options.get("until"), "length": 0}
        next(iter(model.stream(self.place, **asked)), None)  # refuses options at once

    def take(self, line: str) -> bool:
        """Obey a command, or read a line and answer; False when all is over."""
        command, _, argument = line.partition(" ")
        if command == "/quit":
            return False
        if command == "/reset":
            self.place, self.turn = self.model.read(self.prompt, label=self.label), 0
        elif command == "/temperature":
            self._warm(argument.strip())
        elif command.startswith("/"):
            remark(f"there is no command {command}\n{HELP}")
        else:
            if line:
                self.place = self.model.read(line + self.newline, after=self.place)
            self._answer()
        return True

    def _warm(self, value: str) -> None:
        changed = {**self.options, "temperature": value}
        next(iter(self.model.stream(self.place, **{**changed, "length": 0})), None)
        self.options = changed

    def _answer(self) -> None:
        """Write up to the end of the line as it is made, then read it, so that the state holds it."""
        ids, text = list[int](), ""
        with contextlib.suppress(KeyboardInterrupt):
            for piece in self.model.stream(self.place, sample=self.turn, **self.options):
                ids.append(piece.id)
                text += piece.text
                sys.stdout.write(piece.text)
                sys.stdout.flush()
                if self._ends(piece.id, piece.text):
                    break
        if not text.endswith("\n"):
            sys.stdout.write("\n")
            sys.stdout.flush()
        if ids and self._is_mark(ids[-1]):  # whatever the next text was to be, it is to be of the label
            ids[-1] = starting_mark(self.model.vocabulary, self.label) or ids[-1]
        if ids:
            self.place = self.model.read_ids(np.array(ids), self.place, text)
        self.turn += 1

    def _ends(self, symbol: int, text: str) -> bool:
        return (self.until != "length" and self._is_mark(symbol)) or (self.until == "line" and "\n" in text)

    def _is_mark(self, symbol: int) -> bool:
        return symbol >= first_mark(self.model.vocabulary)


def lines() -> Iterator[str]:
    """The lines of standard input; at a terminal they can be edited, and Ctrl-C leaves one."""
    if not sys.stdin.isatty():
        for line in sys.stdin:
            yield line.removesuffix("\n")
        return
    with contextlib.suppress(ImportError):
        importlib.import_module("readline")  # gives input() its editing
    while True:
        try:
            yield input("> ")
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            print()
