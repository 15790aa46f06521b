"""From scores to symbols: filters, the loop that feeds each symbol back, and beam searches. It knows no model."""

from __future__ import annotations

from unspool.decode.beam import Hypothesis, beam_search
from unspool.decode.filters import (
    min_p,
    probabilities,
    repetition_penalty,
    temperature,
    top_k,
    top_p,
)
from unspool.decode.loop import UNBOUNDED, Mask, Step, generate
from unspool.decode.prefix import LanguageModel, PrefixBeam, prefix_beam_search
from unspool.draws import Draws, pick
from unspool.sampling import Sampling

__all__ = [
    "UNBOUNDED", "Draws", "Hypothesis", "LanguageModel", "Mask", "PrefixBeam", "Sampling", "Step", "beam_search",
    "generate", "min_p", "pick", "prefix_beam_search", "probabilities", "repetition_penalty", "temperature", "top_k",
    "top_p",
]  # fmt: skip
