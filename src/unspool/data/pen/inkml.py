"""InkML, the W3C's markup for digital ink (Recommendation of 20 September 2011).

A sample is the whole file if `ink` has a text annotation or no trace group; otherwise each outermost group is one.
Channels X, Y, T and F are read, all others are passed over; pen-up traces are left out. Y grows down as the
Recommendation has it, unless the channel says orientation="-ve". T counts from the start of its trace, which
timeOffset gives in ms, unless the channel says respectTo; times that then fall from trace to trace are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from unspool.data.pen.strokes import Strokes
from unspool.data.pen.traces import Channel, decode_trace
from unspool.errors import DataError, ShapeError

TEXTS: Final = ("text", "transcription", "truth", "groundtruth", "label")
PER_SECOND: Final = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
DEFAULT: Final = [Channel("X"), Channel("Y", -1.0)]


class _Group(NamedTuple):
    """The traces of one sample, and the element whose annotations describe it."""

    element: Element
    traces: list[Element]


def read_inkml(root: Element, origin: str) -> list[Strokes]:
    """The samples of a file."""
    named = {name: element for element in root.iter() if (name := element.get("id"))}
    writer = _annotation(root, ("writer", "author"))
    samples = []
    for number, group in enumerate(_groups(root, named, origin), start=1):
        where = f"sample {number} of {origin}"
        try:
            sample = _sample(group, root, named, where, writer)
        except ShapeError as error:
            raise DataError(f"{where}: {error}") from error
        samples.append(sample)
    if not samples:
        raise DataError(f"an InkML file must hold traces, but {origin} has none; check what wrote it")
    return samples


def _groups(root: Element, named: dict[str, Element], origin: str) -> Iterator[_Group]:
    views = [child for child in root if child.tag in ("traceGroup", "traceView")]
    loose = [child for child in root if child.tag == "trace"]
    if _annotation(root, TEXTS) is not None or not views:
        traces = [trace for trace in root.iter("trace")]
        if traces:
            yield _Group(root, traces)
        return
    # groups of views show traces that lie loose beside them
    shown: set[int] = set()
    for view in views:
        traces = list(_traces(view, named, origin))
        shown.update(map(id, traces))
        if traces:
            yield _Group(view, traces)
    if left := [trace for trace in loose if id(trace) not in shown]:
        yield _Group(root, left)


def _traces(element: Element, named: dict[str, Element], origin: str, depth: int = 0) -> Iterator[Element]:
    """All traces in a group or in what a view refers to, in order."""
    if element.tag == "trace":
        yield element
        return
    if element.get("from") or element.get("to"):
        raise DataError(f"a traceView must show whole traces, but one of {origin} shows a range; save the ink unshared")
    if reference := element.get("traceDataRef"):
        target = named.get(reference.lstrip("#"))
        if target is None or depth > 10:
            raise DataError(
                f"a traceView must refer to ink in the same file, but {reference!r} of {origin} does not; mend it"
            )
        yield from _traces(target, named, origin, depth + 1)
    for child in element:
        if child.tag in ("trace", "traceGroup", "traceView"):
            yield from _traces(child, named, origin, depth)


def _sample(group: _Group, root: Element, named: dict[str, Element], where: str, writer: str | None) -> Strokes:
    parts: list[dict[str, NDArray[np.float64]]] = []
    ended, falls = np.empty(0), False
    for number, trace in enumerate(group.traces, start=1):
        if trace.get("type") == "penUp":
            continue
        channels = _channels(trace, root, named, where)
        values = decode_trace("".join(trace.itertext()), channels, f"trace {number} of {where}")
        columns = {channel.name: values[:, place] for place, channel in enumerate(channels)}
        if "X" not in columns or "Y" not in columns:
            raise DataError(f"traces must have the channels X and Y, but {where} has {', '.join(columns)}; add them")
        if "T" in columns:
            falls |= bool((columns["T"][:1] < ended).any())
            ended = columns["T"][-1:]
        if trace.get("continuation") in ("middle", "end") and parts:
            parts[-1] = {name: np.append(parts[-1][name], columns[name]) for name in parts[-1].keys() & columns.keys()}
        else:
            parts.append(columns)
    try:
        return Strokes.of(
            [np.stack([part["X"], part["Y"]], axis=1) for part in parts],
            None if falls else _column(parts, "T"),
            _column(parts, "F"),
            _annotation(group.element, TEXTS),
            _annotation(group.element, ("writer", "author")) or writer,
        )
    except DataError as error:
        raise DataError(f"{where}: {error}") from error


def _column(parts: list[dict[str, NDArray[np.float64]]], name: str) -> list[NDArray[np.float64]] | None:
    """A channel of all traces, where no point leaves it out."""
    whole = all(name in part and not np.isnan(part[name]).any() for part in parts)
    return [part[name] for part in parts] if whole else None


def _channels(trace: Element, root: Element, named: dict[str, Element], where: str) -> list[Channel]:
    """The channels of a trace: by its context, or those that the file's first format declares, or X Y."""
    context = _target(trace.get("contextRef"), named)
    formats = [_format(context, named), next(root.iter("traceFormat"), None)]
    declared = next((element for element in formats if element is not None), None)
    if declared is None:
        return DEFAULT
    start = _milliseconds(trace, where)
    return [_channel(channel, start, where) for channel in declared.iter("channel")] or DEFAULT


def _milliseconds(trace: Element, where: str) -> float:
    """Its timeOffset, 0 where it has none."""
    offset = trace.get("timeOffset", "0")
    try:
        return float(offset)
    except ValueError as error:
        raise DataError(f"timeOffset must be milliseconds, but {where} has {offset!r}; give a number") from error


def _format(context: Element | None, named: dict[str, Element]) -> Element | None:
    if context is None:
        return None
    if (found := next(context.iter("traceFormat"), None)) is not None:
        return found
    for reference in ("traceFormatRef", "inkSourceRef", "contextRef"):
        target = _target(context.get(reference), named)
        if target is not None and target is not context:
            return next(target.iter("traceFormat"), None)
    return None


def _channel(element: Element, start: float, where: str) -> Channel:
    """A channel of a trace that starts at that many milliseconds."""
    name, backwards = element.get("name", ""), element.get("orientation") == "-ve"
    scale = 1.0
    if name == "Y":
        scale = 1.0 if backwards else -1.0  # down is positive there, up here
    elif name == "X" and backwards:
        scale = -1.0
    elif name == "T":
        units = element.get("units", "ms")
        if units not in PER_SECOND:
            raise DataError(
                f"the unit of T must be one of {', '.join(PER_SECOND)}, but {where} has {units!r}; convert it"
            )
        origin = 0.0 if element.get("respectTo") else start * (PER_SECOND[units] / PER_SECOND["ms"])
        return Channel(name, 1 / PER_SECOND[units], origin)
    return Channel(name, scale)


def _target(reference: str | None, named: dict[str, Element]) -> Element | None:
    return None if reference is None else named.get(reference.lstrip("#"))


def _annotation(element: Element, kinds: tuple[str, ...]) -> str | None:
    for child in element:
        kind = child.get("type", "").replace(" ", "").lower()
        if child.tag == "annotation" and kind in kinds and (text := (child.text or "").strip()):
            return text
    return None
