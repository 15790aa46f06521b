from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from tests.data.sound.made_files import noise, saved, tone
from unspool.data.sound.stream import read_wave_stream


class Dripping(io.BytesIO):
    """A pipe that never gives more than a few bytes."""

    def read(self, size=-1):
        return super().read(min(size, 7))


def header(samples, rate=8000, subtype="PCM_16", file_format="WAV"):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, subtype, format=file_format)
    return bytearray(file.getvalue())


def whole(data, *arguments, pipe=io.BytesIO):
    rate, blocks = read_wave_stream(pipe(bytes(data)), *arguments)
    return rate, np.concatenate([np.empty(0, np.float32), *blocks])


@pytest.mark.parametrize("pipe", [io.BytesIO, Dripping])
@pytest.mark.parametrize("file_format", ["WAV", "WAVEX", "RF64"])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_every_format_is_read_as_soundfile_reads_it(subtype, file_format, pipe):
    data = header(np.stack([noise(500, 1), noise(500, 2)], axis=1), 11025, subtype, file_format)
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    rate, samples = whole(data, pipe=pipe)
    assert (rate, samples.dtype) == (11025, np.float32)
    assert np.abs(samples - expected.mean(axis=1)).max() < 1e-7


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a_size_that_is_not_known_yet_means_all_that_comes(size):
    data = header(tone())
    for place in (4, data.index(b"data") + 4):
        data[place : place + 4] = size.to_bytes(4, "little")
    assert len(whole(data)[1]) == 4000
    assert len(whole(data[:-1])[1]) == 3999  # half a sample is none


def test_other_chunks_are_no_sound():
    data = header(tone())
    place = data.index(b"data")
    titled = data[:place] + b"LIST\x05\0\0\0INFO?\0" + data[place:] + b"LIST\x04\0\0\0INFO"
    assert np.array_equal(whole(titled)[1], whole(data)[1])
    assert len(whole(titled)[1]) == 4000


def test_raw_samples():
    samples = np.array([0, 1, -(2**15), 2**15 - 1], "<i2")
    rate, found = whole(samples.tobytes(), 16000)
    assert rate == 16000
    assert found.tolist() == (samples / 2**15).tolist()


def test_a_block_comes_before_the_end():
    """20 ms are handed out as soon as they are there; what lies behind has not been asked for."""
    data = io.BytesIO(bytes(header(tone())))
    _, blocks = read_wave_stream(data)
    assert len(next(blocks)) == 160
    assert data.tell() == 44 + 320


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda data: b"", ("header of a WAV file", "standard input")),
        (lambda data: b"fLaC" + data, ("header of a WAV file", "fLaC", "pipe WAV into it")),
        (lambda data: data[:30], ("takes 16 bytes", "has 10")),
        (lambda data: data[:36], ("does not", "ffmpeg")),
        (lambda data: data[:12] + data[36:], ("format and then samples",)),
        (lambda data: data[:12] + b"LIST\xff\xff\xff\xff" + data[12:], ("format and then samples",)),
        (lambda data: data[:16] + b"\x04\0\0\0" + bytes(8) + data[36:], ("takes 16 bytes", "has 4")),
        (lambda data: data[:20] + b"\x55\0" + data[22:], ("format 85",)),
        (lambda data: data[:22] + b"\0\0" + data[24:], ("0 channels",)),
        (lambda data: data[:34] + b"\x0c\0" + data[36:], ("12 bits",)),
        (lambda data: data[:24] + bytes(4) + data[28:], ("rate", "is 0")),
    ],
)
def test_what_is_no_wav(change, parts, refused):
    with refused(*parts):
        whole(change(bytes(header(tone()))))


def test_a_sample_that_is_none(refused):
    samples = tone()
    samples[200] = np.nan
    rate, blocks = read_wave_stream(io.BytesIO(bytes(header(samples, subtype="FLOAT"))), name="the pipe")
    assert rate == 8000
    next(blocks)
    with refused("finite", "the pipe"):
        next(blocks)


def test_a_file_is_a_stream_too(tmp_path):
    path = saved(tmp_path / "a.wav")
    with path.open("rb") as file:
        rate, blocks = read_wave_stream(file)
        assert (rate, sum(map(len, blocks))) == (8000, 4000)
