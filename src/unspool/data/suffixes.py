"""Substrings that two sequences share: an automaton of the short one, through which the long one streams."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

LANES: Final = 4096
SET_UP: Final = 700  # what a step costs before its first symbol, in symbols
BLOCK: Final = 1 << 24  # symbols that are read at once


class Shared(NamedTuple):
    """What a query shares with a corpus."""

    length: int  # of the longest substring of the query that stands in the corpus; 0: no symbol is shared
    start: int  # where it begins in the query
    place: int  # where it begins in the corpus, the first such place that was met
    matched: NDArray[np.int64]  # [m], the length of the longest one that ends at each symbol, 0 where below `least`


class SuffixAutomaton:
    """The smallest automaton that accepts the substrings of a sequence; at most 2 m states for m symbols.

    Feeding it a text keeps the longest end of that text which is a substring: from state v, on symbol c, follow
    suffix links to the first state u that has c, and go on from there with at most `longest[u]` symbols. Both are
    written down for each pair (v, c), `goto` and `keeps` [states * columns], so that a step is two look-ups and many
    places of a text can be read side by side.

    Source: Blumer et al. 1985, The smallest automaton recognizing the subwords of a text.
    """

    def __init__(self, query: NDArray[np.integer[Any]]) -> None:
        self.symbols, columns = np.unique(query, return_inverse=True)  # column of each symbol; the last: all others
        self.width = len(self.symbols) + 1
        self._edges: list[dict[int, int]] = [{}]
        self._link, self._longest, self._end = [-1], [0], [-1]
        last = 0
        self.prefixes = []  # state of each beginning of the query
        for place, symbol in enumerate(columns.tolist()):
            last = self._extend(last, symbol, place)
            self.prefixes.append(last)
        self.longest = np.array(self._longest)
        self.link = np.array(self._link)
        self.end = np.array(self._end)  # the place in the query at which the strings of a state end first
        self.goto, self.keeps = self._tables()

    def _extend(self, last: int, symbol: int, place: int) -> int:
        state = self._new({}, self._longest[last] + 1, place)
        at = last
        while at >= 0 and symbol not in self._edges[at]:
            self._edges[at][symbol] = state
            at = self._link[at]
        if at < 0:
            self._link[state] = 0
            return state
        target = self._edges[at][symbol]
        if self._longest[target] != self._longest[at] + 1:
            copy = self._new(dict(self._edges[target]), self._longest[at] + 1, self._end[target])
            self._link[copy], self._link[target] = self._link[target], copy
            while at >= 0 and self._edges[at].get(symbol) == target:
                self._edges[at][symbol] = copy
                at = self._link[at]
            target = copy
        self._link[state] = target
        return state

    def _new(self, edges: dict[int, int], longest: int, end: int) -> int:
        self._edges.append(edges)
        self._longest.append(longest)
        self._link.append(0)
        self._end.append(end)
        return len(self._edges) - 1

    def _tables(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        goto = np.zeros((len(self._edges), self.width), dtype=np.int32)
        keeps = np.full_like(goto, -1)  # at the root, a symbol that is not there leaves nothing: -1 + 1
        for state in np.argsort(self.longest, kind="stable").tolist():  # a link leads to a shorter one
            if state:
                goto[state], keeps[state] = goto[self._link[state]], keeps[self._link[state]]
            for symbol, target in self._edges[state].items():
                goto[state, symbol], keeps[state, symbol] = target, self._longest[state]
        return goto.ravel() * self.width, keeps.ravel()


def shared(query: NDArray[np.integer[Any]], corpus: NDArray[np.integer[Any]], least: int = 1) -> Shared:
    """Return the longest substring of a query [m] that stands in a corpus [n], and which of its symbols do.

    Time O(n), memory O(m * different symbols of the query): the corpus is read in blocks and may be mapped from a
    file. Many stretches are read side by side, each m symbols into the next, since no match is longer.

    Args:
        least: shorter substrings count for `length` only.
    """
    matched = np.zeros(len(query), dtype=np.int64)
    if not len(query) or not len(corpus):
        return Shared(0, 0, 0, matched)
    automaton = SuffixAutomaton(query)
    most = np.zeros(len(automaton.longest), dtype=np.int64)  # [states], the longest match that ended in each
    best = (0, 0, 0)
    for begin in range(0, len(corpus), BLOCK):
        early = max(begin - len(query), 0)
        block = _columns(automaton, np.asarray(corpus[early : begin + BLOCK]))
        length, end, state = _stream(automaton, block, len(query), least, most)
        if length > best[0]:
            best = (length, early + end - length + 1, int(automaton.end[state]) - length + 1)
    for state in np.argsort(-automaton.longest, kind="stable").tolist():  # what stands there, stands there shortened
        link = int(automaton.link[state])
        if link > 0 and most[state]:
            most[link] = automaton.longest[link]
    for place, prefix in enumerate(automaton.prefixes):
        state = prefix
        while state > 0 and not most[state]:
            state = int(automaton.link[state])
        matched[place] = most[state] if state > 0 else 0
    matched[matched < least] = 0
    return Shared(best[0], best[2], best[1], matched)


def _columns(automaton: SuffixAutomaton, block: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """The column of each symbol; the last one for those that the query does not have."""
    found = np.searchsorted(automaton.symbols, block)
    found[found == len(automaton.symbols)] = 0
    return np.where(automaton.symbols[found] == block, found, len(automaton.symbols))


def _stream(
    automaton: SuffixAutomaton, block: NDArray[np.int64], overlap: int, least: int, most: NDArray[np.int64]
) -> tuple[int, int, int]:
    """Read a block in lanes, note in `most` what matched; the longest match: its length, its last place, its state."""
    # (n / lanes + m) steps that cost SET_UP + lanes each are fewest here
    lanes = max(1, min(LANES, len(block), int((SET_UP * len(block) / overlap) ** 0.5)))
    stride = -(-len(block) // lanes)
    starts = np.arange(lanes) * stride  # [lanes], each lane reads on into the next for what began in it
    state = np.zeros(lanes, dtype=np.int32)  # times width
    length = np.zeros(lanes, dtype=np.int32)
    best = (0, 0, 0)
    last = len(block) - 1
    for step in range(stride + overlap):
        places = starts + step
        column = np.where(places <= last, block[np.minimum(places, last)], automaton.width - 1)
        at = state + column
        length = np.minimum(length, automaton.keeps[at]) + 1
        state = automaton.goto[at]
        longest = int(length.max())
        if longest > best[0]:
            lane = int(length.argmax())
            best = (longest, int(places[lane]), int(state[lane]) // automaton.width)
        if longest >= least:
            hit = length >= least
            np.maximum.at(most, state[hit] // automaton.width, length[hit])
    return best
