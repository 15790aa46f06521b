"""What each sample wrote so far, for the rules that look back: repetition penalty and n-gram blocking."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from copy import deepcopy

import torch
from torch import Tensor

from unspool.decode.filters import repetition_penalty, without
from unspool.sampling import Sampling


class Ngrams:
    """The n-grams of one sequence.

    Source: Paulus, Xiong and Socher 2017, A deep reinforced model for abstractive summarization, section 2.5.

    Example:
        >>> seen = Ngrams(2)
        >>> for symbol in [1, 2, 1, 3, 1]:
        ...     seen.push(symbol)
        >>> sorted(seen.blocked())
        [2, 3]
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.followers: dict[tuple[int, ...], set[int]] = {}
        self.tail: tuple[int, ...] = ()  # the last n - 1 symbols

    def blocked(self) -> set[int]:
        """The symbols that would complete an n-gram which stands there already."""
        return self.followers.get(self.tail, set())

    def push(self, symbol: int) -> None:
        """Take the next symbol."""
        if len(self.tail) == self.n - 1:
            self.followers.setdefault(self.tail, set()).add(symbol)
        self.tail = (*self.tail, symbol)[-(self.n - 1) :] if self.n > 1 else ()


class Window:
    """Which symbols stand among the last `size` of one sequence; 0 keeps all."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.counts: Counter[int] = Counter()
        self.recent: deque[int] = deque()

    def push(self, symbol: int) -> None:
        """Take the next symbol."""
        if not self.size:
            self.counts[symbol] = 1
            return
        self.counts[symbol] += 1
        self.recent.append(symbol)
        if len(self.recent) > self.size:
            oldest = self.recent.popleft()
            self.counts[oldest] -= 1
            if not self.counts[oldest]:
                del self.counts[oldest]


class History:
    """The rules of `Sampling` that look back, for N sequences side by side."""

    def __init__(self, rows: int, sampling: Sampling) -> None:
        self.penalty = sampling.repetition_penalty
        self.windows = [Window(sampling.penalty_window) for _ in range(rows)] if self.penalty != 1 else []
        self.ngrams = [Ngrams(sampling.block_ngrams) for _ in range(rows)] if sampling.block_ngrams else []

    def filter(self, scores: Tensor) -> Tensor:
        """Return scores [N, V] after the repetition penalty and without the n-grams that stand there already.

        Where blocking would leave nothing to a row, nothing is blocked in it.
        """
        if self.windows:
            written = _marked(scores, (window.counts for window in self.windows))
            scores = repetition_penalty(scores, written, self.penalty)
        if self.ngrams:
            scores = without(scores, _marked(scores, (ngrams.blocked() for ngrams in self.ngrams)))
        return scores

    def push(self, ids: Tensor) -> None:
        """Take note of the symbols chosen [N]."""
        symbols = ids.tolist()
        for window, symbol in zip(self.windows, symbols if self.windows else [], strict=True):
            window.push(symbol)
        for ngrams, symbol in zip(self.ngrams, symbols if self.ngrams else [], strict=True):
            ngrams.push(symbol)

    def select(self, rows: list[int]) -> None:
        """Go on with copies of these rows."""
        self.windows = [deepcopy(self.windows[row]) for row in rows] if self.windows else []
        self.ngrams = [deepcopy(self.ngrams[row]) for row in rows] if self.ngrams else []


def _marked(scores: Tensor, symbols: Iterable[Iterable[int]]) -> Tensor:
    marked = torch.zeros_like(scores, dtype=torch.bool)  # [N, V]
    for row, chosen in enumerate(symbols):
        marked[row, list(chosen)] = True
    return marked
