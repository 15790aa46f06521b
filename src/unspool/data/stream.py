"""Truncated BPTT: one long text in parallel lanes, read window by window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.data.shuffle import below
from unspool.errors import DataError, ShapeError, SpecError

VALIDATION_LANE = 200


class Window(NamedTuple):
    """Inputs and targets [T, B], int64; targets are the inputs one symbol later.

    `fresh` says that the window begins an epoch, where the carried state must be zero.
    """

    inputs: Tensor
    targets: Tensor
    fresh: bool
    epoch: int


class Lanes:
    """Endless windows over ids [n] that lie in B contiguous lanes.

    Lane b of an epoch with offset o holds the inputs ids[o + b L : o + (b + 1) L] with L = (n - o - 1) // B,
    so that the state after a window is the right one for the next. The offset is 0 in epoch 0; with `shift`
    it is drawn from (seed, epoch) in [0, min(window, L)) afterwards, so that lanes and windows begin
    elsewhere each time. An epoch's last window is as long as what is left. Ids may have any integer dtype;
    one window at a time is converted to int64. `divide` leaves lanes to other processes; `rows` are those read here.
    """

    def __init__(
        self, ids: NDArray[np.integer[Any]], lanes: int, window: int, seed: int = 0, shift: bool = True
    ) -> None:
        _check(ids, lanes, window)
        targets = len(ids) - 1
        if targets < window:
            raise DataError(
                f"a text must be longer than one window of {window}, but it has {len(ids)} symbols; "
                f"read a longer text, or use --window {max(targets, 1)} or less"
            )
        if targets < lanes:
            raise DataError(
                f"a text must give each of {lanes} lanes something to predict, but it has {len(ids)} "
                f"symbols; read a longer text, or use --batch-size {max(targets // window, 1)}"
            )
        self._ids = ids
        self._lanes, self._window, self._seed, self._shift = lanes, window, seed, shift
        self.rows, self.whole = range(lanes), lanes
        self._enter(0, 0)

    def divide(self, part: Callable[[int], range]) -> None:
        """Read only the lanes `part(lanes)`; the place is that of all lanes still."""
        rows = part(self._lanes)
        if not rows:
            raise SpecError(
                f"each process needs a lane of its own, but there are {self._lanes}; "
                "use a larger --batch-size or fewer processes"
            )
        self.rows = rows

    @property
    def steps_per_epoch(self) -> int:
        """Windows in epoch 0; an epoch that starts at an offset may have one less."""
        return -(-((len(self._ids) - 1) // self._lanes) // self._window)

    @property
    def epoch(self) -> int:
        """The epoch of the window that came last."""
        return self._epoch

    def __iter__(self) -> Iterator[Window]:
        return self

    def __next__(self) -> Window:
        if self._start >= self._inputs.shape[1]:
            self._enter(self._epoch + 1, 0)
        own = slice(self.rows.start, self.rows.stop)
        window = _cut(self._inputs[own], self._targets[own], self._start, self._window, self._epoch)
        self._start += self._window
        return window

    def state_dict(self) -> dict[str, int]:
        """The place of the next window."""
        return {"epoch": self._epoch, "start": self._start, **self._shape()}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on exactly where `state_dict` was taken, over the same text cut in the same way."""
        for name, ours in self._shape().items():
            if state.get(name) != ours:
                raise DataError(
                    f"a place in the text holds only for the same text and cut, but {name} was "
                    f"{state.get(name)} and is {ours}; resume with the text and options of the run"
                )
        self._enter(state["epoch"], state["start"])

    def _shape(self) -> dict[str, int]:
        return {
            "symbols": len(self._ids),
            "lanes": self._lanes,
            "window": self._window,
            "seed": self._seed,
            "shift": int(self._shift),
        }

    def _enter(self, epoch: int, start: int) -> None:
        offset = 0
        if self._shift and epoch:
            offset = below(min(self._window, (len(self._ids) - 1) // self._lanes), self._seed, epoch)
        self._epoch, self._start = epoch, start
        self._inputs, self._targets = _lay(self._ids[offset:], self._lanes)


def single_pass(ids: NDArray[np.integer[Any]], lanes: int = 20, window: int = 256) -> Iterator[Window]:
    """The windows of one pass for validation: all of ids [n] but at most lanes - 1 targets, each once.

    A text shorter than 200 symbols a lane gets fewer lanes: n // 200, at least one.
    """
    _check(ids, lanes, window)
    if len(ids) < 2:
        raise DataError(
            f"a text must have two symbols to predict one from the other, but it has {len(ids)}; read a longer text"
        )
    inputs, targets = _lay(ids, max(1, min(len(ids) // VALIDATION_LANE, lanes)))
    return (_cut(inputs, targets, start, window, 0) for start in range(0, inputs.shape[1], window))


def _check(ids: NDArray[np.integer[Any]], lanes: int, window: int) -> None:
    if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
        raise ShapeError(
            f"ids must be integers of shape [n], got {ids.dtype} {list(ids.shape)}; pass the ids of one text"
        )
    for name, value in (("lanes (the batch size)", lanes), ("window", window)):
        if value < 1:
            raise SpecError(f"{name} must be at least 1, got {value}; choose a positive number")


def _lay(ids: NDArray[np.integer[Any]], lanes: int) -> tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]]:
    """Views of the ids as inputs and targets [B, L]."""
    length = (len(ids) - 1) // lanes
    return ids[: lanes * length].reshape(lanes, length), ids[1 : lanes * length + 1].reshape(lanes, length)


def _cut(
    inputs: NDArray[np.integer[Any]], targets: NDArray[np.integer[Any]], start: int, window: int, epoch: int
) -> Window:
    span = slice(start, start + window)
    return Window(_tensor(inputs[:, span]), _tensor(targets[:, span]), start == 0, epoch)


def _tensor(rows: NDArray[np.integer[Any]]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(rows.T, dtype=np.int64))  # [T, B]
