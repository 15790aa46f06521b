from __future__ import annotations

import sys

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.sound.made_files import noise, tone
from unspool.data.sound.resampling import Resampler, resampled
from unspool.errors import MissingExtra

RATES = [(44100, 16000), (8000, 16000), (48000, 8000), (22050, 16000), (16000, 16000)]


@pytest.mark.parametrize(("source", "target"), RATES)
@settings(max_examples=8)
@given(cuts=st.lists(st.integers(0, 4000), max_size=6))
def test_blocks_are_the_whole(source, target, cuts):
    samples = noise(4000)
    whole = resampled(samples, source, target)
    resampler = Resampler(source, target)
    blocks = [resampler.accept(part) for part in np.split(samples, sorted(cuts))]
    assert np.array_equal(np.concatenate([*blocks, resampler.finish()]), whole)
    assert np.array_equal(whole, soxr.resample(samples, source, target))


@pytest.mark.parametrize(("source", "target"), RATES)
def test_a_tone_stays_and_what_is_too_high_goes(source, target):
    found = resampled(tone(source, 1.0, 440.0), source, target)
    assert len(found) == pytest.approx(target, abs=1)
    inside = slice(target // 10, -target // 10)
    assert np.abs(found - tone(target, 1.0, 440.0)[: len(found)])[inside].max() < 1e-3
    if source > target:
        folded = resampled(tone(source, 1.0, 0.6 * target), source, target)
        assert np.abs(folded[inside]).max() < 1e-3


def test_any_length():
    for count in (0, 1, 2):
        assert len(resampled(noise(count), 8000, 16000)) == 2 * count
    strided = noise(4000)[::2]
    assert np.array_equal(resampled(strided, 8000, 16000), resampled(strided.copy(), 8000, 16000))


def test_without_soxr(monkeypatch):
    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(MissingExtra, match=r"pip install 'unspool\[sound\]'"):
        resampled(tone(), 8000, 16000)
    assert resampled(tone(), 8000, 8000) is not None
