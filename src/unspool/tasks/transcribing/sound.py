"""Sounds as a transcriber reads them: how much energy each mel band has, a hundred times a second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from unspool.data.masks import masked, respeeded
from unspool.data.sequence import Standardiser
from unspool.data.sound.features import LogMel
from unspool.data.sound.read import read_sounds
from unspool.data.sound.sounds import Sound, Sounds
from unspool.errors import DataError
from unspool.tasks.transcribing.inputs import Features, Given, Input, scaling_of
from unspool.tasks.transcribing.options import TranscriberOptions

RATE: Final = 16000  # samples a second, at most; speech has little above half of that
SPEED: Final = {"light": 0.1, "strong": 0.2}  # standard deviation of its logarithm
MASKS: Final = {"light": (1, 1), "strong": (2, 2)}  # of time and of bands


@dataclass(frozen=True, eq=False)
class SoundInput(Input):
    """Log-mel energies [T, bands].

    Where `level`, the mean of each band over a recording is taken out, so that microphone and loudness matter less; a
    stream has no such mean yet, so that a causal model goes without.
    """

    kind: ClassVar[str] = "sound"
    noun: ClassVar[str] = "frames"
    mel: LogMel
    level: bool
    scaling: Standardiser

    @classmethod
    def fitted(cls, given: Given, options: TranscriberOptions) -> SoundInput:
        """The input for training recordings, at their commonest rate; the scaling is found from their features."""
        rates = Counter(sound.rate for sound in given.items)
        bands = options.bands
        mel = LogMel(rate=min(RATE, rates.most_common(1)[0][0]), bands=bands)
        return cls(mel, not options.causal, Standardiser(np.zeros(bands), np.ones(bands)))

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> SoundInput:
        """The input of a model file."""
        return cls(LogMel.from_dict(stored["mel"]), bool(stored["level"]), scaling_of(stored))

    @property
    def seconds_per_step(self) -> float | None:
        return self.mel.shift

    def features(self, items: Sequence[Sound]) -> Iterator[Features]:
        for sound in items:
            found = self.mel(sound.samples(self.mel.rate))
            if not len(found):
                raise DataError(
                    f"a recording must be at least {1000 * self.mel.window:g} ms long, but {sound.name} is shorter; "
                    "leave it out"
                )
            yield found - found.mean(0) if self.level else found

    def varied(self, features: Features, generator: np.random.Generator, strength: str) -> Features:
        """Faster or slower, and masked in time and in bands (Park et al. 2019, SpecAugment, without its warp)."""
        faster = respeeded(features, float(np.exp(generator.normal(0.0, SPEED[strength]))))
        time, bands = MASKS[strength]
        return masked(faster, generator, time=time, bands=bands)

    def picture(self, axes: Any, item: Sound, features: Features) -> None:
        """The spectrum, low bands below."""
        sides = (0, len(features), 0, self.channels)
        axes.imshow(features.T, aspect="auto", origin="lower", cmap="magma", extent=sides)
        axes.set_ylabel("mel band", fontsize=7)

    def to_dict(self) -> dict[str, Any]:
        return {"mel": self.mel.to_dict(), "level": self.level}


def read_sound(data: Any) -> Given:
    """Recordings with what lies beside them: their texts and speakers."""
    return sound_given(read_sounds(data))


def sound_given(sounds: Sounds) -> Given:
    """Recordings with their texts and speakers."""
    return Given(
        sounds,
        tuple(sound.text for sound in sounds),
        tuple(sound.speaker for sound in sounds),
        tuple(sound.name for sound in sounds),
        sounds.fingerprint(),
        remarks=_remarks(sounds),
    )


def _remarks(sounds: Sounds) -> dict[str, str]:
    """Say of one recording what its name was taken to say, as other names may look like LABEL_SPEAKER_INDEX."""
    named = next((sound for sound in sounds if sound.named), None)
    if named is None:
        return {}
    told = f"{Path(named.name).name} says {named.text!r}, by {named.speaker!r}"
    return {"texts": f"from the names of the files: {told}; .txt files beside the sounds would be read instead"}
