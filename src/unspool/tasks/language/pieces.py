"""From generated symbols to text that can be shown: whole characters only, and nothing of a stop text."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import NamedTuple

from unspool.data.vocabulary import Vocabulary
from unspool.engine.generator import Chosen
from unspool.tasks.language.masks import first_mark


class Piece(NamedTuple):
    """One symbol as it was written; a byte that completes no character yet has an empty text."""

    text: str
    id: int
    log_prob: float  # nats, under the model's own distribution


def pieces(
    steps: Iterator[Chosen],
    rows: list[int],
    vocabulary: Vocabulary,
    *,
    after: str = "",
    stop: str = "",
    until: str = "length",
) -> list[Iterator[Piece]]:
    """Return a stream of pieces for each of the given rows; they share the steps, each reads at its own pace.

    They go on after the text `after`. A stream ends before the stop text, and before the end of its line or document if
    `until` says so; a document ends at a mark, a line at either.
    """
    marks = first_mark(vocabulary)
    waiting: list[deque[Piece]] = [deque() for _ in rows]
    decoders = [vocabulary.decoder(after) for _ in rows]
    ended = [False] * len(rows)

    def advance() -> bool:
        step = next(steps, None)
        if step is None:
            return False
        for place, row in enumerate(rows):
            if not ended[place]:
                number = step.ids[row]
                waiting[place].append(Piece(decoders[place](number), number, step.log_probs[row]))
        return True

    def stream(place: int) -> Iterator[Piece]:
        while waiting[place] or advance():
            if waiting[place]:
                yield waiting[place].popleft()
        ended[place] = True

    def cut(place: int) -> Iterator[Piece]:
        found = stream(place)
        if until != "length":
            found = takewhile(lambda piece: piece.id < marks, found)
        for text in ("\n" if until == "line" else "", stop):
            found = without(found, text) if text else found
        yield from found
        ended[place] = True
        waiting[place].clear()

    return [cut(place) for place in range(len(rows))]


def ending(vocabulary: Vocabulary, until: str, stop: str) -> Callable[[tuple[int, ...]], bool]:
    """Return whether a text of ids is at its end with its last symbol, as `pieces` ends it."""
    marks = first_mark(vocabulary)
    stops = [text for text in ("\n" if until == "line" else "", stop) if text]
    reach = 4 * max(map(len, stops), default=0)  # a character has four bytes at most

    def ended(ids: tuple[int, ...]) -> bool:
        if until != "length" and ids[-1] >= marks:
            return True
        if not stops:
            return False
        tail = vocabulary.decode(ids[-reach:])
        return any(text in tail for text in stops)

    return ended


def without(stream: Iterator[Piece], stop: str) -> Iterator[Piece]:
    """Pass pieces on up to the stop text, which is left out; what could be its beginning is held back."""
    held: deque[Piece] = deque()
    tail = ""
    for piece in stream:
        held.append(piece)
        tail += piece.text
        place = tail.find(stop)
        if place >= 0:
            yield from _cut(held, place)
            return
        keep = _overlap(tail, stop)
        while held and len(tail) - max(1, len(held[0].text)) >= keep:  # a byte goes with its character
            first = held.popleft()
            tail = tail[len(first.text) :]
            yield first
    yield from held


def _overlap(tail: str, stop: str) -> int:
    """Return the length of the longest end of `tail` that begins `stop`."""
    return next((n for n in range(min(len(tail), len(stop) - 1), 0, -1) if stop.startswith(tail[-n:])), 0)


def _cut(held: deque[Piece], place: int) -> Iterator[Piece]:
    for piece in held:
        if place <= 0:
            return
        yield piece._replace(text=piece.text[:place])
        place -= len(piece.text)
