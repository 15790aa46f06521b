"""From a network's scores to texts: the best path, or a beam of prefixes with a language model beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.errors import SpecError
from unspool.heads.ctc import CTC, Alignment
from unspool.nets.transcribing import TranscribingNet
from unspool.tasks.batches import by_length
from unspool.tasks.transcribing.samples import Batch, Samples
from unspool.tasks.transcribing.targets import Targets

if TYPE_CHECKING:
    from unspool.decode.prefix import LanguageModel

READ, READ_STEPS = 128, 1 << 16  # samples and steps that are read at once, of one sample at least
BEAM = 16  # where a language model is given and no width
WIDEST = 1024  # beyond it a search takes minutes, and finds nothing more
WEIGHT, BONUS = 0.5, 1.0  # of the language model's nats; nats for each symbol


@dataclass(frozen=True)
class Search:
    """How a text is found: `beam` prefixes wide (None: 1, with a language model 16), and the language model, its weight
    and the bonus. One prefix without a language model is the best path.

    A prefix counts log p(text | x) + weight * log p_language(text) + bonus * symbols (Hannun et al. 2014, equation 2).
    """

    beam: int | None = None
    language: LanguageModel | None = None
    weight: float = WEIGHT
    bonus: float = BONUS

    def __post_init__(self) -> None:
        if not 1 <= self.width <= WIDEST:
            raise SpecError(f"--beam must be from 1 to {WIDEST}, got {self.beam}; 1 reads the best path, 16 is usual")

    @property
    def width(self) -> int:
        """How many prefixes are followed."""
        return self.beam if self.beam is not None else 1 if self.language is None else BEAM


class Part(NamedTuple):
    """The places of samples that were read together, their batch, and log-probabilities [F, V + 1] of each."""

    places: NDArray[np.int64]
    batch: Batch
    raw: Tensor  # [F, B, V + 1]
    frames: Tensor  # [B]

    def log_probs(self, row: int) -> Tensor:
        """[F, V + 1] of one sample, in float64."""
        return self.raw[: int(self.frames[row]), row].double().log_softmax(-1).cpu()


class Transcript(NamedTuple):
    """What a recording was read as."""

    text: str
    ids: tuple[int, ...]
    confidence: float  # p(text | x), all its paths together
    alignment: Alignment  # in frames


def read_samples(
    model: TranscribingNet, samples: Samples, gather: Callable[[Samples, NDArray[np.int64]], Batch]
) -> Iterator[Part]:
    """Read whole samples without gradients, those of like length together."""
    model.eval()
    with torch.no_grad():
        for places in by_length(samples.lengths, READ, READ_STEPS):
            batch = gather(samples, places)
            raw, frames = model(batch.values, batch.lengths)
            yield Part(places, batch, raw, frames)


def found_ids(head: CTC, part: Part, search: Search) -> list[tuple[int, ...]]:
    """Return the ids of the text of each sample of a part."""
    if search.width == 1 and search.language is None:
        return [reading.ids for reading in head.greedy(part.raw, part.frames)]
    from unspool.decode.prefix import prefix_beam_search

    language, weight = search.language, search.weight
    bonus = search.bonus if language else 0.0
    found = (
        prefix_beam_search(part.log_probs(row), search.width, language=language, weight=weight, bonus=bonus)
        for row in range(len(part.places))
    )
    return [best.ids for best, *_ in found]


def transcripts(parts: Iterable[Part], head: CTC, targets: Targets, search: Search) -> list[Transcript]:
    """Return what each sample was read as, in the order of the samples."""
    found: dict[int, Transcript] = {}
    for part in parts:
        for row, ids in enumerate(found_ids(head, part, search)):
            log_probs = part.log_probs(row)
            target = torch.tensor([ids], dtype=torch.int64).reshape(1, -1)
            confidence = float(head.log_prob(log_probs.unsqueeze(1), target).exp())
            alignment = head.align(log_probs, ids)
            found[int(part.places[row])] = Transcript(targets.decode(ids), ids, min(confidence, 1.0), alignment)
    return [found[place] for place in sorted(found)]
