"""A text of any length as lines that a pen can write: paragraphs, broken at blanks."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from unspool.data.pen.alphabet import JOINERS, written


class Width(NamedTuple):
    """Most characters of a line, and of a paragraph that is a line of its own."""

    line: int
    alone: int

    def of(self, paragraph: str) -> int:
        """Most characters of a line of this paragraph."""
        return self.alone if len(paragraph) <= self.alone else self.line


def paragraphs(text: str, width: Width, *, words: bool = False) -> list[list[str]]:
    """The lines of each paragraph, none longer than `width.line` characters; a blank paragraph has none.

    A paragraph ends at a line end. Lines end at blanks, as late as possible; only a word that is longer than a whole
    line, or a text of a script without blanks, is cut inside, and never between a character and its marks. Blank
    paragraphs at the ends are left out. With `words` every word is a line.
    """
    found = []
    for paragraph in map(written, text.splitlines()):
        found.append(list(_lines(paragraph, width.of(paragraph), words)))
    filled = [number for number, lines in enumerate(found) if lines]
    return found[filled[0] : filled[-1] + 1] if filled else []


def too_long(text: str, width: Width) -> list[str]:
    """The words that are cut, but for scripts without blanks, whose words nobody here can tell apart."""
    return [
        word
        for paragraph in map(written, text.splitlines())
        for word in paragraph.split()
        if len(list(_cut(word, width.of(paragraph)))) > 1
        and not any(unicodedata.east_asian_width(character) in "WF" for character in word)
    ]


def _lines(paragraph: str, longest: int, words: bool) -> Iterator[str]:
    line = ""
    for word in paragraph.split():
        if line and not words and len(line) + 1 + len(word) <= longest:
            line = f"{line} {word}"
            continue
        if line:
            yield line
        *whole, line = _cut(word, longest)
        yield from whole
    if line:
        yield line


def _cut(word: str, longest: int) -> Iterator[str]:
    """Parts of a word, as long as they may be; marks stay with what they belong to, however many they are."""
    start = 0
    for place, character in enumerate(word):
        if place - start >= longest and not unicodedata.combining(character) and character not in JOINERS:
            yield word[start:place]
            start = place
    yield word[start:]
