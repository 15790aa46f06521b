"""Sound that comes through a pipe: WAV, whose header is read and whose sizes may be unknown yet, or raw samples.

Multimedia Programming Interface and Data Specifications 1.0 (IBM and Microsoft, 1991), "Waveform Audio File Format";
RF64 and its size of 0xFFFFFFFF: EBU Tech 3306.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from unspool.data.sound.audio import CHANNELS, UNKNOWN, Samples, channel_mean, checked_rate, refuse_infinite
from unspool.errors import DataError

PCM: Final = 1
FLOAT: Final = 3
EXTENSIBLE: Final = 0xFFFE  # the format proper stands further behind
LONGEST_CHUNK: Final = 1 << 24  # before the sound: titles, pictures
BLOCK_SECONDS: Final = 0.02  # how long a sound waits for its block to be full


class Pipe(Protocol):
    """A file that is opened for reading bytes, as `sys.stdin.buffer` is."""

    def read(self, size: int, /) -> bytes | None:
        """At most that many bytes; none at the end."""


class Format(NamedTuple):
    """How the samples lie in the bytes: frames a second, channels, bytes a sample, and whether they are floats."""

    rate: int
    channels: int
    width: int
    floating: bool


def read_wave_stream(
    file: Pipe, rate: int | None = None, name: str = "standard input"
) -> tuple[int, Iterator[Samples]]:
    """The rate in Hz, and the mean of all channels in blocks of 20 ms, float32 [N], as they come.

    The bytes are WAV: PCM of 8, 16, 24 or 32 bits, or floats; or with `rate`, raw 16-bit samples of one channel, the
    low byte first. What ends within a sample loses that sample.

    Raises:
        DataError: they do not begin with a header that can be read, or while reading, a sample is not finite.
    """
    if rate is not None:
        known = Format(checked_rate(rate, name), 1, 2, False)
        return known.rate, _blocks(file, known, None, name)
    form, size = _header(file, name)
    return form.rate, _blocks(file, form, size, name)


def _header(file: Pipe, name: str) -> tuple[Format, int | None]:
    """The format, and how many bytes of sound follow (None = all)."""
    start = _exactly(file, 12)
    if start[:4] not in (b"RIFF", b"RF64") or start[8:] != b"WAVE":
        raise DataError(
            f"a stream of sound must begin with the header of a WAV file, but {name} begins with {start[:8]!r}; pipe "
            "WAV into it, as ffmpeg -f wav - or arecord -t wav do"
        )
    form: Format | None = None
    while len(head := _exactly(file, 8)) == 8:
        kind, size = head[:4], struct.unpack("<I", head[4:])[0]
        if kind == b"data":
            if form is None:
                break
            return form, None if size == 0 or size >= UNKNOWN else size
        if size > LONGEST_CHUNK:
            break
        content = _exactly(file, size + size % 2)
        if kind == b"fmt ":
            form = _format(content, name)
    raise DataError(
        f"the header of a WAV file must give a format and then samples, but that of {name} does not; pipe WAV into it, "
        "as ffmpeg -f wav - or arecord -t wav do"
    )


def _format(content: bytes, name: str) -> Format:
    if len(content) < 16:
        raise DataError(f"the format in a WAV header takes 16 bytes, but {name} has {len(content)}; record it as PCM")
    code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", content[:16])
    if code == EXTENSIBLE and len(content) >= 26:
        code = struct.unpack("<H", content[24:26])[0]
    kinds = {PCM: (8, 16, 24, 32), FLOAT: (32, 64)}
    if bits not in kinds.get(code, ()) or not 1 <= channels <= CHANNELS:
        raise DataError(
            f"a stream of WAV must be PCM of 8, 16, 24 or 32 bits or floats of 32 or 64, with at most {CHANNELS} "
            f"channels, but {name} has format {code} of {bits} bits and {channels} channels; record it as 16-bit PCM"
        )
    return Format(checked_rate(rate, name), channels, bits // 8, code == FLOAT)


def _blocks(file: Pipe, form: Format, size: int | None, name: str) -> Iterator[Samples]:
    frame = form.channels * form.width
    most = max(int(form.rate * BLOCK_SECONDS), 1) * frame
    held = b""  # the start of a frame whose end is still to come
    while size is None or size > 0:
        came = file.read(most if size is None else min(most, size))
        if not came:
            return
        size = None if size is None else size - len(came)
        held += came
        whole = len(held) - len(held) % frame
        if whole:
            samples = channel_mean(_floats(held[:whole], form).reshape(-1, form.channels))
            held = held[whole:]
            refuse_infinite(samples, name)
            yield samples


def _floats(data: bytes, form: Format) -> NDArray[np.float32]:
    """All samples of all channels, in turn, full scale -1 to 1."""
    if form.floating:
        with np.errstate(over="ignore"):  # what becomes infinite is refused afterwards
            return np.frombuffer(data, f"<f{form.width}").astype(np.float32, copy=False)
    if form.width == 1:
        return (np.frombuffer(data, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
    if form.width == 3:  # as the upper three bytes of four
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return _scaled(wide.reshape(-1).view("<i4"), 4)
    return _scaled(np.frombuffer(data, f"<i{form.width}"), form.width)


def _scaled(values: NDArray[Any], width: int) -> NDArray[np.float32]:
    return values.astype(np.float32) / np.float32(2.0 ** (8 * width - 1))


def _exactly(file: Pipe, size: int) -> bytes:
    """That many bytes, or what there is until the end."""
    parts: list[bytes] = []
    while size and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
