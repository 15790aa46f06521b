"""One recording with what is said in it, and a list of many; samples are read when they are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from unspool.data.sound.audio import Recorded, Samples, Source, extent_of, mono
from unspool.data.sound.resampling import resampled
from unspool.errors import DataError


@dataclass(frozen=True, eq=False, slots=True)
class Sound:
    """Where the samples of a recording are, and what is known of it.

    name: what messages and answers call it: its path, or a number.
    source: a file, or samples in memory.
    text: what is said; speaker: a code for who says it. None = unknown.
    start, stop: the part of the source that counts, in seconds; None = to its end.
    named: whether text and speaker were taken from the name of the file.
    """

    name: str
    source: Source
    text: str | None = None
    speaker: str | None = None
    start: float = 0.0
    stop: float | None = None
    named: bool = False

    @classmethod
    def of(
        cls,
        samples: ArrayLike,
        rate: int,
        text: str | None = None,
        speaker: str | None = None,
        name: str = "the given sound",
    ) -> Sound:
        """From samples [N] or [N, C]: floats from -1 to 1, or int16, int32 or uint8.

        Raises:
            ShapeError, DataError: they are of another shape or type, or the rate is none.
        """
        return cls(name, Recorded.of(samples, rate, name), text, speaker)

    def samples(self, rate: int | None = None) -> Samples:
        """The mean of all channels, float32 [N], at that rate in Hz (None = its own); read anew at every call.

        Raises:
            DataError: it cannot be read, is cut short, has no samples, or some that are not finite.
            MissingExtra: soundfile is not installed, or soxr, where another rate than its own is asked for.
        """
        samples, native = mono(self.source, self.name, self.start, self.stop)
        return resampled(samples, native, native if rate is None else rate)

    @property
    def rate(self) -> int:
        """Its own samples a second."""
        return extent_of(self.source, self.name).rate

    @property
    def seconds(self) -> float:
        """How long it lasts; of a file as its header says."""
        rate, samples = extent_of(self.source, self.name)
        whole = samples / rate
        return max((whole if self.stop is None else min(self.stop, whole)) - self.start, 0.0)


class Sounds(Sequence[Sound]):
    """Recordings in order; none of their samples are held but those that came in memory."""

    def __init__(self, sounds: Iterable[Sound]) -> None:
        self._sounds = tuple(sounds)

    def __len__(self) -> int:
        return len(self._sounds)

    @overload
    def __getitem__(self, index: int) -> Sound: ...
    @overload
    def __getitem__(self, index: slice) -> Sounds: ...
    def __getitem__(self, index: int | slice) -> Sound | Sounds:
        return Sounds(self._sounds[index]) if isinstance(index, slice) else self._sounds[index]

    def select(self, indices: ArrayLike) -> Sounds:
        """The recordings at these places, in their order."""
        return Sounds(self._sounds[place] for place in np.asarray(indices, dtype=np.int64).tolist())

    def fingerprint(self) -> str:
        """The SHA-256 of all recordings: of the bytes of files, wherever they lie, of arrays, texts and speakers."""
        known: dict[Path, bytes] = {}  # a list of segments names a file often
        digest = hashlib.sha256(len(self).to_bytes(8, "little"))
        for sound in self:
            about = repr((sound.text, sound.speaker, sound.start, sound.stop)).encode("utf-8", "backslashreplace")
            for part in (_content(sound.source, known), about):
                digest.update(len(part).to_bytes(8, "little"))
                digest.update(part)
        return digest.hexdigest()


def _content(source: Source, known: dict[Path, bytes]) -> bytes:
    if isinstance(source, Recorded):
        values = source.values.astype(source.values.dtype.newbyteorder("<"), copy=False)
        about = repr((source.rate, values.shape, values.dtype.str)).encode()
        return hashlib.sha256(about + np.ascontiguousarray(values).tobytes()).digest()
    if source not in known:
        try:
            with source.open("rb") as file:
                known[source] = hashlib.file_digest(file, "sha256").digest()
        except OSError as error:
            raise DataError(
                f"data must be readable, but {source} is not ({error.strerror or error}); check the path and its "
                "permissions"
            ) from error
    return known[source]
