"""How the next symbol is chosen from scores. Free of torch: the command line reads its flags from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from unspool.spec import Between, check

TEMPERATURE = Between(0)
TOP_K = Between(0)
TOP_P = Between(0, 1, open_low=True)
MIN_P = Between(0, 1)


@dataclass(frozen=True)
class Sampling:
    """Options of sampling, applied in this order: temperature, top-k, top-p, min-p.

    Each sees what the one before it left. The defaults sample from the model's own distribution.

    Example:
        >>> Sampling(temperature=0.8, top_k=40)
        Sampling(temperature=0.8, top_k=40, top_p=1.0, min_p=0.0, greedy=False)
    """

    temperature: Annotated[float, TEMPERATURE] = 1.0
    """Divides the scores: below 1 safer, above 1 wilder, 0 always the likeliest symbol."""
    top_k: Annotated[int, TOP_K] = 0
    """Keep the K likeliest symbols; 0 keeps all."""
    top_p: Annotated[float, TOP_P] = 1.0
    """Keep the fewest symbols that together have at least this probability."""
    min_p: Annotated[float, MIN_P] = 0.0
    """Keep the symbols with at least this fraction of the likeliest symbol's probability."""
    greedy: bool = False
    """Always take the likeliest symbol, of equals the first; the same as temperature 0."""

    def __post_init__(self) -> None:
        check(self)
