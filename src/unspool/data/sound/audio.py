"""Samples of one recording, from a file of any format that libsndfile reads or from an array: mono float32."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unspool.errors import DataError, MissingExtra, ShapeError

Samples: TypeAlias = NDArray[np.float32]  # [N], full scale is -1 to 1

ENDINGS: Final = (
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3"),
    *(".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64", ".sph", ".nist", ".voc"),
)
SLOWEST: Final = 1000  # Hz
FASTEST: Final = 768_000
LOUDEST: Final = 1e9  # of a sample: its square still fits float32, a thousand of them summed
LONGEST: Final = 1 << 40  # samples; libsndfile gives more where it does not know
BLOCK: Final = 1 << 18  # frames read at once, so that channels are not held side by side
CHANNELS: Final = 32
WHOLE: Final = 0.95  # of what a header promises; a little less is a careless writer, not a file cut short
UNKNOWN: Final = 0x7FFF0000  # sizes from here on are written by those who do not know them yet
# What libsndfile notes of a file: sizes of its sound, as written and as found, and the end of an Ogg stream.
PROMISED: Final = re.compile(r"^\s*(?:data|SSND|Data Size|riff)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
NO_END: Final = ("without an End-Of-Stream flag", "lacks an end-of-stream bit")
NO_MPEG: Final = 7  # what libsndfile calls "no regular file"
FULL_SCALE: Final = {"i2": 2.0**15, "i4": 2.0**31, "u1": 2.0**7}
CONVERT: Final = "convert it, as with ffmpeg -i FILE out.wav"


class Extent(NamedTuple):
    """Samples a second, and how many there are."""

    rate: int
    samples: int


@dataclass(frozen=True, eq=False, slots=True)
class Recorded:
    """Samples that are already in memory: [N] or [N, C], floats from -1 to 1, or int16, int32 or uint8 as files hold.

    Raises:
        ShapeError, DataError: they are of another shape or type, or the rate is none.
    """

    values: NDArray[Any]
    rate: int

    @classmethod
    def of(cls, values: ArrayLike, rate: object, name: str) -> Recorded:
        """Whatever numpy takes for an array, with its rate in Hz."""
        array = np.asarray(values)
        if array.ndim not in (1, 2) or (array.ndim == 2 and not 1 <= array.shape[1] <= CHANNELS):
            raise ShapeError(
                f"samples must be [N], or [N, C] with at most {CHANNELS} channels, but those of {name} are "
                f"{list(array.shape)}; pass one channel, or turn the array round"
            )
        if array.dtype.kind != "f" and array.dtype.str[1:] not in FULL_SCALE:
            raise DataError(
                f"samples must be floats from -1 to 1, or int16, int32 or uint8, but those of {name} are "
                f"{array.dtype}; convert them"
            )
        return cls(array, checked_rate(rate, name))


Source: TypeAlias = Path | Recorded


def checked_rate(rate: object, name: str) -> int:
    """A rate as a whole number of Hz within bounds."""
    if not isinstance(rate, int | float | np.integer | np.floating) or not SLOWEST <= rate <= FASTEST or rate % 1:
        raise DataError(
            f"a rate must be a whole number of samples a second from {SLOWEST} to {FASTEST}, but that of {name} is "
            f"{rate!r}; give the rate that it was recorded at"
        )
    return int(rate)


def extent_of(source: Source, name: str) -> Extent:
    """Rate and number of samples; of a file by its header alone."""
    if isinstance(source, Recorded):
        return Extent(source.rate, len(source.values))
    with _opened(source, name) as file:
        return _extent(file, name)


def mono(source: Source, name: str, start: float = 0.0, stop: float | None = None) -> tuple[Samples, int]:
    """The mean of all channels from `start` to `stop` in seconds (None = the end), float32 [N], and its rate.

    Raises:
        DataError: a file cannot be read or is cut short, there are no samples, or some are not finite.
        MissingExtra: soundfile is not installed.
    """
    if isinstance(source, Recorded):
        extent = Extent(source.rate, len(source.values))
        first, last = _span(extent, start, stop, name)
        blocks = [_scaled(source.values[first:last])]
    else:
        with _opened(source, name) as file:
            extent = _extent(file, name)
            first, last = _span(extent, start, stop, name)
            blocks = list(_mono_blocks(file, first, last))
            if sum(map(len, blocks)) < WHOLE * (last - first):
                raise _cut_short(name)
    samples = np.concatenate(blocks) if blocks else np.empty(0, np.float32)
    if not len(samples):
        raise DataError(f"a recording must have at least one sample, but {name} has none; leave it out")
    refuse_infinite(samples, name)
    return samples, extent.rate


def recorded(data: bytes, name: str) -> Recorded:
    """A whole file that is already in memory, as float32 [N]."""
    with _opened(io.BytesIO(data), name) as file:
        extent = _extent(file, name)
        blocks = list(_mono_blocks(file, 0, extent.samples))
    return Recorded(np.concatenate(blocks) if blocks else np.empty(0, np.float32), extent.rate)


def refuse_infinite(samples: Samples, name: str) -> None:
    """Raise DataError where a sample is NaN, infinite or absurdly large."""
    fine = np.abs(samples) <= LOUDEST
    if not fine.all():
        place = int(np.argmin(fine))
        raise DataError(
            f"samples must be finite numbers of at most {LOUDEST:.0e}, but sample {place + 1} of {name} is "
            f"{samples[place]}; leave the recording out, or write it again"
        )


def channel_mean(frames: NDArray[np.float32]) -> Samples:
    """The mean [N] of channels [N, C]."""
    return frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1, dtype=np.float32)


def _scaled(values: NDArray[Any]) -> Samples:
    """Samples [N] or [N, C] of any type as float32 [N]."""
    scale = FULL_SCALE.get(values.dtype.str[1:], 1.0)
    with np.errstate(over="ignore"):  # what becomes infinite is refused afterwards
        floats = values.astype(np.float32)
    if values.dtype == np.uint8:
        floats -= 128
    if scale != 1.0:
        floats /= np.float32(scale)
    return channel_mean(floats.reshape(len(floats), -1)) if floats.size else np.empty(0, np.float32)


def _extent(file: Any, name: str) -> Extent:
    if file.frames > LONGEST:
        raise DataError(
            f"a recording must say how long it is, but {name}, which was written into a pipe, does not; {CONVERT}"
        )
    return Extent(checked_rate(file.samplerate, name), file.frames)


def _mono_blocks(file: Any, first: int, last: int) -> Iterator[Samples]:
    if first:
        file.seek(first)
    while first < last and len(frames := file.read(min(BLOCK, last - first), dtype="float32", always_2d=True)):
        first += len(frames)
        yield channel_mean(frames)


def _span(extent: Extent, start: float, stop: float | None, name: str) -> tuple[int, int]:
    """The first sample and the one after the last."""
    first = round(start * extent.rate)
    last = extent.samples if stop is None else round(stop * extent.rate)
    if not 0 <= first <= extent.samples or last > extent.samples + extent.rate // 10:  # rounding in lists of segments
        raise DataError(
            f"a segment must lie within its recording of {extent.samples / extent.rate:.2f} s, but that of {name} lies "
            f"from {start} s to {'its end' if stop is None else f'{stop} s'}; correct the list"
        )
    return first, min(last, extent.samples)


@contextmanager
def _opened(file: Path | io.BytesIO, name: str) -> Iterator[Any]:
    """A file as soundfile opens it; whatever it says against it, now or later, becomes one sentence."""
    soundfile = _library()
    if isinstance(file, Path):
        _refuse_unreadable(file, name)
    try:
        opened = soundfile.SoundFile(file)
    except (soundfile.LibsndfileError, TypeError) as error:  # a TypeError where the name says raw samples
        raise _unknown(name, error) from error
    with opened:
        if _is_cut(opened.extra_info):
            raise _cut_short(name)
        try:
            yield opened
        except soundfile.LibsndfileError as error:
            raise _unknown(name, error) from error


def _is_cut(notes: str) -> bool:
    """Whether libsndfile found less sound than was promised."""
    sizes = [(int(said), int(found)) for said, found in PROMISED.findall(notes)]
    return any(found < WHOLE * said and said < UNKNOWN for said, found in sizes) or any(end in notes for end in NO_END)


def _refuse_unreadable(path: Path, name: str) -> None:
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise DataError(
            f"data must be readable, but {name} is not ({error.strerror or error}); check the path and its permissions"
        ) from error
    if empty:
        raise DataError(f"data must not be empty, but {name} has 0 bytes; name a file that holds something")


def _unknown(name: str, error: Exception) -> DataError:
    reason = str(getattr(error, "error_string", error)).removeprefix("Error : ").strip().rstrip(".")
    if getattr(error, "code", 0) == NO_MPEG:
        reason = "no MPEG audio was found"
    return DataError(
        f"sound must be in a format that libsndfile reads (WAV, FLAC, OGG, MP3, AIFF, ...), but {name} is not, or is "
        f"damaged ({reason}); {CONVERT}"
    )


def _cut_short(name: str) -> DataError:
    return DataError(
        f"a recording must be whole, but {name} is cut short: it holds less sound than its header says; copy it again, "
        "or leave it out"
    )


def _library() -> Any:
    try:
        import soundfile
    except ImportError as error:
        raise MissingExtra("reading sound needs soundfile; pip install 'unspool[sound]'") from error
    except OSError as error:  # the wheel for this platform came without libsndfile
        raise MissingExtra(
            "reading sound needs the library libsndfile, which soundfile did not find; install it, as with apt-get "
            "install libsndfile1, after pip install 'unspool[sound]'"
        ) from error
    return soundfile
