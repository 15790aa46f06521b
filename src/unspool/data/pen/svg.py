"""The lines of an SVG drawing as strokes: path, polyline, polygon and line, in the order of the file.

Transforms of groups and shapes are followed, curves become points, y is turned up; a `title` is the text. What is no
line of the drawing (defs, clip paths, patterns, markers, hidden parts) and what has no pen's way (rectangles, circles,
text in a font) is passed over: a drawing program makes paths of these. One file is one sample.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from unspool.data.pen.curves import flatten
from unspool.data.pen.markup import numbers_of, text_within
from unspool.data.pen.paths import read_path
from unspool.data.pen.strokes import Points, Strokes
from unspool.errors import DataError

FLATNESS: Final = 1 / 2000  # of the drawing's larger side: finer than a pen's line
UNDRAWN: Final = ("defs", "clipPath", "mask", "pattern", "marker", "symbol", "metadata", "style")
ENTRY: Final = re.compile(r"\s*(\w+)\s*\(([^)]*)\)[\s,]*")

Matrix = NDArray[np.float64]  # [3, 3]


def read_svg(root: Element, origin: str, tolerance: float | None = None) -> Strokes:
    """The drawing as one sample; curves lie within the tolerance (None = 1/2000 of the drawing's larger side)."""
    with np.errstate(over="ignore", invalid="ignore"):  # transforms in transforms may leave the range of numbers
        subpaths = list(_drawn(root, np.eye(3), origin))
    if not subpaths:
        raise DataError(
            f"an SVG file must hold paths, polylines, polygons or lines, but {origin} has none; convert its "
            "objects to paths"
        )
    everything = np.concatenate([curve for subpath in subpaths for curve in subpath])
    if not np.isfinite(everything).all():
        raise DataError(f"a drawing must have a finite size, but that of {origin} has none; check its transforms")
    extent = float(np.ptp(everything, axis=0).max())
    exact = tolerance or extent * FLATNESS or 1.0
    text = next(text_within(root, "title"), None)
    return Strokes.of([flatten(subpath, exact) for subpath in subpaths], text=text).flipped()


def _drawn(element: Element, above: Matrix, origin: str, visibility: str = "visible") -> Iterator[list[Points]]:
    """The subpaths of an element and all below it that can be seen, in the drawing's own coordinates."""
    if element.tag in UNDRAWN or _property(element, "display") == "none":
        return
    own = _property(element, "visibility")
    visibility = visibility if own in (None, "inherit") else own
    matrix = above @ _transform(element.get("transform", ""), origin)
    if visibility == "visible":
        for subpath in _outline(element, f"a {element.tag} of {origin}"):
            yield [curve @ matrix[:2, :2].T + matrix[:2, 2] for curve in subpath]
    for child in element:
        yield from _drawn(child, matrix, origin, visibility)


def _property(element: Element, name: str) -> str | None:
    """A property of an element's own; what its style says counts for more than the attribute."""
    said = (part.partition(":") for part in element.get("style", "").split(";"))
    return {key.strip(): value.strip() for key, _, value in said}.get(name, element.get(name))


def _outline(element: Element, where: str) -> list[list[Points]]:
    if element.tag == "path":
        return read_path(element.get("d", ""), where)
    if element.tag == "line":
        ends = [_length(element.get(name, "0"), where) for name in ("x1", "y1", "x2", "y2")]
        return [[np.reshape(ends, (2, 2))]]
    if element.tag not in ("polyline", "polygon"):
        return []
    numbers = numbers_of(element.get("points", ""), where)
    if len(numbers) % 2:
        raise DataError(
            f"points must be pairs of x and y, but {where} has {len(numbers)} numbers; save the drawing again"
        )
    corners = np.reshape(numbers, (-1, 2))
    if element.tag == "polygon":
        corners = np.concatenate([corners, corners[:1]])
    return [[corners[place : place + 2] for place in range(len(corners) - 1)]] if len(corners) > 1 else []


def _length(text: str, where: str) -> float:
    numbers = numbers_of(text.strip().removesuffix("px"), where)
    if len(numbers) != 1:
        raise DataError(f"a coordinate must be one number, but {where} has {text!r}; save the drawing in pixels")
    return numbers[0]


def _transform(text: str, origin: str) -> Matrix:
    """The product of a transform list, the first one outermost (SVG 1.1, section 7.6)."""
    matrix, place = np.eye(3), 0
    while place < len(text.rstrip()):
        entry = ENTRY.match(text, place)
        if entry is None:
            raise DataError(f"a transform must be a list like translate(1 2), but {origin} has {text!r}; save it again")
        matrix = matrix @ _single(entry.group(1), numbers_of(entry.group(2), f"a transform of {origin}"), origin)
        place = entry.end()
    return matrix


def _single(kind: str, numbers: list[float], origin: str) -> Matrix:
    match kind, numbers:
        case "matrix", [a, b, c, d, e, f]:
            rows = [[a, c, e], [b, d, f]]
        case "translate", [x, *rest] if len(rest) < 2:
            rows = [[1, 0, x], [0, 1, rest[0] if rest else 0]]
        case "scale", [x, *rest] if len(rest) < 2:
            rows = [[x, 0, 0], [0, rest[0] if rest else x, 0]]
        case "rotate", [angle, *centre] if len(centre) in (0, 2):
            x, y = centre or (0.0, 0.0)
            cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            rows = [[cos, -sin, x - cos * x + sin * y], [sin, cos, y - sin * x - cos * y]]
        case "skewX", [angle]:
            rows = [[1, math.tan(math.radians(angle)), 0], [0, 1, 0]]
        case "skewY", [angle]:
            rows = [[1, 0, 0], [math.tan(math.radians(angle)), 1, 0]]
        case _:
            raise DataError(
                f"a transform must be matrix, translate, scale, rotate, skewX or skewY with their numbers, but "
                f"{origin} has {kind} with {len(numbers)}; save the drawing again"
            )
    return np.array([*rows, [0, 0, 1]], dtype=np.float64)
