from __future__ import annotations

import sys

import numpy as np
import pytest
import soundfile

from tests.data.sound.made_files import noise, saved, tone
from unspool.data.sound.audio import Recorded, extent_of, mono, recorded
from unspool.errors import MissingExtra, ShapeError

# file name, subtype, and how far the samples may lie from what was written
EXACT = [
    ("a.wav", "PCM_16", 2**-15),
    ("a.wav", "PCM_U8", 2**-7),
    ("a.wav", "PCM_24", 2**-23),
    ("a.wav", "PCM_32", 2**-23),
    ("a.wav", "FLOAT", 0),
    ("a.wav", "DOUBLE", 0),
    ("a.wav", "ULAW", 0.02),
    ("a.flac", "PCM_16", 2**-15),
    ("a.flac", "PCM_24", 2**-23),
    ("a.aiff", "PCM_16", 2**-15),
    ("a.au", "PCM_16", 2**-15),
    ("a.caf", "PCM_16", 2**-15),
    ("a.w64", "FLOAT", 0),
]


@pytest.mark.parametrize(("name", "subtype", "error"), EXACT)
def test_every_format_gives_the_samples_that_were_written(tmp_path, name, subtype, error):
    written = tone(16000)
    path = saved(tmp_path / name, written, 16000, subtype)
    samples, rate = mono(path, name)
    assert (samples.dtype, rate) == (np.float32, 16000)
    assert np.abs(samples - written).max() <= error
    assert extent_of(path, name) == (16000, len(written))


@pytest.mark.parametrize(("name", "rate"), [("a.ogg", 22050), ("a.mp3", 44100)])
def test_lossy_formats_keep_tone_and_length(tmp_path, name, rate):
    written = tone(rate, 1.0)
    samples, found = mono(saved(tmp_path / name, written, rate), name)
    assert found == rate
    assert len(samples) == len(written)
    assert np.argmax(np.abs(np.fft.rfft(samples))) == 440


def test_channels_become_their_mean_in_files_of_any_length(tmp_path, monkeypatch):
    stereo = np.stack([noise(1000, 1), noise(1000, 2)], axis=1)
    path = saved(tmp_path / "stereo.wav", stereo, 8000, "FLOAT")
    expected = stereo.mean(axis=1)
    assert np.array_equal(mono(path, "")[0], expected)
    monkeypatch.setattr("unspool.data.sound.audio.BLOCK", 333)
    assert np.array_equal(mono(path, "")[0], expected)
    assert np.array_equal(mono(Recorded.of(stereo, 8000, ""), "")[0], expected)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint8, np.float64, np.float16])
def test_arrays_of_the_types_that_files_hold(dtype):
    full = np.array([-1, -0.5, 0, 0.5])
    values = {
        np.int16: full * 2**15,
        np.int32: full * 2**31,
        np.uint8: full * 128 + 128,
    }.get(dtype, full)
    samples, rate = mono(Recorded.of(values.astype(dtype), 16000.0, "x"), "x")
    assert samples.tolist() == full.tolist()
    assert (samples.dtype, rate) == (np.float32, 16000)


def test_a_part_by_seconds(tmp_path):
    path = saved(tmp_path / "a.flac", noise())
    whole = mono(path, "")[0]
    assert np.array_equal(mono(path, "", 0.1, 0.25)[0], whole[800:2000])
    assert np.array_equal(mono(path, "", 0.1)[0], whole[800:])
    assert np.array_equal(mono(path, "", 0.1, 0.55)[0], whole[800:])  # lists round
    assert np.array_equal(mono(Recorded(whole, 8000), "", 0.1, 0.25)[0], whole[800:2000])


def test_a_part_that_is_not_there(tmp_path, refused):
    path = saved(tmp_path / "a.wav")
    for start, stop in ((0.6, None), (0.1, 2.0), (-1, None)):
        with refused("within its recording of 0.50 s", "a.wav", "correct the list"):
            mono(path, "a.wav", start, stop)


def test_a_file_in_memory_is_the_file(tmp_path):
    path = saved(tmp_path / "a.flac")
    assert np.array_equal(recorded(path.read_bytes(), "x").values, mono(path, "")[0])


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff", "a.au", "a.w64", "a.caf"])
def test_a_file_cut_short_is_refused(tmp_path, name, refused):
    path = saved(tmp_path / name, noise(16000), 16000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with refused(str(path)):
        mono(path, str(path))


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF024])
def test_sizes_that_a_pipe_left_unknown_are_no_cut(tmp_path, size):
    path = saved(tmp_path / "a.wav")
    data = bytearray(path.read_bytes())
    for place in (4, data.index(b"data") + 4):
        data[place : place + 4] = size.to_bytes(4, "little")
    path.write_bytes(data)
    assert len(mono(path, "")[0]) == 4000


