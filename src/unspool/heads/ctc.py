"""A text for a whole sequence, when nobody says which step speaks which symbol: CTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from unspool.errors import DataError, ShapeError, SpecError
from unspool.heads.categorical import Categorical


class Reading(NamedTuple):
    """What the likeliest path says."""

    ids: tuple[int, ...]  # [U]
    steps: tuple[int, ...]  # [U], where each was first said
    log_prob: float  # nats, of that path alone


class Alignment(NamedTuple):
    """Where a text's symbols are said on the likeliest path that says it."""

    first: tuple[int, ...]  # [U], steps
    last: tuple[int, ...]  # [U], steps; the symbol itself is the outcome from its first to its last
    probability: tuple[float, ...]  # [U], of the symbol, mean over its steps
    log_prob: float  # nats, of that path alone


@dataclass(frozen=True)
class CTC:
    r"""Connectionist temporal classification, a distribution over texts of V symbols.

    At each step one of them is said, or none, the blank. A path :math:`\pi` says one outcome a step.
    :math:`\mathcal{B}` makes a text of it: of neighbours that are alike one is kept, then the blanks are left out. A
    text is as likely as all its paths together:

    .. math:: p(l | x) = \sum_{\pi \in \mathcal{B}^{-1}(l)} \prod_t y^t_{\pi_t}, \quad
        y^t = \mathrm{softmax}(raw_t)

    The sum runs forward over :math:`l'`, the text with a blank before, between and behind its symbols:

    .. math:: \alpha_t(s) = y^t_{l'_s} (\alpha_{t-1}(s) + \alpha_{t-1}(s-1) +
        [l'_s \ne blank, l'_s \ne l'_{s-2}]\, \alpha_{t-1}(s-2)), \quad
        p(l | x) = \alpha_T(|l'|) + \alpha_T(|l'| - 1)

    The blank is the last outcome, so that the id of a symbol is its output.

    Shapes: raw [T, B, V + 1], target int64 [B, U] in [0, V), lengths and widths int64 [B].

    Source: Graves, Fernández, Gomez and Schmidhuber 2006, Connectionist temporal classification: labelling
    unsegmented sequence data with recurrent neural networks, equations 2, 3 and 5-8.

    Example:
        >>> head = CTC(2)
        >>> raw = torch.zeros(2, 1, 3)  # 9 paths, of which "aa", "a-" and "-a" say "a"
        >>> head.log_prob(raw, torch.tensor([[0]])).exp()
        tensor([0.3333])
    """

    symbols: int

    def __post_init__(self) -> None:
        if self.symbols < 1:
            raise SpecError(f"CTC must have at least 1 symbol besides the blank, got {self.symbols}; count the texts'")

    @property
    def size(self) -> int:
        """One number a symbol, one for the blank."""
        return self.symbols + 1

    @property
    def blank(self) -> int:
        """The outcome that says nothing: the last."""
        return self.symbols

    @staticmethod
    def fits(length: int, ids: Sequence[int]) -> bool:
        """Whether a path of so many steps can say the text: a step for each symbol, a blank between equal ones."""
        return length >= steps_needed(ids)

    def log_prob(
        self, raw: Tensor, target: Tensor, *, lengths: Tensor | None = None, widths: Tensor | None = None
    ) -> Tensor:
        r"""Return the log-probability of each text in nats, [B]; -inf, without gradient, where a text does not fit.

        Worked out in float64 for float64, else in float32. What lies beyond a length or a width reaches neither value
        nor gradient; without `lengths` and `widths`, all T steps and all U symbols count. The gradient is that of the
        paper: :math:`-\partial \log p / \partial raw^t_k = y^t_k - \frac{1}{p(l | x)\, y^t_k} \sum_{s: l'_s = k}
        \alpha_t(s) \beta_t(s)` (15, 16); there is no second one.

        Raises:
            ShapeError: shapes that do not belong together, lengths or widths out of range.
            DataError: an id that is no symbol.
        """
        lengths, widths = self._checked(raw, target, lengths, widths)
        if not raw.numel():  # torch refuses it
            return raw.new_zeros(raw.shape[1]).masked_fill(widths > 0, -torch.inf)
        steps = torch.arange(len(raw), device=raw.device).unsqueeze(1)  # [T, 1]
        columns = torch.arange(target.shape[1], device=raw.device)  # [U]
        # Before softmax, whose derivative would make NaN of what padding holds.
        inside = raw.masked_fill((steps >= lengths).unsqueeze(-1), 0.0)
        ids = target.to(raw.device).masked_fill(columns >= widths.unsqueeze(1), 0)
        alike = ((ids[:, 1:] == ids[:, :-1]) & (columns[1:] < widths.unsqueeze(1))).sum(1)
        fits = lengths >= widths + alike  # [B]
        loss = F.ctc_loss(
            (inside if raw.dtype == torch.float64 else inside.float()).log_softmax(-1),
            ids,
            lengths,
            widths * fits,  # the empty text in place of one that does not fit, whose gradient would be NaN
            blank=self.blank,
            reduction="none",
        )
        return torch.where(fits, -loss, -torch.inf)

    def greedy(self, raw: Tensor, lengths: Tensor | Sequence[int] | None = None) -> list[Reading]:
        """Return what the likeliest path of each sequence says, which is not always the likeliest text.

        Source: Graves et al. 2006, section 3.2, best path decoding.
        """
        self._check(raw)
        found, paths = raw.detach().log_softmax(-1).max(-1)  # [T, B]
        found, paths = found.double().cpu(), paths.cpu()
        ends = [len(raw)] * raw.shape[1] if lengths is None else [int(length) for length in lengths]
        readings = []
        for row, end in enumerate(ends):
            ids, steps = collapse(paths[:end, row], self.blank)
            readings.append(Reading(tuple(ids.tolist()), tuple(steps.tolist()), float(found[:end, row].sum())))
        return readings

    def align(self, log_probs: Tensor, ids: Sequence[int]) -> Alignment:
        """Return where the symbols of a text are said, by the likeliest of its paths (Viterbi).

        Of paths that are equally likely it is the one that goes on soonest. Shapes: log_probs [T, V + 1], ids [U].

        Raises:
            DataError: no path of T steps says the text, or none that is possible.
        """
        if log_probs.dim() != 2 or log_probs.shape[1] != self.size:
            raise ShapeError(
                f"log_probs must be [T, {self.size}], the steps of one sequence, got {list(log_probs.shape)}; "
                "align one sequence at a time"
            )
        self._check_ids(torch.tensor(ids, dtype=torch.int64))
        if not self.fits(len(log_probs), ids):
            raise DataError(
                f"a text can be aligned with as many steps as it needs, but {len(ids)} symbols need "
                f"{steps_needed(ids)} and {len(log_probs)} came; give a longer sequence or a shorter text"
            )
        labels = np.full(2 * len(ids) + 1, self.blank)  # l' [S]
        labels[1::2] = ids
        spoken = log_probs.detach().to("cpu", torch.float64).numpy()[:, labels]  # [T, S]
        path, log_prob = _viterbi(spoken, labels)
        if log_prob == -np.inf:
            raise DataError("a text can be aligned where its probability is above 0, but it is 0; give another text")
        spans = [np.flatnonzero(path == 2 * place + 1) for place in range(len(ids))]
        means = [float(np.exp(spoken[span, 2 * place + 1]).mean()) for place, span in enumerate(spans)]
        first, last = (tuple(int(span[end]) for span in spans) for end in (0, -1))
        return Alignment(first, last, tuple(means), log_prob)

    def sample(self, raw: Tensor, sharpness: float = 1.0, *, uniforms: Tensor) -> Tensor:
        """Return one path for each sequence, int64 [T, B]; `collapse` makes its text, a draw from `log_prob`'s.

        Shapes: uniforms [T, B] in [0, 1).
        """
        self._check(raw)
        return Categorical(self.size).sample(raw, sharpness, uniforms=uniforms)

    def mean(self, raw: Tensor) -> Tensor:
        """Return the probabilities of symbols and blank at each step, [T, B, V + 1]."""
        self._check(raw)
        return raw.softmax(-1)

    def _check(self, raw: Tensor) -> None:
        if raw.dim() != 3 or raw.shape[-1] != self.size:
            raise ShapeError(
                f"raw must be [T, B, {self.size}], one score a step for each symbol and the blank, "
                f"got {list(raw.shape)}; give the last layer {self.size} outputs"
            )

    def _check_ids(self, ids: Tensor) -> None:
        wrong = ids[(ids < 0) | (ids >= self.symbols)]
        if len(wrong):
            raise DataError(
                f"ids of a text must lie in 0..{self.symbols - 1}, but {int(wrong[0])} came; "
                f"{self.blank} is the blank, which no text holds"
            )

    def _checked(
        self, raw: Tensor, target: Tensor, lengths: Tensor | None, widths: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        self._check(raw)
        batch = raw.shape[1]
        if target.dim() != 2 or len(target) != batch:
            raise ShapeError(
                f"target must be [{batch}, U], a row of ids for each sequence of raw {list(raw.shape)}, "
                f"got {list(target.shape)}; pad texts to the longest"
            )
        found = []
        for name, counts, most in (("lengths", lengths, len(raw)), ("widths", widths, target.shape[1])):
            counts = torch.full((batch,), most) if counts is None else counts.to(torch.int64)
            if counts.shape != (batch,) or bool(((counts < 0) | (counts > most)).any()):
                raise ShapeError(
                    f"{name} must be [{batch}], each in 0..{most}, got {counts.tolist()}; count what is not padding"
                )
            found.append(counts.to(raw.device))
        within = torch.arange(target.shape[1], device=raw.device) < found[1].unsqueeze(1)
        self._check_ids(target.to(raw.device)[within])
        return found[0], found[1]


def steps_needed(ids: Sequence[int]) -> int:
    """Return how many steps a text needs at least: its symbols, and a blank between each two neighbours alike."""
    return len(ids) + sum(left == right for left, right in pairwise(ids))


def collapse(path: Tensor, blank: int) -> tuple[Tensor, Tensor]:
    """Return the text of a path [T], ids [U], and the steps [U] where each symbol is first said.

    Source: Graves et al. 2006, section 3.1, the map B.

    Example:
        >>> collapse(torch.tensor([2, 0, 0, 2, 0, 1]), blank=2)
        (tensor([0, 0, 1]), tensor([1, 4, 5]))
    """
    before = torch.cat([path.new_full((1,), blank), path[:-1]]) if len(path) else path
    steps = ((path != before) & (path != blank)).nonzero()[:, 0]
    return path[steps], steps


def _viterbi(
    spoken: np.ndarray[tuple[int, int], np.dtype[np.float64]], labels: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], float]:
    """The likeliest path through l', as places [T], and its log-probability: the forward sum with max in place of +."""
    steps, states = spoken.shape
    skips = np.zeros(states, dtype=bool)  # l'_s is a symbol, and another one than l'_{s-2}
    skips[3::2] = labels[3::2] != labels[1:-2:2]
    score = np.full(states, -np.inf)
    score[0] = 0.0  # before the first step; from here it may stay at the blank or go on to the first symbol
    back = np.zeros((steps, states), dtype=np.int64)
    for step in range(steps):
        came = np.full((3, states), -np.inf)  # from s, s - 1, s - 2
        came[0], came[1, 1:] = score, score[:-1]
        came[2, 2:] = np.where(skips[2:], score[:-2], -np.inf)
        back[step] = came.argmax(0)
        score = came.max(0) + spoken[step]
    place = states - 1 - int(states > 1 and score[-2] > score[-1])
    log_prob, path = float(score[place]), np.empty(steps, dtype=np.int64)
    for step in reversed(range(steps)):
        path[step] = place
        place -= back[step, place]
    return path, log_prob
