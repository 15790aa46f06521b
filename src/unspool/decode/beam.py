"""Beam search: the likeliest sequences, not likely ones drawn by chance."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from unspool.cells import state as trees
from unspool.decode.filters import keep
from unspool.decode.history import History
from unspool.decode.loop import Mask
from unspool.errors import DataError, ShapeError, SpecError
from unspool.sampling import Sampling

State = TypeVar("State")


class Hypothesis(NamedTuple):
    """A sequence that was found."""

    ids: tuple[int, ...]
    log_probs: tuple[float, ...]  # nats, of each symbol under the model's own distribution
    log_prob: float  # their sum, float64
    score: float  # what it is ranked by: `log_prob / length_norm(len(ids), a)`


class SelectableMask(Mask, Protocol):
    """A mask that can follow beams."""

    def select(self, rows: list[int]) -> None:
        """Go on with copies of these rows."""


def length_norm(length: int, penalty: float) -> float:
    """Return what a log-probability is divided by: `((5 + length) / (5 + 1)) ** penalty`; 0 divides by 1.

    Source: Wu et al. 2016, Google's neural machine translation system, equation 14, without its coverage term.
    """
    return float(((5 + length) / 6) ** penalty)


def beam_search(
    step: Callable[[Tensor, State], tuple[Tensor, State]],
    state: State,
    first_scores: Tensor,
    *,
    width: int,
    length: int,
    ended: Callable[[tuple[int, ...]], bool] = lambda ids: False,
    length_penalty: float = 0.0,
    block_ngrams: int = 0,
    mask: SelectableMask | None = None,
) -> list[Hypothesis]:
    """Return at most `width` sequences, best score first; of equal ones the first that was found.

    At each step the `width` likeliest beginnings that have not ended go on; those that end on the way there are
    set aside. It stops when no beginning can become better than the worst of `width` that ended, or after `length`
    symbols. What a mask or blocked n-grams rule out has probability zero; the others keep theirs. Nothing is
    random; sums are float64.

    Shapes: `step(ids [N], state) -> (scores [N, V], state)` for any N; first_scores [1, V], what the network says of
    the first symbol, and the state before it, a tree of batch 1.

    Args:
        ended: whether a sequence of ids is at its end; asked each time it has grown by one symbol.

    Example:
        >>> def step(ids, state):
        ...     return torch.tensor([[0.5, 0.5], [0.1, 0.9]]).log()[ids], state
        >>> first = torch.tensor([[0.6, 0.4]]).log()
        >>> [found.ids for found in beam_search(step, (), first, width=2, length=2)]
        [(1, 1), (0, 0)]
    """
    if width < 1 or length < 0:
        raise SpecError(f"--beam must be at least 1 and --length at least 0, got {width} and {length}")
    if first_scores.dim() != 2 or len(first_scores) != 1:
        raise ShapeError(
            f"first_scores must be [1, V], got {list(first_scores.shape)}; search from one state at a time"
        )
    live, found, scores = [Hypothesis((), (), 0.0, 0.0)], list[Hypothesis](), first_scores
    history = History(1, Sampling(block_ngrams=block_ngrams))
    for number in range(length):
        logs = _log_probs(scores)  # [N, V]
        options = history.filter(logs if mask is None else keep(logs, torch.as_tensor(mask.allowed(length - number))))
        grown, rows, closed = _grow(live, logs, options, width, ended, length_penalty)
        live, found = grown, _best([*found, *closed], width)
        if not live or _settled(live[0], found, width, length_norm(length, length_penalty)):
            return found
        ids = torch.tensor([h.ids[-1] for h in live])  # [N]
        history.select(rows)
        history.push(ids)
        if mask is not None:
            mask.select(rows)
            mask.push(ids)
        if number + 1 < length:
            with torch.no_grad():
                parents = trees.select(state, torch.tensor(rows, device=scores.device))
                scores, state = step(ids.to(scores.device), parents)
    return _best([*found, *live], width)


def _grow(
    live: list[Hypothesis],
    logs: Tensor,
    options: Tensor,
    width: int,
    ended: Callable[[tuple[int, ...]], bool],
    penalty: float,
) -> tuple[list[Hypothesis], list[int], list[Hypothesis]]:
    """Return the likeliest beginnings one symbol longer, which row each came from, and those that ended on the way."""
    grown, rows, closed = list[Hypothesis](), list[int](), list[Hypothesis]()
    totals = torch.tensor([parent.log_prob for parent in live], dtype=torch.float64).unsqueeze(1) + options  # [N, V]
    for row, symbol in _falling(totals, 2 * width):
        parent, log_prob = live[row], float(logs[row, symbol])
        ids, total = (*parent.ids, symbol), parent.log_prob + log_prob
        longer = Hypothesis(ids, (*parent.log_probs, log_prob), total, total / length_norm(len(ids), penalty))
        if ended(ids):
            closed.append(longer)
            continue
        grown.append(longer)
        rows.append(row)
        if len(grown) == width:
            break
    return grown, rows, closed


def _settled(best: Hypothesis, found: list[Hypothesis], width: int, most: float) -> bool:
    """Whether no beginning can overtake what was found: log-probabilities only fall, and `most` divides best."""
    return len(found) == width and found[-1].score >= best.log_prob / most


def _best(found: list[Hypothesis], width: int) -> list[Hypothesis]:
    return sorted(found, key=lambda hypothesis: -hypothesis.score)[:width]


def _log_probs(scores: Tensor) -> Tensor:
    logs = scores.detach().to("cpu", torch.float64).log_softmax(-1)
    if bool(logs.isnan().any()):
        raise DataError(
            "scores must have a finite maximum in every row; a diverged network gives nan: use an earlier model"
        )
    return logs


def _falling(totals: Tensor, first: int) -> Iterator[tuple[int, int]]:
    """Yield (row, symbol) by falling total, of equals the first, without those of probability zero."""
    flat = totals.flatten()
    level = flat.topk(min(first, len(flat))).values[-1]  # a few are all that is read, as a rule
    for chosen in (flat >= level, flat < level):
        places = chosen.nonzero()[:, 0]
        values, order = flat[places].sort(descending=True, stable=True)
        for value, place in zip(values.tolist(), places[order].tolist(), strict=True):
            if value == -math.inf:
                return
            yield divmod(place, totals.shape[1])