def test_a_flac_file_from_a_pipe(tmp_path, refused):
    path = saved(tmp_path / "a.flac")
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # the 36 bits of STREAMINFO that count the samples
    data[22:26] = bytes(4)
    path.write_bytes(data)
    with refused("say how long it is", "a.flac", "ffmpeg"):
        mono(path, "a.flac")


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.wav", b"", ("a.wav has 0 bytes",)),
        ("a.wav", b"hello there, I am no sound", ("a.wav is not", "ffmpeg")),
        ("a.wav", b"RIFF\x24\0\0\0WAVEfmt ", ("a.wav is not", "ffmpeg")),
        ("a.mp3", b"hello" * 40, ("a.mp3 is not", "no MPEG audio")),
        ("a.raw", bytes(100), ("a.raw is not", "samplerate")),
    ],
)
def test_what_is_no_sound(tmp_path, name, content, parts, refused):
    path = tmp_path / name
    path.write_bytes(content)
    with refused(*parts):
        mono(path, str(path))
    with refused(*parts):
        extent_of(path, str(path))


def test_what_is_not_there(tmp_path, refused):
    with refused("must be readable", "nowhere.wav"):
        mono(tmp_path / "nowhere.wav", "nowhere.wav")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_samples_must_be_finite(tmp_path, bad, refused):
    samples = tone()
    samples[7] = bad
    path = saved(tmp_path / "a.wav", samples, 8000, "FLOAT")
    for source in (path, Recorded(samples, 8000), Recorded(samples.astype(np.float64), 8000)):
        with refused("finite", "sample 8 of a.wav"):
            mono(source, "a.wav")


def test_a_double_that_float32_cannot_hold(refused):
    with refused("finite", "sample 1 of x"):
        mono(Recorded.of(np.array([1e300]), 8000, "x"), "x")


def test_no_samples_at_all(tmp_path, refused):
    empty = np.empty(0, np.float32)
    for source in (saved(tmp_path / "a.wav", empty), Recorded(empty, 8000), Recorded(np.empty((0, 2)), 8000)):
        with refused("at least one sample", "a.wav has none"):
            mono(source, "a.wav")


def test_silence_and_loud_floats_are_sound(tmp_path):
    assert not mono(saved(tmp_path / "a.wav", np.zeros(100, np.float32)), "")[0].any()
    loud = tone(level=20_000.0)
    assert np.array_equal(mono(saved(tmp_path / "b.wav", loud, 8000, "FLOAT"), "")[0], loud)


@pytest.mark.parametrize(
    ("values", "rate", "parts", "error"),
    [
        (np.zeros((1, 16000)), 16000, ("[1, 16000]", "turn the array round"), ShapeError),
        (np.zeros((2, 2, 2)), 16000, ("[2, 2, 2]",), ShapeError),
        (3.0, 16000, ("[]",), ShapeError),
        ([1, 2, 3], 16000, ("int64",), None),
        (["a"], 16000, ("<U1",), None),
        ([0.0], 0, ("rate", "is 0", "x"), None),
        ([0.0], 8000.5, ("8000.5",), None),
        ([0.0], "8000", ("'8000'",), None),
        ([0.0], float("nan"), ("nan",), None),
    ],
)
def test_refusals_of_arrays(values, rate, parts, error, refused):
    with refused(*parts, **({} if error is None else {"error": error})):
        Recorded.of(values, rate, "x")


def test_a_rate_out_of_bounds_in_a_file(tmp_path, refused):
    with refused("from 1000 to 768000", "a.wav"):
        mono(saved(tmp_path / "a.wav", tone(), 10), "a.wav")


def test_without_soundfile(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.wav")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingExtra, match=r"pip install 'unspool\[sound\]'"):
        mono(path, "a.wav")
    assert len(mono(Recorded(tone(), 8000), "x")[0]) == 4000  # an array needs none


def test_every_ending_of_ours_can_be_read():
    from unspool.data.sound.audio import ENDINGS

    known = {*soundfile.available_formats(), "OPUS", "OGA", "AIF", "AIFC", "SND", "RF64", "SPH"}
    assert {ending[1:].upper() for ending in ENDINGS} <= known
