"""Sequences of unequal length: padding, masks, batches of similar length, scaling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from unspool.data.shuffle import permutation
from unspool.errors import DataError, ShapeError, SpecError

POOL: Final = 50
SIDES: Final = ("back", "front")
FARTHEST: Final = 1e18  # deviations from the mean: the squares of some hundred such numbers still add up in float32


def pad(sequences: Sequence[ArrayLike], side: str = "back") -> tuple[Tensor, Tensor]:
    """Lay sequences [T_i] or [T_i, C] side by side, zeros behind them or in front.

    Returns values [B, T, ...] (int64 for integers, float32 for anything else) and lengths [B], T the longest.
    """
    if side not in SIDES:
        raise SpecError(f"side must be one of {', '.join(SIDES)}, got {side!r}; choose one of them")
    arrays = [np.atleast_1d(sequence) for sequence in sequences]
    if not arrays:
        raise ShapeError("a batch must hold at least one sequence, got none; leave empty batches out")
    # an empty list becomes float64 [0] for want of content, so empty sequences follow the others
    filled = [array for array in arrays if len(array)] or arrays
    shape, integers = filled[0].shape[1:], all(np.issubdtype(array.dtype, np.integer) for array in filled)
    for array in filled:
        if array.shape[1:] != shape or array.ndim > 2:
            raise ShapeError(
                "sequences of a batch must all be [T] or all be [T, C] with one C, got "
                f"{list(filled[0].shape)} and {list(array.shape)}; make them alike"
            )
    lengths = [len(array) for array in arrays]
    longest = max(lengths)
    values = np.zeros((len(arrays), longest, *shape), dtype=np.int64 if integers else np.float32)
    for row, array in zip(values, arrays, strict=True):
        if len(array):
            start = longest - len(array) if side == "front" else 0
            row[start : start + len(array)] = array
    return torch.from_numpy(values), torch.tensor(lengths, dtype=torch.int64)


def mask(lengths: Tensor, steps: int) -> Tensor:
    """True at the steps that belong to a sequence: [B, T] from lengths [B], padding behind."""
    return torch.arange(steps, device=lengths.device) < lengths[:, None]


def front_to_back(values: Tensor, lengths: Tensor) -> Tensor:
    """Move padding from the front of values [B, T, ...] to the back; `back_to_front` undoes it."""
    return _roll(values, values.shape[1] - lengths)


def back_to_front(values: Tensor, lengths: Tensor) -> Tensor:
    """Move padding from the back of values [B, T, ...] to the front; `front_to_back` undoes it."""
    return _roll(values, lengths)


def _roll(values: Tensor, starts: Tensor) -> Tensor:
    """Each row read from its own start, round the end."""
    batch, steps = values.shape[:2]
    index = torch.arange(steps, device=values.device) + starts.to(values.device)[:, None]  # [B, T]
    return values[torch.arange(batch, device=values.device)[:, None], index % max(steps, 1)]


class Buckets:
    """Endless batches of indices into sequences of similar length; every epoch gives each index once.

    An epoch's order is drawn from (seed, epoch), cut into pools of 50 batches, and each pool is sorted by
    length and cut into batches, whose order is drawn again: little padding, yet other neighbours each time.
    `epoch` is the one that the next batch belongs to.
    """

    def __init__(self, lengths: ArrayLike, batch_size: int, seed: int = 0) -> None:
        self._lengths = np.asarray(lengths, dtype=np.int64).reshape(-1)
        if not len(self._lengths):
            raise DataError("batches need at least one sequence, got none; read data with examples in it")
        if batch_size < 1:
            raise SpecError(f"the batch size must be at least 1, got {batch_size}; choose a positive number")
        self._batch_size, self._seed = batch_size, seed
        self._enter(0, 0)

    @property
    def epoch(self) -> int:
        """The epoch of the next batch."""
        return self._epoch

    @property
    def steps_per_epoch(self) -> int:
        """Batches in every epoch; one of them may be smaller than the rest."""
        return -(-len(self._lengths) // self._batch_size)

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        return self

    def __next__(self) -> NDArray[np.int64]:
        batch: NDArray[np.int64] = self._batches[self._position]
        self._position += 1
        if self._position == len(self._batches):
            self._enter(self._epoch + 1, 0)
        return batch

    def state_dict(self) -> dict[str, int]:
        """The place of the next batch."""
        return {"epoch": self._epoch, "position": self._position, **self._shape()}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on exactly where `state_dict` was taken, over the same sequences."""
        for name, ours in self._shape().items():
            if state.get(name) != ours:
                raise DataError(
                    f"a place in the data holds only for the same data and batches, but {name} was "
                    f"{state.get(name)} and is {ours}; resume with the data and options of the run"
                )
        self._enter(state["epoch"], state["position"])

    def _shape(self) -> dict[str, int]:
        return {"sequences": len(self._lengths), "batch_size": self._batch_size, "seed": self._seed}

    def _enter(self, epoch: int, position: int) -> None:
        order = permutation(len(self._lengths), self._seed, 2 * epoch)
        size, pool = self._batch_size, self._batch_size * POOL
        batches = []
        for start in range(0, len(order), pool):
            part = order[start : start + pool]
            part = part[np.argsort(self._lengths[part], kind="stable")]
            batches += [part[first : first + size] for first in range(0, len(part), size)]
        turns = permutation(len(batches), self._seed, 2 * epoch + 1)
        self._epoch, self._position = epoch, position
        self._batches = [batches[turn] for turn in turns]


