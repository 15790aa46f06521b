from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.sound.made_files import noise, tone
from unspool.data.sound.features import LogMel
from unspool.data.sound.resampling import resampled
from unspool.errors import MissingExtra, ShapeError, SpecError


def literal(samples, rate, bands, window, shift):
    """The equations of the module, in float64."""
    width, step = int(window * rate), int(shift * rate)
    size = 1 << (width - 1).bit_length()
    places = np.arange(width)
    bell = (0.5 - 0.5 * np.cos(2 * np.pi * places / (width - 1))) ** 0.85
    hertz = np.arange(size // 2) * rate / size  # the highest bin is left out
    mel = 1127 * np.log(1 + hertz / 700)
    edges = np.linspace(1127 * np.log(1 + 20 / 700), 1127 * np.log(1 + rate / 2 / 700), bands + 2)
    rise = (mel - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - mel) / np.diff(edges)[1:, None]
    triangles = np.maximum(np.minimum(rise, fall), 0)  # [bands, size / 2]
    frames = []
    for start in range(0, len(samples) - width + 1, step):
        x = samples[start : start + width].astype(np.float64)
        x = x - x.mean()
        x = x - 0.97 * np.concatenate([x[:1], x[:-1]])
        power = np.abs(np.fft.rfft(x * bell, size)[:-1]) ** 2
        frames.append(np.log(np.maximum(triangles @ power, 2.0**-23)))
    return np.array(frames)


@pytest.mark.parametrize(
    "features",
    [LogMel(8000), LogMel(16000, 80), LogMel(11025, 20, 0.02, 0.02), LogMel(22050, 40, 0.032, 0.0125)],
)
def test_the_equations(features):
    samples = noise(4000) + tone(features.rate, 4000 / features.rate)
    found = features(samples)
    expected = literal(samples, features.rate, features.bands, features.window, features.shift)
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 2e-3


@settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, 5000), max_size=8), rate=st.sampled_from([8000, 16000, 44100]))
def test_frames_as_they_come_are_those_of_the_whole(cuts, rate):
    features, samples = LogMel(16000, 20), noise(5000)
    stream = features.stream(rate)
    pieces = [stream.accept(part) for part in np.split(samples, sorted(cuts))]
    assert np.array_equal(np.concatenate([*pieces, stream.finish()]), features(resampled(samples, rate, 16000)))


def test_a_frame_comes_with_its_last_sample():
    stream = LogMel(16000).stream()
    samples = noise(720)
    counts = [len(stream.accept(samples[place : place + 1])) for place in range(720)]
    assert np.flatnonzero(counts).tolist() == [399, 559, 719]


@pytest.mark.parametrize(("count", "frames"), [(0, 0), (1, 0), (399, 0), (400, 1), (559, 1), (560, 2)])
def test_how_many_frames(count, frames):
    assert LogMel(16000)(noise(count)).shape == (frames, 40)


def test_silence_is_the_floor_and_the_same_sound_the_same_numbers():
    features = LogMel(8000)
    assert np.allclose(features(np.zeros(4000, np.float32)), np.log(2.0**-23))
    assert np.array_equal(features(noise()), features(noise()))
    louder = features(2 * noise()) - features(noise())
    assert np.allclose(louder, 2 * np.log(2), atol=1e-3)


def test_a_tone_stands_in_its_band():
    places = [features.argmax(axis=1) for features in (LogMel(8000)(tone(hertz=hertz)) for hertz in (300, 1000, 3000))]
    assert [len(set(place.tolist())) for place in places] == [1, 1, 1]
    mel = 1127 * np.log(1 + np.array([20, 300, 1000, 3000, 4000]) / 700)
    expected = (mel[1:4] - mel[0]) / (mel[4] - mel[0]) * 41 - 1
    assert np.abs([place[0] for place in places] - expected).max() <= 1


def test_what_a_model_file_stores():
    features = LogMel(8000, 32, 0.02, 0.01)
    assert LogMel.from_dict(features.to_dict()) == features
    with pytest.raises(SpecError, match="no option 'bends'"):
        LogMel.from_dict({"rate": 8000, "bends": 3})


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"rate": 10}, "--rate must be at least 1000"),
        ({"rate": 8000, "bands": 1}, "--bands must be at least 3"),
        ({"rate": 8000, "window": 0.0}, "--window must be"),
        ({"rate": 8000, "shift": float("nan")}, "--shift must be"),
        ({"rate": 8000.5}, "--rate must be a whole number"),
    ],
)
def test_bounds(options, parts):
    with pytest.raises(SpecError, match=parts):
        LogMel(**options)


def test_bands_that_a_window_cannot_tell_apart(refused):
    with refused("128 are too many", "fewer bands", error=SpecError):
        LogMel(8000, 128)(noise())


def test_samples_of_one_channel(refused):
    with refused("[2, 9]", "mean of the channels", error=ShapeError):
        LogMel(8000)(np.zeros((2, 9), np.float32))


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "kaldi_native_fbank", None)
    with pytest.raises(MissingExtra, match=r"pip install 'unspool\[sound\]'"):
        LogMel(8000)(noise())
