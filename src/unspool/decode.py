"""From scores to symbols: filters, and the loop that feeds each symbol back. It knows no model.

Letters: N samples side by side, V vocabulary. A filter takes scores (unnormalised log-probabilities) [N, V],
returns scores [N, V] in which minus infinity marks what is ruled out, and leaves its argument alone.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.draws import Draws, pick
from unspool.errors import DataError, ShapeError, SpecError
from unspool.sampling import MIN_P, TEMPERATURE, TOP_K, TOP_P, Sampling
from unspool.spec import Between

__all__ = [
    "UNBOUNDED", "Draws", "Mask", "Sampling", "Step", "generate",
    "min_p", "pick", "probabilities", "temperature", "top_k", "top_p",
]  # fmt: skip

UNBOUNDED = sys.maxsize  # what a mask hears as the number of symbols to come where no length was given

State = TypeVar("State")


class Step(NamedTuple):
    """What one step of generation gave, on the CPU."""

    ids: Tensor  # int64 [N], the symbols chosen
    log_probs: Tensor  # float64 [N], nats; of the model's own distribution, before masks and filters


class Mask(Protocol):
    """Rules over whole sequences, such as valid UTF-8; it follows the symbols chosen so far."""

    def allowed(self, remaining: int) -> Tensor | NDArray[np.bool_]:
        """Return bool [N, V]: what may come next, with `remaining` symbols to come, this one included."""

    def push(self, ids: Tensor) -> None:
        """Take note of the symbols chosen, int64 [N]."""


def temperature(scores: Tensor, t: float) -> Tensor:
    """Sharpen (t < 1) or flatten (t > 1) the distribution; t = 0 keeps the likeliest, of equals the first.

    Equation: `softmax(s / t)`. The greatest score is first moved to 0, which changes no probability and
    keeps a tiny t from overflowing.
    """
    _require("temperature", t, TEMPERATURE)
    if t == 0:
        return top_k(scores, 1)
    if t == 1:
        return scores
    return (scores - scores.amax(-1, keepdim=True)) / t


def top_k(scores: Tensor, k: int) -> Tensor:
    """Keep exactly the k likeliest symbols, of equals the first ones; k = 0 keeps all.

    Source: Fan, Lewis and Dauphin 2018, Hierarchical neural story generation, section 5.4. Differs from
    implementations that keep whatever ties with the k-th: there k = 1 is not always greedy.

    Example:
        >>> top_k(torch.tensor([[1.0, 3.0, 3.0, 3.0]]), 2)
        tensor([[-inf, 3., 3., -inf]])
    """
    _require("top-k", k, TOP_K)
    if k == 0 or k >= scores.shape[-1]:
        return scores
    kth = scores.topk(k, dim=-1).values[..., -1:]  # [N, 1]
    above, level = scores > kth, scores == kth  # [N, V]
    places = k - above.sum(-1, keepdim=True)  # [N, 1] left for the symbols that tie with the k-th
    return _keep(scores, above | (level & (level.cumsum(-1) <= places)))


def top_p(scores: Tensor, p: float) -> Tensor:
    """Keep the smallest set of symbols whose probability is at least p; of equals the first ones.

    Equation: with the symbols sorted by falling probability q, symbol j stays if `q_1 + ... + q_{j-1} < p`,
    summed in float64. The likeliest always stays.

    Source: Holtzman et al. 2020, The curious case of neural text degeneration, section 3.1.

    Example:
        >>> top_p(torch.tensor([[0.5, 0.25, 0.125, 0.125]]).log(), 0.6).exp()
        tensor([[0.5000, 0.2500, 0.0000, 0.0000]])
    """
    _require("top-p", p, TOP_P)
    if p == 1:
        return scores
    falling, order = scores.double().softmax(-1).sort(dim=-1, descending=True, stable=True)  # [N, V]
    mass = falling.cumsum(-1)
    stays = torch.ones_like(order, dtype=torch.bool)
    stays[..., 1:] = mass[..., :-1] < p
    return _keep(scores, torch.zeros_like(stays).scatter(-1, order, stays))


def min_p(scores: Tensor, p: float) -> Tensor:
    """Keep the symbols that are at least p times as likely as the likeliest; p = 0 keeps all.

    Equation: `q_v >= p * max q`, in log space `s_v >= max s + log p`.

    Source: Nguyen et al. 2024, Turning up the heat: min-p sampling for creative and coherent LLM outputs.
    """
    _require("min-p", p, MIN_P)
    if p == 0:
        return scores
    return _keep(scores, scores >= scores.amax(-1, keepdim=True) + math.log(p))


def probabilities(scores: Tensor, sampling: Sampling) -> Tensor:
    """Return the distribution to pick from: temperature, then top-k, then top-p, then min-p, then softmax.

    Each filter sees what the one before it left: top-p measures probability among the k symbols kept. It is
    worked out in float64 on the CPU, so that every device picks alike.

    Shapes: scores [N, V] -> float64 [N, V].

    Example:
        >>> probabilities(torch.tensor([[0.0, 1.0, 1.0]]), Sampling(greedy=True))
        tensor([[0., 1., 0.]], dtype=torch.float64)
    """
    if scores.dim() != 2:
        raise ShapeError(f"scores must be [N, V], one row a sample, got {list(scores.shape)}; add or fold axes")
    scores = scores.detach().to("cpu", torch.float64)
    for row, peak in enumerate(scores.amax(-1).tolist()):  # NaN anywhere in a row makes it NaN
        if not math.isfinite(peak):
            raise DataError(
                f"scores must have a finite maximum in every row, got {peak} in row {row}; "
                "a diverged network gives nan (use an earlier model), a mask that allows nothing gives -inf"
            )
    scores = temperature(scores, 0.0 if sampling.greedy else sampling.temperature)
    scores = top_k(scores, sampling.top_k)
    scores = top_p(scores, sampling.top_p)
    scores = min_p(scores, sampling.min_p)
    return scores.softmax(-1)


def generate(
    step: Callable[[Tensor, State], tuple[Tensor, State]],
    state: State,
    first_scores: Tensor,
    sampling: Sampling,
    draws: Draws,
    *,
    length: int | None = None,
    mask: Mask | None = None,
) -> Iterator[Step]:
    """Choose a symbol, hand it out, feed it back: ancestral sampling of N sequences side by side.

    Lazy: the network runs only when the next symbols are asked for, without gradients, and nothing of the
    past is kept but the state. With `length` None it never ends.

    Shapes: `step(ids [N], state) -> (scores [N, V], state)` with ids on the scores' device;
    first_scores [N, V], what the network says of the first symbol.

    Example:
        >>> def count_up(ids, state):
        ...     return torch.nn.functional.one_hot((ids + 1) % 4, 4).float(), state
        >>> first = torch.tensor([[0.0, 0.0, 1.0, 0.0]])
        >>> steps = generate(count_up, None, first, Sampling(greedy=True), Draws(0, [0]), length=5)
        >>> [int(step.ids) for step in steps]
        [2, 3, 0, 1, 2]
    """
    if length is not None and length < 0:
        raise SpecError(f"--length must be at least 0, got {length}")
    if first_scores.dim() != 2 or len(first_scores) != len(draws):
        raise ShapeError(
            f"first_scores must be [N, V] with N={len(draws)} as in draws, got {list(first_scores.shape)}; "
            "give draws one sample number for each sequence"
        )
    return _ancestral(step, state, first_scores, sampling, draws, length, mask)


def _ancestral(
    step: Callable[[Tensor, State], tuple[Tensor, State]],
    state: State,
    scores: Tensor,
    sampling: Sampling,
    draws: Draws,
    length: int | None,
    mask: Mask | None,
) -> Iterator[Step]:
    for number in itertools.count() if length is None else range(length):
        allowed = mask.allowed(UNBOUNDED if length is None else length - number) if mask is not None else None
        chosen = _choose(scores, sampling, draws.at(number), allowed)
        if mask is not None:
            mask.push(chosen.ids)
        yield chosen
        if number + 1 != length:
            # Not around the yield: the reader's own grad mode must not change between two symbols.
            with torch.no_grad():
                scores, state = step(chosen.ids.to(scores.device), state)


def _choose(scores: Tensor, sampling: Sampling, uniforms: Tensor, allowed: Tensor | NDArray[np.bool_] | None) -> Step:
    scores = scores.detach().to("cpu", torch.float64)  # [N, V]
    options = scores if allowed is None else _keep(scores, torch.as_tensor(allowed, device="cpu"))
    ids = pick(probabilities(options, sampling), uniforms)  # [N]
    return Step(ids, scores.log_softmax(-1).gather(-1, ids.unsqueeze(-1)).squeeze(-1))


def _keep(scores: Tensor, kept: Tensor) -> Tensor:
    return scores.masked_fill(~kept, -math.inf)


def _require(name: str, value: float, bound: Between) -> None:
    if not (math.isfinite(value) and bound.admits(value)):
        raise SpecError(f"--{name} must be finite and {bound}, got {value!r}")
