"""How the next symbol is chosen from scores. Free of torch: the command line reads its flags from here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from unspool.errors import SpecError
from unspool.spec import Between, check

TEMPERATURE = Between(0)
TOP_K = Between(0)
TOP_P = Between(0, 1, open_low=True)
MIN_P = Between(0, 1)
PENALTY = Between(0, open_low=True)


class Filters(NamedTuple):
    """The filters of one step, in the order in which they are applied."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    greedy: bool


@dataclass(frozen=True)
class Sampling:
    """Options of sampling, applied in this order: repetition, temperature, top-k, top-p, min-p.

    Each sees what the one before it left. The defaults sample from the model's own distribution.

    Example:
        >>> Sampling(temperature=0.8, top_k=40).at(0.0)
        Filters(temperature=0.8, top_k=40, top_p=1.0, min_p=0.0, greedy=False)
        >>> Sampling(temperature="1:0.5").at(0.5).temperature
        0.75
    """

    temperature: float | str = 1.0
    """Divides the scores: below 1 safer, above 1 wilder, 0 the likeliest; A:B goes from A to B over the length."""
    top_k: Annotated[int, TOP_K] = 0
    """Keep the K likeliest symbols; 0 keeps all."""
    top_p: Annotated[float, TOP_P] = 1.0
    """Keep the fewest symbols that together have at least this probability."""
    min_p: Annotated[float, MIN_P] = 0.0
    """Keep the symbols with at least this fraction of the likeliest symbol's probability."""
    greedy: bool = False
    """Always take the likeliest symbol, of equals the first; the same as temperature 0."""
    repetition_penalty: Annotated[float, PENALTY] = 1.0
    """Above 1, symbols that were written already become less likely; 1 does nothing."""
    penalty_window: Annotated[int, Between(0)] = 0
    """The repetition penalty looks back so many symbols; 0 looks back to the beginning of the sample."""
    block_ngrams: Annotated[int, Between(0)] = 0
    """Never write the same N symbols in a row twice; 0 allows it."""

    def __post_init__(self) -> None:
        self._ends()
        check(self)

    @property
    def scheduled(self) -> bool:
        """Whether the temperature changes on the way."""
        first, last = self._ends()
        return first != last and not self.greedy

    @property
    def looks_back(self) -> bool:
        """Whether a choice depends on which symbols were written before."""
        return self.repetition_penalty != 1 or self.block_ngrams > 0

    def at(self, progress: float) -> Filters:
        """Return the filters where `progress` of the way is gone, 0 at the first symbol and 1 at the last.

        Equation: `temperature = A + (B - A) * progress`.
        """
        first, last = self._ends()
        now = first if first == last else first * (1 - progress) + last * progress
        return Filters(now, self.top_k, self.top_p, self.min_p, self.greedy)

    def _ends(self) -> tuple[float, float]:
        given = self.temperature
        parts = given.split(":") if isinstance(given, str) else [given]
        try:
            numbers = [float(part) for part in parts if not isinstance(part, bool)]
        except (TypeError, ValueError):
            numbers = []
        if len(numbers) not in (1, 2) or not all(math.isfinite(number) for number in numbers):
            raise SpecError(f"--temperature must be a finite number, or two as in 1.2:0.6, got {given!r}")
        for number in numbers:
            if not TEMPERATURE.admits(number):
                raise SpecError(f"--temperature must be {TEMPERATURE}, got {given!r}")
        return numbers[0], numbers[-1]
