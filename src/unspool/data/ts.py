"""The .ts format of the UEA and UCR archives of labelled time series.

Comments begin with #, header lines with @, and after @data every line is one example: its channels separated
by ":", the values of a channel by ",", the class last. Bagnall et al., "The UEA multivariate time series
classification archive, 2018", arXiv:1811.00075.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.data.examples import Examples
from unspool.errors import DataError


class _Header(NamedTuple):
    """What the header promises; None = nothing."""

    labelled: bool
    classes: frozenset[str] | None
    channels: int | None
    steps: int | None


def read_ts(text: str, origin: str) -> Examples:
    """The examples of a .ts file: sequences float32 [T, C] and the class names."""
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    fields: dict[str, list[str]] = {}
    start = None
    for place, (number, line) in enumerate(lines):
        if not line.startswith("@"):
            raise DataError(
                f"a .ts file must have header lines that begin with @ before @data, but line {number} of "
                f"{origin} has none; check that this is a .ts file"
            )
        words = line[1:].split() or [""]
        key = words[0].lower()
        fields[key] = words[1:]
        if key == "data":
            start = place + 1
            break
    if start is None or start == len(lines):
        raise DataError(
            f"a .ts file must hold examples below a line @data, but {origin} ends before the first; "
            "copy the file again, it may be cut short"
        )
    header = _header(fields, origin)
    sequences, labels = [], []
    for number, line in lines[start:]:
        sequence, label = _example(line, header, f"line {number} of {origin}")
        # a file that names no number of channels means that of its first example
        header = header._replace(channels=sequence.shape[1])
        sequences.append(sequence)
        labels.append(label)
    return Examples(sequences, labels if header.labelled else None, origin)


def _header(fields: dict[str, list[str]], origin: str) -> _Header:
    if _flag(fields, "timestamps"):
        raise DataError(
            f"a .ts file must hold plain values, but {origin} has time stamps; resample it to equal steps first"
        )
    if _flag(fields, "targetlabel"):
        raise DataError(f"a .ts file must hold classes, but {origin} holds numbers to predict; use another task")
    labelled = _flag(fields, "classlabel")
    names = fields.get("classlabel", [])[1:]
    channels = _number(fields, "dimensions", origin)
    if _flag(fields, "univariate"):
        channels = 1
    steps = _number(fields, "serieslength", origin) if _flag(fields, "equallength") else None
    return _Header(labelled, frozenset(names) if names else None, channels, steps)


def _flag(fields: dict[str, list[str]], key: str) -> bool:
    return fields.get(key, ["false"])[:1] == ["true"]


def _number(fields: dict[str, list[str]], key: str, origin: str) -> int | None:
    if key not in fields:
        return None
    value = " ".join(fields[key])
    if not value.isdecimal():
        raise DataError(f"@{key} must be a whole number, but {origin} has {value!r}; mend the header")
    return int(value)


def _example(line: str, header: _Header, where: str) -> tuple[NDArray[np.float32], str]:
    parts = [part.strip() for part in line.split(":")]
    label = parts.pop() if header.labelled else ""
    cut = "mend the line, or copy the file again, it may be cut short"
    if header.labelled and (not parts or (header.classes is not None and label not in header.classes)):
        raise DataError(f"an example must end with ':' and one of the header's classes, but {where} does not; {cut}")
    if header.channels is not None and len(parts) != header.channels:
        raise DataError(f"an example must have {header.channels} channels, but {where} has {len(parts)}; {cut}")
    channels = [_values(part, number, where) for number, part in enumerate(parts, start=1)]
    lengths = {len(channel) for channel in channels}
    if len(lengths) > 1:
        raise DataError(
            f"the channels of an example must be equally long, but {where} has lengths "
            f"{', '.join(map(str, sorted(lengths)))}; {cut}"
        )
    if header.steps is not None and lengths != {header.steps}:
        raise DataError(f"an example must have {header.steps} steps, but {where} has {lengths.pop()}; {cut}")
    return np.stack(channels, axis=1), label


def _values(part: str, channel: int, where: str) -> NDArray[np.float32]:
    cells = part.split(",") if part else []
    try:
        values = np.array(list(map(float, cells)), dtype=np.float32)
    except ValueError:
        values = np.array([_value(cell) for cell in cells], dtype=np.float32)
    if not np.isfinite(values).all():
        step = int(np.flatnonzero(~np.isfinite(values))[0])
        missing = " (a missing value)" if cells[step].strip() == "?" else ""
        raise DataError(
            f"values must be finite numbers, but {where} has {cells[step].strip()!r}{missing} at step "
            f"{step + 1} of channel {channel} (counted from 1); fill it in, or leave the example out"
        )
    return values


def _value(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")
