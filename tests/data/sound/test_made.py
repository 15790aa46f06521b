from __future__ import annotations

import numpy as np
import pytest

from unspool.data.sound.features import LogMel
from unspool.data.sound.made import CONSONANTS, RATE, SYLLABLES, VOWELS, made_sounds


def test_every_sound_is_made_of_syllables_by_its_speaker():
    sounds = made_sounds(30, 4)
    assert [sound.speaker for sound in sounds] == [f"made {number % 4}" for number in range(30)]
    assert len(SYLLABLES) == len(CONSONANTS) * len(VOWELS) == 12
    for sound in sounds:
        syllables = sound.text.split(" ")
        assert 2 <= len(syllables) <= 4
        assert set(syllables) <= set(SYLLABLES)
        assert 0.4 < sound.seconds < 2.2
        samples = sound.samples(RATE)
        assert 0.02 < np.abs(samples).max() < 1


def test_a_seed_makes_the_same_and_another_others():
    assert made_sounds(6, 2).fingerprint() == made_sounds(6, 2).fingerprint()
    assert made_sounds(6, 2).fingerprint() != made_sounds(6, 2, seed=1).fingerprint()
    assert made_sounds(8, 2)[:6].fingerprint() == made_sounds(6, 2).fingerprint()
    assert len(made_sounds(0)) == 0


def test_speakers_have_voices_of_their_own():
    """The pitch, by the largest autocorrelation of 90 to 280 Hz, differs between speakers more than within one."""
    pitches = {}
    for sound in made_sounds(40, 4):
        samples = sound.samples()
        loud = samples[np.argmax(np.convolve(samples**2, np.ones(800), "valid")) :][:800]
        lags = np.arange(RATE // 280, RATE // 90)
        alike = [float((loud[lag:] * loud[:-lag]).sum()) for lag in lags]
        pitches.setdefault(sound.speaker, []).append(RATE / lags[np.argmax(alike)])
    centres = [np.median(each) for each in pitches.values()]
    assert np.ptp(centres) > 40
    assert np.mean([np.median(np.abs(each - np.median(each))) for each in pitches.values()]) < 15


@pytest.mark.parametrize(
    ("letter", "other", "band"), [("a", "i", (600, 1500)), ("i", "u", (1900, 3400)), ("s", "k", (2800, 4000))]
)
def test_letters_have_their_spectrum(letter, other, band):
    """Where its formants are, the loud frames of a letter are louder than those of another."""
    features = LogMel(RATE)
    edges = np.linspace(*(1127 * np.log(1 + np.array([20, 4000]) / 700)), 42)[1:-1]
    centres = 700 * (np.exp(edges / 1127) - 1)
    inside = (centres > band[0]) & (centres < band[1])
    found = {letter: [], other: []}
    for sound in made_sounds(60, 5):
        frames = features(sound.samples(RATE))
        loud = frames[frames.max(axis=1) > np.median(frames.max(axis=1))]
        share = (loud[:, inside].mean(axis=1) - loud[:, ~inside].mean(axis=1)).mean()
        for one, without in ((letter, other), (other, letter)):
            if one in sound.text and without not in sound.text:
                found[one].append(share)
    assert min(map(len, found.values())) > 5
    assert np.mean(found[letter]) > np.mean(found[other]) + 0.5
