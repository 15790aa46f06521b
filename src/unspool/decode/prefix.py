"""Prefix beam search: the likeliest text of a sequence that was read by CTC, with or without a language model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.errors import DataError, ShapeError, SpecError

Floats = NDArray[np.float64]
LEAST = 1e-4  # of the probability of a symbol that a text is made longer by


class Hypothesis(NamedTuple):
    """A text that was found."""

    ids: tuple[int, ...]
    log_prob: float  # nats, of all its paths that were followed
    language: float  # nats, by the language model, with the end where it was asked for; 0 without one
    score: float  # what it is ranked by: `log_prob + weight * language + bonus * len(ids)`


class LanguageModel(Protocol):
    """What the search asks of a language model. A state stands for one text, and no call changes it."""

    def start(self) -> Any:
        """Return the state before the first symbol."""

    def extend(self, states: Sequence[Any], symbols: Sequence[int]) -> Sequence[Any]:
        """Return the states of N texts after one more symbol each."""

    def scores(self, states: Sequence[Any]) -> Floats:
        """Return the log-probabilities of the symbol that comes next in each of N texts, nats [N, V]."""

    def end(self, states: Sequence[Any]) -> Floats:
        """Return the log-probability that each of N texts is at its end, nats [N]."""


class _Prefix:
    """A beginning of texts, and a node of the tree of all that are followed: equal beginnings are one object."""

    __slots__ = ("children", "language", "length", "parent", "place", "scores", "state", "symbol")

    def __init__(self, parent: _Prefix | None, symbol: int) -> None:
        self.parent, self.symbol, self.children = parent, symbol, dict[int, _Prefix]()
        self.length: int = 0 if parent is None else parent.length + 1
        self.place = -1  # in the beam
        self.language = 0.0  # nats
        self.state: Any = None  # these two only while it is in the beam
        self.scores: Floats | None = None  # [V]

    def child(self, symbol: int) -> _Prefix:
        found = self.children.get(symbol)
        if found is None:
            found = self.children[symbol] = _Prefix(self, symbol)
        return found

    def leave(self) -> None:
        """It is no longer in the beam: forget it, and what led to nothing else."""
        self.state = self.scores = None
        node = self
        while node.parent is not None and node.place < 0 and not node.children:
            node.parent.children.pop(node.symbol, None)
            node = node.parent

    def ids(self) -> tuple[int, ...]:
        found, node = [], self
        while node.parent is not None:
            found.append(node.symbol)
            node = node.parent
        return tuple(reversed(found))


class PrefixBeam:
    r"""The `width` best beginnings of a text after the steps so far, which may come in pieces.

    Of each beginning l two sums over paths are kept: those that end with the blank, and those that end with its last
    symbol.

    .. math:: b_t(l) = y^t_{blank} (b_{t-1}(l) + n_{t-1}(l)), \quad
        n_t(l + k) = y^t_k (n_{t-1}(l + k) + b_{t-1}(l) + [k \ne l_{-1}]\, n_{t-1}(l))

    They are ranked by :math:`\log (b + n) + weight \cdot \log p_{language}(l) + bonus \cdot |l|`. A width that keeps
    every beginning, and least = 0, give the exact sum over all paths.

    Args:
        width: how many beginnings are followed.
        language: what makes texts likely apart from the input; its weight, and what each symbol is given in return
            (a language model finds long texts less likely).
        least: a symbol less probable than this makes no beginning longer at that step.

    Source: Hannun, Maas, Jurafsky and Ng 2014, First-pass large vocabulary continuous speech recognition using
    bi-directional recurrent DNNs, algorithm 1; Graves and Jaitly 2014, Towards end-to-end speech recognition with
    recurrent neural networks, algorithm 1. Differs: sums of logarithms; the language model knows symbols, not words.

    Example:
        >>> beam = PrefixBeam(4)
        >>> beam.extend(torch.tensor([[0.4, 0.6]]).log())  # one symbol and the blank
        >>> beam.extend(torch.tensor([[0.4, 0.6]]).log())
        >>> best = beam.best()[0]  # the likeliest path, 0.36, says nothing; three others say the symbol
        >>> best.ids, round(math.exp(best.log_prob), 2)
        ((0,), 0.64)
    """

    def __init__(
        self,
        width: int,
        *,
        language: LanguageModel | None = None,
        weight: float = 0.5,
        bonus: float = 0.0,
        least: float = LEAST,
    ) -> None:
        if width < 1 or not 0 <= least < 1:
            raise SpecError(f"--beam must be at least 1 and least in [0, 1), got {width} and {least}; 16 is usual")
        if not (math.isfinite(weight) and math.isfinite(bonus)):
            raise SpecError(f"weight and bonus must be finite, got {weight} and {bonus}; 0 turns them off")
        self.width, self.weight, self.bonus = width, weight, bonus
        self.language = language if weight else None
        self.least = math.log(least) if least else -math.inf
        root = _Prefix(None, -1)  # where a symbol's place in a row is asked for, -1 is the blank's
        if self.language is not None:
            root.state = self.language.start()
            root.scores = self.language.scores([root.state])[0]
        self._beam = [root]
        self._silent, self._said = np.zeros(1), np.full(1, -np.inf)  # b and n, nats [N]
        self._keep([root])

    def extend(self, log_probs: Tensor) -> None:
        """Go on by n steps: the log-probabilities of symbols and blank, [n, V + 1], the blank last."""
        if log_probs.dim() != 2 or log_probs.shape[1] < 2:
            raise ShapeError(
                f"log_probs must be [T, V + 1], symbols and the blank, got {list(log_probs.shape)}; "
                "search one sequence at a time"
            )
        rows = log_probs.detach().to("cpu", torch.float64).numpy()
        peaks = rows.max(1)
        if not np.isfinite(peaks).all():
            raise DataError(
                f"log_probs must have a finite maximum at every step, got {peaks[~np.isfinite(peaks)][0]}; "
                "a diverged network gives nan: use an earlier model"
            )
        for row in rows:
            self._step(row)

    def best(self, most: int = 1, *, ended: bool = True) -> list[Hypothesis]:
        """Return the best `most` texts, best first; `ended` asks the language model whether each is at its end."""
        language = np.array([prefix.language for prefix in self._beam])
        if self.language is not None and ended:
            language = language + self.language.end([prefix.state for prefix in self._beam])
        log_probs = np.logaddexp(self._silent, self._said)
        lengths = np.array([prefix.length for prefix in self._beam])
        scores = log_probs + self.bonus * lengths + (self.weight * language if self.language is not None else 0.0)
        order = np.argsort(-scores, kind="stable")[:most]
        return [
            Hypothesis(self._beam[n].ids(), float(log_probs[n]), float(language[n]), float(scores[n])) for n in order
        ]

    def _step(self, row: Floats) -> None:
        total = np.logaddexp(self._silent, self._said)
        silent, said = total + row[-1], self._said + row[self._last]
        # What a shorter beginning of the beam adds to a longer one that is in the beam too.
        into = np.flatnonzero(self._parents >= 0)
        source, symbol = self._parents[into], self._last[into]
        came = np.where(symbol == self._last[source], self._silent[source], total[source])
        said[into] = np.logaddexp(said[into], came + row[symbol])
        options = np.flatnonzero(row[:-1] >= self.least)  # [C]
        if not len(options):
            self._silent, self._said = silent, said
            return
        repeated = self._last[:, None] == options  # [N, C]
        grown = np.where(repeated, self._silent[:, None], total[:, None]) + row[options]
        column = np.searchsorted(options, symbol)
        met = options[np.minimum(column, len(options) - 1)] == symbol
        grown[source[met], column[met]] = -np.inf  # added above
        ranks = grown + (self._rewards + self.bonus)[:, None]
        if self.language is not None:
            scores = np.stack([prefix.scores for prefix in self._beam if prefix.scores is not None])  # [N, V]
            ranks += self.weight * scores[:, options]
        every = np.concatenate([np.logaddexp(silent, said) + self._rewards, ranks.ravel()])  # [N + N C]
        chosen = np.argsort(-every, kind="stable")[: self.width]
        chosen = chosen[every[chosen] > -np.inf]
        if not len(chosen):
            raise DataError("a text must go on at each step, but its symbols have probability 0; give them more than 0")
        count = len(self._beam)
        longer = np.maximum(chosen - count, 0)
        stays = np.minimum(chosen, count - 1)
        self._silent = np.where(chosen < count, silent[stays], -np.inf)
        self._said = np.where(chosen < count, said[stays], grown.ravel()[longer])
        self._keep(
            [
                self._beam[n] if n < count else self._beam[(n - count) // len(options)].child(k)
                for n, k in zip(chosen.tolist(), options[longer % len(options)].tolist(), strict=True)
            ]
        )

    def _keep(self, beam: list[_Prefix]) -> None:
        """Go on with these beginnings: the ones before, or one symbol longer."""
        self._listen([prefix for prefix in beam if prefix.scores is None])
        for prefix in self._beam:
            prefix.place = -1
        for place, prefix in enumerate(beam):
            prefix.place = place
        for prefix in self._beam:
            if prefix.place < 0:
                prefix.leave()
        self._beam = beam
        self._last = np.array([prefix.symbol for prefix in beam])  # [N]
        self._parents = np.array([-1 if prefix.parent is None else prefix.parent.place for prefix in beam])  # [N]
        self._rewards = np.array([self.weight * prefix.language + self.bonus * prefix.length for prefix in beam])

    def _listen(self, new: list[_Prefix]) -> None:
        """Ask the language model about those that came into the beam, all at once."""
        if self.language is None or not new:
            return
        parents = [prefix.parent for prefix in new if prefix.parent is not None]
        states = self.language.extend([parent.state for parent in parents], [prefix.symbol for prefix in new])
        scores = self.language.scores(states)
        for prefix, parent, state, row in zip(new, parents, states, scores, strict=True):
            assert parent.scores is not None
            prefix.language = parent.language + float(parent.scores[prefix.symbol])
            prefix.state, prefix.scores = state, row


def prefix_beam_search(
    log_probs: Tensor,
    width: int,
    *,
    language: LanguageModel | None = None,
    weight: float = 0.5,
    bonus: float = 0.0,
    least: float = LEAST,
    most: int = 1,
) -> list[Hypothesis]:
    """Return the best `most` texts of one sequence [T, V + 1], best first; the options are those of `PrefixBeam`."""
    beam = PrefixBeam(width, language=language, weight=weight, bonus=bonus, least=least)
    beam.extend(log_probs)
    return beam.best(most)
