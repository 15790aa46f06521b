"""The way of the window over a text while a pen wrote it: as a picture, and as arrays."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from unspool.data.pen.plain import to_plain
from unspool.errors import SpecError
from unspool.figure import FORMATS, new_figure, save
from unspool.ink.write import check_place, write_whole
from unspool.tasks.pen.manuscript import Manuscript
from unspool.tasks.pen.writing import Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ARRAYS: Final = (".npz", ".json")
MOST: Final = 40  # lines in a picture
LETTER: Final = 0.12  # inches of a picture: a letter beside the window
PLACES: Final = 5  # of a weight in JSON
FAINT: Final = 1e-6  # a weight below which a point has no place in the text
END: Final = "end"


def check_window(path: Path) -> None:
    """Refuse a name whose ending is none of the formats, or under which nothing can be written.

    Raises:
        SpecError: its ending is none of ours. DataError: its folder is missing, or it is a folder.
        MissingExtra: a picture, without matplotlib.
    """
    if path.suffix.lower() not in (*FORMATS, *ARRAYS):
        raise SpecError(f"--window must end in {', '.join((*FORMATS, *ARRAYS))}, got {path}; rename it")
    check_place(path)
    if path.suffix.lower() in FORMATS:
        new_figure(1, 1)


def shown(found: Manuscript, path: Path) -> int:
    """How many lines `write_window` shows: all, but in a picture."""
    return min(len(found.lines), MOST) if path.suffix.lower() in FORMATS else len(found.lines)


def write_window(found: Manuscript, path: Path) -> Path:
    """Write phi(t, u) of every line; t counts the points, u the characters that are read, and behind them the end.

    An .npz file holds `phi_0` [T, U + 1], `points_0` [T, 2] in sizes, `last_0` [T] and `read_0`, the text [U], of the
    first line, `phi_1` of the second ...; JSON a list of objects with phi, read and the strokes in the plain format.
    A picture has the first `MOST` lines.

    Raises:
        SpecError, DataError, MissingExtra: as of `check_window`; it cannot be written.
    """
    check_window(path)
    pairs = list(zip(found.lines, found.read, strict=True))[: shown(found, path)]
    ending = path.suffix.lower()
    if ending == ".npz":
        return write_whole(path, _arrays(pairs))
    if ending == ".json":
        told = [
            {"read": read, "phi": line.phi.astype(np.float64).round(PLACES).tolist(), **to_plain(line.strokes)}
            for line, read in pairs
        ]
        return write_whole(path, (json.dumps(told, allow_nan=False) + "\n").encode("ascii"))
    heights = [side for line, _ in pairs for side in (max(1.8, LETTER * len(line.strokes.text or "")), 1.2)]
    figure = new_figure(10, sum(heights))
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for (line, read), above, below in zip(pairs, panels[::2], panels[1::2], strict=True):
        _draw(line, read, above, below)
    return save(figure, path, flag="--window")


def _arrays(pairs: list[tuple[Line, str]]) -> bytes:
    arrays: dict[str, NDArray[Any]] = {}
    for number, (line, read) in enumerate(pairs):
        strokes = line.strokes
        named: dict[str, NDArray[Any]] = {
            "phi": line.phi,
            "points": strokes.points,
            "last": strokes.last,
            "read": np.array(list(read)),
        }
        arrays |= {f"{name}_{number}": value for name, value in named.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _draw(line: Line, read: str, above: Axes, below: Axes) -> None:
    """Phi over the line's own characters, and under it the ink, each point in the colour of its character.

    Phi is no distribution: at a few points it is many times what it is at the rest, so each point has its own scale.
    """
    own = len(line.strokes.text or "")
    scaled = line.phi / line.phi.max(axis=1, keepdims=True).clip(min=FAINT)
    phi = scaled[:, -own - 1 :]  # without the text of the style
    labels = [*("␣" if character == " " else character for character in read[-own:]), END]
    above.imshow(phi.T, aspect="auto", cmap="Greys", interpolation="nearest", vmin=0, vmax=1)
    above.set_yticks(range(len(labels)), labels, fontsize=7)
    above.set_xlabel("point, with its weights as shares of the largest of them")
    nearest = phi.argmax(axis=1)
    for start, end in zip(line.strokes.starts, line.strokes.ends, strict=True):
        part = line.strokes.points[start:end]
        below.plot(*part.T, color="0.8", linewidth=0.8, zorder=1)
    x, y = line.strokes.points.T
    below.scatter(x, y, c=nearest % 10, cmap="tab10", vmin=0, vmax=9, s=3, zorder=2)
    below.set_aspect("equal", adjustable="datalim")
    below.set_axis_off()
