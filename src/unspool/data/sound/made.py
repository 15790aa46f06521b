"""Syllables made by a source and a filter, each speaker with a voice of its own: data for a first run without any.

A vowel is a train of pulses, one a period of the voice, through formants in cascade, each a resonator:

    y_n = A x_n + B y_{n-1} + C y_{n-2},   C = -exp(-2 pi w / R),  B = 2 exp(-pi w / R) cos(2 pi f / R),  A = 1 - B - C

for frequency f, bandwidth w and rate R in Hz. A consonant is a murmur of the same voice, silence, or noise through one.
Klatt, "Software for a cascade/parallel formant synthesizer", J. Acoust. Soc. Am. 67, 1980, equations 1 and 2; formants
of the vowels: Peterson and Barney, "Control methods used in a study of the vowels", J. Acoust. Soc. Am. 24, 1952,
table II.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from unspool.data.sound.sounds import Sound, Sounds

RATE: Final = 8000
VOWELS: Final = {"a": (730, 1090, 2440), "i": (270, 2290, 3010), "u": (300, 870, 2240)}  # Hz, of men
BANDWIDTHS: Final = (70, 90, 150)
TAIL: Final = 400  # samples that a filter rings on


class Part(NamedTuple):
    """A part of a consonant: its seconds, loudness, whether the voice sounds, and the formants."""

    seconds: float
    level: float
    voiced: bool
    formants: tuple[int, ...]


CONSONANTS: Final = {
    "b": (Part(0.05, 0.25, True, (180,)), Part(0.012, 0.5, False, (500,))),
    "k": (Part(0.06, 0.0, False, (1000,)), Part(0.03, 0.5, False, (1800,))),
    "n": (Part(0.08, 0.4, True, (250, 1300, 2300)),),
    "s": (Part(0.12, 0.35, False, (3300,)),),
}
SYLLABLES: Final = tuple(consonant + vowel for consonant in CONSONANTS for vowel in VOWELS)


class Voice(NamedTuple):
    """What a speaker's sounds have in common: pitch in Hz, factors of formants and of durations, loudness of noise."""

    pitch: float
    formants: float
    pace: float
    noise: float


def made_sounds(samples: int = 600, speakers: int = 20, seed: int = 0) -> Sounds:
    """Two to four random syllables each, 0.5 to 2 s at 8 kHz: sample i is by speaker i mod `speakers`.

    The text is the syllables with blanks between them, "ba ki nu"; names and speakers are "made 0", "made 1", ...
    """
    throats = [np.random.default_rng([seed, speaker]) for speaker in range(speakers)]
    voices = [_voice(throat) for throat in throats]
    made = []
    for number in range(samples):
        speaker = number % speakers
        generator = throats[speaker]
        syllables = generator.choice(SYLLABLES, size=generator.integers(2, 5)).tolist()
        values = _said(syllables, voices[speaker], generator)
        made.append(Sound.of(values, RATE, " ".join(syllables), f"made {speaker}", f"made {number}"))
    return Sounds(made)


def _voice(generator: Generator) -> Voice:
    height = generator.uniform()  # a small body has a high voice and short resonators
    pitch, formants, pace, noise = generator.uniform([0.9, 0.95, 0.8, 0.001], [1.1, 1.05, 1.2, 0.005])
    return Voice(90 * 2.3**height * pitch, (0.95 + 0.2 * height) * formants, pace, noise)


def _said(syllables: Sequence[str], voice: Voice, generator: Generator) -> NDArray[np.int16]:
    """The samples [N] of syllables with short pauses around them."""
    pieces = [_silence(generator.uniform(0.04, 0.15))]
    for syllable in syllables:
        consonant, vowel = syllable[0], syllable[1]
        parts = [*CONSONANTS[consonant], Part(generator.uniform(0.12, 0.2), 1.0, True, VOWELS[vowel])]
        pieces += [_sounded(part, voice, generator) for part in parts]
        pieces.append(_silence(generator.uniform(0.02, 0.08)))
    pieces.append(_silence(generator.uniform(0.02, 0.1)))
    whole = np.zeros(sum(map(len, pieces)) + TAIL - len(pieces) * TAIL)
    place = 0
    for piece in pieces:  # each rings on into the next
        whole[place : place + len(piece)] += piece
        place += len(piece) - TAIL
    whole *= generator.uniform(0.05, 0.15)
    whole += generator.normal(scale=voice.noise, size=len(whole))
    return np.clip(np.round(whole * 2**15), -(2**15), 2**15 - 1).astype(np.int16)


def _silence(seconds: float) -> NDArray[np.float64]:
    return np.zeros(round(seconds * RATE) + TAIL)


def _sounded(part: Part, voice: Voice, generator: Generator) -> NDArray[np.float64]:
    """The samples [n + TAIL] of a part as this voice says it, with its level as root mean square of the n."""
    count = round(part.seconds * voice.pace * generator.uniform(0.85, 1.15) * RATE)
    source = _pulses(count, voice, generator) if part.voiced else generator.normal(size=count)
    ramp = np.minimum(np.arange(count) + 1, 40) / 40  # 5 ms
    source *= ramp * ramp[::-1]
    shift = voice.formants * generator.normal(1.0, 0.02)
    size = 1 << (count + TAIL - 1).bit_length()
    sound: NDArray[np.float64] = np.fft.irfft(np.fft.rfft(source, size) * _response(part, shift, size), size)
    sound = sound[: count + TAIL]
    sound *= part.level / np.sqrt(np.mean(sound[:count] ** 2) + 1e-12)
    return sound


def _pulses(count: int, voice: Voice, generator: Generator) -> NDArray[np.float64]:
    """[count]: a pulse at the start of every period; the pitch falls a little and trembles."""
    bend = generator.uniform(0.95, 1.1) * np.linspace(1.05, 0.9, count) * generator.normal(1.0, 0.01, count)
    turns = np.cumsum(voice.pitch / RATE * bend)  # periods since the start
    pulses: NDArray[np.float64] = np.diff(np.floor(turns), prepend=-1.0)
    return pulses


def _response(part: Part, shift: float, size: int) -> NDArray[np.complex128]:
    """[size / 2 + 1]: the resonators of a part in cascade, at the frequencies of a real Fourier transform."""
    delay = np.exp(-2j * np.pi * np.fft.rfftfreq(size))  # of one sample
    response: NDArray[np.complex128] = np.ones_like(delay)
    for formant, width in zip(part.formants, BANDWIDTHS, strict=False):
        width = width if part.voiced else 400
        c = -np.exp(-2 * np.pi * width / RATE)
        b = 2 * np.exp(-np.pi * width / RATE) * np.cos(2 * np.pi * min(formant * shift, 0.48 * RATE) / RATE)
        response *= (1 - b - c) / (1 - b * delay - c * delay**2)
    return response
