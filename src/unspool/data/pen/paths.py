"""SVG path data: the commands M L H V C S Q T A Z, absolute and relative, as curves (SVG 1.1, section 8.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import numpy as np

from unspool.data.pen.curves import arc
from unspool.data.pen.markup import BEYOND, NUMBER
from unspool.data.pen.strokes import Points
from unspool.errors import DataError

# what follows each command: a number, or a flag, which is one digit and may touch what comes next
ARGUMENTS: Final = {
    "M": "nn", "L": "nn", "H": "n", "V": "n", "C": "nnnnnn", "S": "nnnn", "Q": "nnnn", "T": "nn",
    "A": "nnnffnn", "Z": "",
}  # fmt: skip
BLANKS: Final = " ,\t\r\n\f"
FLAG: Final = re.compile(r"[01]")


def read_path(data: str, where: str) -> list[list[Points]]:
    """The subpaths, each a list of curves [d + 1, 2] that follow each other; one that only moves is left out."""
    pen = _Pen()
    for command, numbers in _commands(data, where):
        pen.obey(command, numbers)
    return [subpath for subpath in pen.subpaths if subpath]


def _commands(data: str, where: str) -> Iterator[tuple[str, list[float]]]:
    """Each command with its numbers; what repeats without a letter comes as a command of its own."""
    place, command = _past_blanks(data, 0), ""
    while place < len(data):
        if data[place].upper() in ARGUMENTS:
            command, place = data[place], place + 1
        elif command in ("", "Z", "z") or data[place].isalpha():
            raise _wrong(data, place, "a command", where)
        numbers, kinds = [], ARGUMENTS[command.upper()]
        for kind in kinds:
            place = _past_blanks(data, place)
            found = (NUMBER if kind == "n" else FLAG).match(data, place)
            if found is None or abs(float(found.group())) > BEYOND:
                raise _wrong(data, place, f"the {len(kinds)} numbers of {command}", where)
            numbers.append(float(found.group()))
            place = found.end()
        yield command, numbers
        command = {"M": "L", "m": "l"}.get(command, command)
        place = _past_blanks(data, place)


def _past_blanks(data: str, place: int) -> int:
    while place < len(data) and data[place] in BLANKS:
        place += 1
    return place


def _wrong(data: str, place: int, wanted: str, where: str) -> DataError:
    return DataError(
        f"path data must be SVG commands and numbers, but {where} has {data[place : place + 20]!r} where {wanted} "
        f"should be (character {place + 1}); save the drawing again"
    )


class _Pen:
    """Where the pen is, where its subpath began, and the last control point, which S and T reflect."""

    def __init__(self) -> None:
        self.subpaths: list[list[Points]] = []
        self.here = self.start = np.zeros(2)
        self.control, self.before = self.here, ""

    def obey(self, command: str, numbers: list[float]) -> None:
        kind = command.upper()
        origin = self.here if command.islower() else np.zeros(2)
        if kind == "Z":
            self._draw(self.start)
            self.subpaths.append([])
        elif kind == "M":
            self.here = self.start = origin + numbers
            self.subpaths.append([])
        elif kind == "H":
            self._draw(np.array([origin[0] + numbers[0], self.here[1]]))
        elif kind == "V":
            self._draw(np.array([self.here[0], origin[1] + numbers[0]]))
        elif kind == "A":
            end = origin + numbers[5:]
            self._add(*arc(self.here, (numbers[0], numbers[1]), numbers[2], numbers[3] == 1, numbers[4] == 1, end))
            self.here = end
        else:
            points = origin + np.reshape(numbers, (-1, 2))
            if kind in "ST":
                smooth = self.before in ("CS" if kind == "S" else "QT")
                points = np.vstack([2 * self.here - self.control if smooth else self.here, points])
            self._draw(*points)
            self.control = points[-2] if len(points) > 1 else self.here
        self.before = kind

    def _draw(self, *points: Points) -> None:
        self._add(np.stack([self.here, *points]))
        self.here = points[-1]

    def _add(self, *curves: Points) -> None:
        if not self.subpaths:
            self.subpaths.append([])
        self.subpaths[-1].extend(curves)
