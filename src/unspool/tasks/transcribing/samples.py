"""Recordings as a transcriber's network reads them: features end to end, and the ids of what they say."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.data.pen.alphabet import written
from unspool.data.sequence import EndToEnd, Standardiser, pad, starts_of
from unspool.errors import DataError
from unspool.heads.ctc import steps_needed
from unspool.tasks.transcribing.inputs import Given, Input
from unspool.tasks.transcribing.targets import Targets


class Batch(NamedTuple):
    """Samples side by side: features [T, B, C], lengths [B]; ids [B, U] of their texts, zeros behind, widths [B]."""

    values: Tensor
    lengths: Tensor
    ids: Tensor
    widths: Tensor

    @property
    def size(self) -> int:
        """B."""
        return len(self.lengths)

    def rows(self, own: slice) -> Batch:
        """Some of the samples, padded as before."""
        return Batch(self.values[:, own].contiguous(), self.lengths[own], self.ids[own], self.widths[own])


@dataclass(frozen=True, eq=False)
class Samples(EndToEnd):
    """S samples, their rows scaled; what each says, its place in what was given, and how many rules left out."""

    texts: tuple[str | None, ...]
    places: NDArray[np.int64]
    dropped: Counter[str]

    def select(self, kept: NDArray[np.int64]) -> Samples:
        """Some of them, with the same rows."""
        parts = [self.sample(place) for place in kept.tolist()]
        texts = tuple(self.texts[place] for place in kept.tolist())
        return replace(self, rows=np.concatenate(parts), starts=starts_of(parts), texts=texts, places=self.places[kept])


class Encoded(NamedTuple):
    """Samples and the input with the scaling that they were read with."""

    samples: Samples
    source: Input


def sampled(given: Given, source: Input, *, texts: bool, fit: bool = False) -> Encoded:
    """Encode recordings; with `texts` those that say nothing are left out, with `fit` the scaling is found first.

    Raises:
        DataError: none is left, or one cannot be read.
    """
    said = tuple(None if text is None else written(text) for text in given.texts)
    kept = np.array([place for place, text in enumerate(said) if text or not texts], dtype=np.int64)
    dropped = Counter({"no text": len(said) - len(kept)} if len(kept) < len(said) else {})
    if not len(kept):
        raise DataError(f"at least one of the {len(said)} recordings must have a text, but none has; say what they say")
    parts = list(source.features(given.select(kept).items))
    if fit:
        source = replace(source, scaling=Standardiser.fit(parts))  # type: ignore[type-var]
    rows = np.concatenate([source.scaling.apply(part) for part in parts])
    samples = Samples(rows, starts_of(parts), tuple(said[place] for place in kept.tolist()), kept, dropped)
    return Encoded(samples, source)


def fitting(samples: Samples, targets: Targets, steps_per_frame: int) -> Samples:
    """Leave out samples with a symbol that is not known, and those with too few frames for their text.

    Raises:
        DataError: none is left.
    """
    dropped: Counter[str] = Counter()
    kept = []
    for place, (text, length) in enumerate(zip(samples.texts, samples.lengths.tolist(), strict=True)):
        ids = targets.encode(text or "")
        reason = ""
        if len(ids) < len(targets.parts(text or "")):
            reason = "rare symbol"
        elif -(-length // steps_per_frame) < steps_needed(ids.tolist()):
            reason = "too short for its text"
        dropped.update([reason] if reason else [])
        kept += [] if reason else [place]
    if not kept:
        told = ", ".join(f"{count} by {reason!r}" for reason, count in dropped.most_common())
        short, rare = "give longer recordings, or --encoder linear --frame 1", "lower --rarest, or give other texts"
        raise DataError(
            "at least one recording must have known symbols and be long enough for them, but all are left out "
            f"({told}); {short if dropped['too short for its text'] else rare}"
        )
    return replace(samples.select(np.array(kept)), dropped=samples.dropped + dropped)


class Vary(Protocol):
    """How a training sample is changed at a visit."""

    def __call__(self, features: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]: ...


def gathered(
    samples: Samples,
    targets: Targets,
    index: NDArray[np.int64],
    device: torch.device,
    vary: Vary | None = None,
    generator: np.random.Generator | None = None,
) -> Batch:
    """The named samples as one padded batch, varied where that is asked for."""
    parts = [samples.sample(int(place)) for place in index]
    if vary is not None and generator is not None:
        parts = [vary(part, generator) for part in parts]
    values, lengths = pad(parts)  # [B, T, C]
    ids, widths = pad([targets.encode(samples.texts[int(place)] or "") for place in index])
    return Batch(values.transpose(0, 1).contiguous().to(device), lengths.to(device), ids.to(device), widths.to(device))
