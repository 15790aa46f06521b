"""Pen samples of any source as a network reads them: offsets of one size and slant, and the ids of their texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unspool.data.owners import split_by_owner
from unspool.data.pen.alphabet import Alphabet
from unspool.data.pen.made import made_inks
from unspool.data.pen.normalise import Normaliser
from unspool.data.pen.read import read_inks
from unspool.data.pen.screen import Screen
from unspool.data.pen.strokes import Inks, Strokes
from unspool.data.sequence import EndToEnd, starts_of
from unspool.errors import DataError
from unspool.tasks.holdout import fraction_of, is_given

MEANING: Final = {  # of the rules by which samples are left out
    "no text": "nothing says what it is",
    "several lines": "it is as high as several lines, or the pen goes back to where a line begins",
    "lost lifts": "fewer strokes than words, so lines run through the gaps",
    "width": "too wide or too narrow for its text",
    "ink": "more or less ink than its text takes",
    "too long": "more points than are read at once",
    "rare character": "a character that is not in the alphabet",
    "no times": "--resample time needs the times of points",
}


def told(dropped: Counter[str]) -> str:
    """How many samples were left out by which rule, and what that rule is."""
    return ", ".join(f"{count} by {reason!r} ({MEANING[reason]})" for reason, count in dropped.most_common())


@dataclass(frozen=True, eq=False)
class PenData(EndToEnd):
    """S encoded samples, their rows as `Normaliser.encode` gives them, and their texts.

    ids: int32 [M]; the text of sample s is ids[text_starts[s]:text_starts[s + 1]], empty where the network reads none.
    dropped: how many samples were left out, by the rule that they break.
    """

    ids: NDArray[np.int32]
    text_starts: NDArray[np.int64]
    dropped: Counter[str]

    def text(self, place: int) -> NDArray[np.int32]:
        """Ids [U] of its text."""
        return self.ids[self.text_starts[place] : self.text_starts[place + 1]]


Arrangement: TypeAlias = Callable[[list[Strokes]], list[Strokes]]


class Reader(NamedTuple):
    """How samples are encoded; without an alphabet their texts are not, and whatever they say is taken."""

    normaliser: Normaliser
    alphabet: Alphabet | None
    screen: Screen = Screen()

    def encoded(self, inks: Sequence[Strokes], lines: Arrangement = list) -> PenData:
        """The samples that are one line of known characters, or what `lines` makes of those, normalised.

        Raises:
            DataError: none is.
        """
        kept: list[Strokes] = []
        dropped: Counter[str] = Counter()
        if self.normaliser.resample == "time" and (untimed := sum(sample.times is None for sample in inks)):
            dropped["no times"] = untimed
            inks = [sample for sample in inks if sample.times is not None]
        for sample, _ in self.normaliser.apply(inks):
            reason = self.verdict(sample)
            if reason is None:
                kept.append(sample)
            else:
                dropped[reason] += 1
        if not kept:
            raise DataError(
                "at least one sample must be a line of known characters, but all are left out: "
                f"{told(dropped) or 'none came'}; give lines with what they say"
            )
        kept = lines(kept)
        rows = [self.normaliser.encode(sample) for sample in kept]
        texts = [np.empty(0) if self.alphabet is None else self.alphabet.encode(str(one.text)) for one in kept]
        ids = np.concatenate(texts).astype(np.int32)
        return PenData(np.concatenate(rows), starts_of(rows), ids, starts_of(texts), dropped)

    def jittered(self, jitter: float) -> Reader:
        """The same reader, with points at distances that vary so much."""
        return self._replace(normaliser=replace(self.normaliser, jitter=jitter))

    def verdict(self, sample: Strokes) -> str | None:
        """The rule that a normalised sample breaks, None if it breaks none."""
        if self.alphabet is None:  # what is drawn need not be what its text says, such as the word of a drawing
            return None if len(sample) <= self.screen.longest else "too long"
        reason = self.screen.verdict(sample)
        return reason or ("rare character" if self.alphabet.unknown(str(sample.text)) else None)


class Division(NamedTuple):
    """What is trained on, what is held out, whose hands the latter are, and the fingerprint of all."""

    training: Inks
    held: Inks
    writers: tuple[str, ...]
    fingerprint: str


class Prepared(NamedTuple):
    """Encoded samples to train on and to validate on, and how they were encoded."""

    training: PenData
    held: PenData
    reader: Reader


def divided(data: Any, validation: str, seed: int) -> Division:
    """Samples of files, folders or objects, made ones where none are given, some writers of them held out."""
    inks = read_inks(data) if is_given(data) else made_inks()
    fraction = fraction_of(validation)
    if fraction is None:
        held = read_inks([validation])
        return Division(inks, held, (), inks.fingerprint() + held.fingerprint())
    split = split_by_owner([sample.writer for sample in inks], fraction, seed)
    return Division(inks.select(split.training), inks.select(split.validation), split.held_out, inks.fingerprint())


def fitted(
    training: Inks,
    points_per_letter: float,
    rarest: int,
    *,
    text: bool,
    normaliser: Normaliser | None = None,
    blank: bool = False,
) -> Reader:
    """The reader for training samples; its mean and deviation are 0 and 1 until `encoded_parts` finds them.

    With `blank` its alphabet has one, even if no text does.
    """
    return Reader(
        (normaliser or Normaliser()).paced(training, points_per_letter),
        _alphabet(training, rarest, blank) if text else None,
    )


def encoded_parts(division: Division, reader: Reader, *, standardise: bool, lines: Arrangement = list) -> Prepared:
    """Both parts encoded; (dx, dy) of the training points that are kept have mean 0 and deviation 1 if asked for.

    Only what is trained on goes through `lines`.
    """
    training, held = reader.encoded(division.training, lines), reader.encoded(division.held)
    if not standardise:
        return Prepared(training, held, reader)
    mean = training.rows[:, :2].mean(axis=0, dtype=np.float64)
    std = training.rows[:, :2].std(axis=0, dtype=np.float64)
    std[std == 0] = 1.0  # a coordinate that never changes keeps its scale
    for part in (training, held):
        part.rows[:, :2] = (part.rows[:, :2] - mean) / std
    (x, y), (dx, dy) = mean.tolist(), std.tolist()
    normaliser = replace(reader.normaliser, mean=(x, y), std=(dx, dy))
    return Prepared(training, held, reader._replace(normaliser=normaliser))


def _alphabet(inks: Inks, rarest: int, blank: bool) -> Alphabet:
    counts = Alphabet.of(sample.text for sample in inks).counts
    kept = {symbol: count for symbol, count in counts.items() if count >= rarest}
    if not kept:
        raise DataError(
            f"an alphabet needs a character that comes at least {rarest} times, but the commonest comes "
            f"{max(counts.values())} times; lower --rarest"
        )
    return Alphabet({" ": rarest, **kept} if blank else kept)
