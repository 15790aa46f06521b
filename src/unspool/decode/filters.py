"""Filters: pure functions on scores.

Letters: N samples side by side, V vocabulary. A filter takes scores (unnormalised log-probabilities) [N, V],
returns scores [N, V] in which minus infinity marks what is ruled out, and leaves its argument alone.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from unspool.errors import DataError, ShapeError, SpecError
from unspool.sampling import MIN_P, PENALTY, TEMPERATURE, TOP_K, TOP_P, Filters, Sampling
from unspool.spec import Between


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
    return keep(scores, above | (level & (level.cumsum(-1) <= places)))


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
    return keep(scores, torch.zeros_like(stays).scatter(-1, order, stays))


def min_p(scores: Tensor, p: float) -> Tensor:
    """Keep the symbols that are at least p times as likely as the likeliest; p = 0 keeps all.

    Equation: `q_v >= p * max q`, in log space `s_v >= max s + log p`.

    Source: Nguyen et al. 2024, Turning up the heat: min-p sampling for creative and coherent LLM outputs.
    """
    _require("min-p", p, MIN_P)
    if p == 0:
        return scores
    return keep(scores, scores >= scores.amax(-1, keepdim=True) + math.log(p))


def repetition_penalty(scores: Tensor, written: Tensor, penalty: float) -> Tensor:
    """Make less likely (penalty > 1) what was written already: its positive scores are divided, the others multiplied.

    Equation: `s / penalty if s > 0 else s * penalty` where `written` [N, V] is true.

    Source: Keskar et al. 2019, CTRL, section 4.1. Differs: the paper divides negative scores as well, which would
    make those symbols more likely.

    Example:
        >>> repetition_penalty(torch.tensor([[2.0, -2.0, 2.0]]), torch.tensor([[True, True, False]]), 2.0)
        tensor([[ 1., -4.,  2.]])
    """
    _require("repetition-penalty", penalty, PENALTY)
    if penalty == 1:
        return scores
    return torch.where(written, torch.where(scores > 0, scores / penalty, scores * penalty), scores)


def without(scores: Tensor, blocked: Tensor) -> Tensor:
    """Rule out what is `blocked` [N, V]; a row in which nothing would be left stays as it is.

    Example:
        >>> without(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[True, False], [True, True]]))
        tensor([[-inf, 2.],
                [3., 4.]])
    """
    left = scores.masked_fill(blocked, -math.inf)
    return torch.where((left > -math.inf).any(-1, keepdim=True), left, scores)


def probabilities(scores: Tensor, sampling: Sampling | Filters) -> Tensor:
    """Return the distribution to pick from: temperature, then top-k, then top-p, then min-p, then softmax.

    Each filter sees what the one before it left: top-p measures probability among the k symbols kept. It is
    worked out in float64 on the CPU, so that every device picks alike. A temperature that changes is taken at its
    start.

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
    filters = sampling.at(0.0) if isinstance(sampling, Sampling) else sampling
    scores = temperature(scores, 0.0 if filters.greedy else filters.temperature)
    scores = top_k(scores, filters.top_k)
    scores = top_p(scores, filters.top_p)
    scores = min_p(scores, filters.min_p)
    return scores.softmax(-1)


def keep(scores: Tensor, kept: Tensor) -> Tensor:
    """Rule out all but what is `kept` [N, V]."""
    return scores.masked_fill(~kept, -math.inf)


def _require(name: str, value: float, bound: Between) -> None:
    if not (math.isfinite(value) and bound.admits(value)):
        raise SpecError(f"--{name} must be finite and {bound}, got {value!r}")