@dataclass(frozen=True, eq=False)
class EndToEnd:
    """S sequences of unequal length in one array, so that millions of steps are one piece of memory.

    rows: float32 [N, C]; sequence s is rows[starts[s]:starts[s + 1]], with starts [S + 1].
    """

    rows: NDArray[np.float32]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each sequence, [S]."""
        return np.diff(self.starts)

    def sample(self, place: int) -> NDArray[np.float32]:
        """One sequence [T, C]."""
        return self.rows[self.starts[place] : self.starts[place + 1]]


def starts_of(parts: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Where each of some sequences begins when they are laid end to end, and where the last ends, [S + 1]."""
    return np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Standardiser:
    """Scales each channel to mean 0 and standard deviation 1: z = (x - mean) / std, with mean and std [C].

    A channel that never changes keeps its scale (std = 1); a fitted scaling says in `constant` [C] which do.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    constant: NDArray[np.bool_] | None = None

    @classmethod
    def fit(cls, sequences: Sequence[NDArray[np.floating[Any]]]) -> Standardiser:
        """Mean and standard deviation over all steps of sequences [T_i, C], in float64 and two passes."""
        steps = sum(len(sequence) for sequence in sequences)
        if not steps:
            raise DataError("scaling needs at least one step of data, got none; read sequences that are not empty")
        mean = _total(sequence for sequence in sequences) / steps
        variance = _total((sequence - mean) ** 2 for sequence in sequences) / steps
        # rounding alone gives a constant channel a tiny variance
        rounding = 1e-12 if any(sequence.dtype == np.float64 for sequence in sequences) else 1e-7
        constant = variance <= (rounding * np.abs(mean)) ** 2
        return cls(mean, np.where(constant, 1.0, np.sqrt(variance)), constant)

    @property
    def channels(self) -> int:
        """C."""
        return len(self.mean)

    def apply(self, sequence: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Scaled [T, C].

        Raises:
            DataError: a number lies so far from the mean that sums of its squares would not be finite.
        """
        self._check(sequence)
        with np.errstate(over="ignore"):
            scaled = (sequence - self.mean) / self.std
        if (far := np.abs(scaled) > FARTHEST).any():
            raise DataError(
                f"numbers must lie within {FARTHEST:.0e} deviations of the training mean, got "
                f"{sequence[far].flat[0]:.6g}; mend them or leave them out"
            )
        return scaled.astype(np.float32)

    def invert(self, scaled: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Back to the data's own scale, [T, C]."""
        self._check(scaled)
        return (scaled * self.std + self.mean).astype(np.float32)

    def to_dict(self) -> dict[str, list[float]]:
        """What a model file stores."""
        return {"mean": self.mean.tolist(), "std": self.std.tolist()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Sequence[float]]) -> Standardiser:
        """The scaling that `to_dict` described.

        Raises:
            DataError: it described none.
        """
        mean, std = (np.asarray(stored[name], dtype=np.float64) for name in ("mean", "std"))
        if mean.ndim != 1 or mean.shape != std.shape or not (np.isfinite([mean, std]).all() and (std > 0).all()):
            raise DataError(
                "a scaling holds a finite mean and a deviation above 0 for each channel, got something else"
            )
        return cls(mean, std)

    def _check(self, sequence: NDArray[np.floating[Any]]) -> None:
        if sequence.shape[-1:] != self.mean.shape:
            raise ShapeError(
                f"sequences must be [T, {len(self.mean)}] as in training, got {list(sequence.shape)}; "
                "give the same channels in the same order"
            )


def _total(sequences: Iterator[NDArray[np.floating[Any]]]) -> NDArray[np.float64]:
    """Sum over the steps of all sequences [T_i, C], [C]."""
    sums = [sequence.sum(axis=0, dtype=np.float64) for sequence in sequences if len(sequence)]
    return np.sum(sums, axis=0, dtype=np.float64)  # type: ignore[no-any-return]
