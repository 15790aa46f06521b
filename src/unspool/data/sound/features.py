"""Log-mel filter bank energies, of a whole recording or frame by frame as its samples come.

Frame t is x, W samples from t S on (window and shift times rate, rounded down), less their mean, and x_n - 0.97 x_{n-1}
of them:

    y[t, b] = ln max(eps, sum_f M[b, f] |FFT(w x)[f]|^2),     w = (0.5 - 0.5 cos(2 pi n / (W - 1)))^0.85,  eps = 2^-23,

with M triangles of unit height, linear and evenly spaced on the mel scale 1127 ln(1 + f / 700) from 20 Hz to rate / 2.
Davis and Mermelstein, "Comparison of parametric representations for monosyllabic word recognition", 1980; all as in
Kaldi's compute-fbank-feats, by the library kaldi-native-fbank, but samples are -1 to 1, so that y is 2 ln 32768 lower,
and no noise is added: the same sound gives the same numbers, and digital silence ln eps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from unspool import spec
from unspool.data.sound.audio import FASTEST, SLOWEST, Samples
from unspool.data.sound.resampling import Resampler
from unspool.errors import MissingExtra, ShapeError, SpecError
from unspool.spec import Between

Frames = NDArray[np.float32]  # [T, bands]


@dataclass(frozen=True)
class LogMel:
    """Samples [N] at `rate` Hz -> frames [T, bands], T = 1 + (N - W) // S whole windows of W samples, S apart.

    window and shift are in seconds.

    Raises:
        SpecError: a value out of bounds, or more bands than the window tells apart.
    """

    rate: Annotated[int, Between(SLOWEST, FASTEST)]
    bands: Annotated[int, Between(3, 256)] = 40
    window: Annotated[float, Between(0.002, 1.0)] = 0.025
    shift: Annotated[float, Between(0.001, 1.0)] = 0.010

    def __post_init__(self) -> None:
        spec.check(self)

    def __call__(self, samples: Samples) -> Frames:
        """All frames [T, bands] of samples [N]; none where they are shorter than a window."""
        stream = self.stream()
        return np.concatenate([stream.accept(samples), stream.finish()])

    def stream(self, rate: int | None = None) -> LogMelStream:
        """One recording as it comes, at `rate` Hz (None = this rate)."""
        return LogMelStream(self, self.rate if rate is None else rate)

    def to_dict(self) -> dict[str, Any]:
        """What a model file stores."""
        return spec.to_dict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> LogMel:
        """The features that `to_dict` described."""
        return spec.from_dict(cls, stored)


class LogMelStream:
    """Frames of one recording, each as soon as its last sample is there; all of them are what `LogMel` gives at once.

    Raises:
        SpecError: more bands than the window tells apart.
        MissingExtra: kaldi-native-fbank is not installed, or soxr, where the rates differ.
    """

    def __init__(self, features: LogMel, rate: int) -> None:
        self._features = features
        self._resampler = Resampler(rate, features.rate)
        self._bank = _bank(features)
        self._told = 0  # frames

    def accept(self, samples: Samples) -> Frames:
        """The frames [n, bands] that samples [N] complete, often none."""
        if samples.ndim != 1:
            raise ShapeError(f"samples must be [N], got {list(samples.shape)}; pass the mean of the channels")
        return self._frames(self._resampler.accept(samples.astype(np.float32, copy=False)))

    def finish(self) -> Frames:
        """The frames that only the end completes; nothing may come after it."""
        return self._frames(self._resampler.finish())

    def _frames(self, samples: Samples) -> Frames:
        self._bank.accept_waveform(self._features.rate, samples)
        ready = self._bank.num_frames_ready
        frames = np.empty((ready - self._told, self._features.bands), np.float32)
        for place in range(len(frames)):
            frames[place] = self._bank.get_frame(self._told + place)
        self._bank.pop(len(frames))
        self._told = ready
        return frames


def _bank(features: LogMel) -> Any:
    try:
        import kaldi_native_fbank
    except ImportError as error:
        raise MissingExtra("features of sound need kaldi-native-fbank; pip install 'unspool[sound]'") from error
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = features.rate
    options.frame_opts.frame_length_ms = features.window * 1000
    options.frame_opts.frame_shift_ms = features.shift * 1000
    options.frame_opts.dither = 0.0
    options.mel_opts.num_bins = features.bands
    try:
        return kaldi_native_fbank.OnlineFbank(options)
    except ValueError as error:
        raise SpecError(
            f"a window must tell all bands apart, but {features.bands} are too many for {features.window} s at "
            f"{features.rate} Hz; take fewer bands, or a longer window"
        ) from error
