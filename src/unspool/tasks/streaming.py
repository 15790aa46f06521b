"""Many streams through one model: a state for each key, in tensors that grow with them."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.cells import state as trees
from unspool.errors import CheckpointError, ShapeError, SpecError
from unspool.training import checkpoint
from unspool.training.protocol import State, Stepper, Task

MOST: Final = 100_000
"""Streams that are kept where nobody says how many."""
GROWTH: Final = 1.25  # of the tensors, when they are full
ENDED: Final = 1024  # streams that end together: all at once would need much memory


@runtime_checkable
class BurstStepper(Protocol):
    """A stepper to which several rows of a stream may come at once, so that what is not carried on is done once."""

    def burst(
        self, inputs: NDArray[np.float32], streams: Sequence[int], state: State
    ) -> tuple[list[dict[str, Any]], State]:
        """Return the answers to inputs [N, I], row n of the stream streams[n] of B, and the next state of all B."""


@runtime_checkable
class EndingStepper(Protocol):
    """A stepper whose last rows may wait for others, and are answered when their stream ends without them."""

    def end(self, state: State) -> list[dict[str, Any]]:
        """Return what each of B streams still says when it ends, {} for nothing."""


class Streams:
    """The carried states of keyed streams.

    A key that is new begins with the stepper's initial state. At most `most` streams are kept: for one more, the
    stream that was seen least recently is forgotten, and begins anew if it comes again. Memory is that of the states,
    up to `GROWTH` times, and of the keys.
    """

    def __init__(self, stepper: Stepper, most: int = MOST) -> None:
        if most < 1:
            raise SpecError(f"--max-streams must be at least 1, got {most}; give the number of streams to keep")
        self.stepper, self.most = stepper, most
        self.forgotten = 0
        self._slots: OrderedDict[str, int] = OrderedDict()  # from the least recently seen to the latest
        self._state: State = stepper.initial(1)
        self._capacity = 1
        self._device = next((leaf.device for leaf in trees.leaves(self._state)), torch.device("cpu"))

    def __len__(self) -> int:
        return len(self._slots)

    @torch.no_grad()
    def step(self, keys: Sequence[str], inputs: NDArray[np.float32]) -> list[dict[str, Any]]:
        """Answer rows of N keys, inputs [N, I], as if they came one after the other.

        An answer with `refused` says why a row cannot follow those before it; its stream stays as it was.
        """
        answers: list[dict[str, Any]] = []
        while len(answers) < len(keys):
            slots, new = self._admit(keys[len(answers) :])
            self._reserve(len(self._slots))
            if new:
                self._write(self._index(new), self.stepper.initial(len(new)))
            answers += self._advance(slots, inputs[len(answers) : len(answers) + len(slots)])
        return answers

    @torch.no_grad()
    def end(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """End all streams, and yield key and answer of those that still say something, the latest last.

        A key that comes again begins anew.
        """
        ended, self._slots = list(self._slots.items()), OrderedDict()
        if not isinstance(self.stepper, EndingStepper):
            return
        for first in range(0, len(ended), ENDED):
            keys, slots = zip(*ended[first : first + ENDED], strict=True)
            answers = self.stepper.end(trees.select(self._state, self._index(list(slots))))
            yield from ((key, answer) for key, answer in zip(keys, answers, strict=True) if answer)

    def _admit(self, keys: Sequence[str]) -> tuple[list[int], list[int]]:
        """The slots of the first keys, and those of them that must begin anew.

        It stops before a key for which a stream would be forgotten that still has a row to be answered.
        """
        slots: list[int] = []
        new: list[int] = []
        waiting: set[int] = set()
        for key in keys:
            slot = self._slots.get(key)
            if slot is None:
                slot = len(self._slots)
                if slot == self.most:
                    oldest = next(iter(self._slots))
                    if self._slots[oldest] in waiting:
                        break
                    slot = self._slots.pop(oldest)
                    self.forgotten += 1
                new.append(slot)
                self._slots[key] = slot
            else:
                self._slots.move_to_end(key)
            slots.append(slot)
            waiting.add(slot)
        return slots, new

    def _advance(self, slots: list[int], inputs: NDArray[np.float32]) -> list[dict[str, Any]]:
        if isinstance(self.stepper, BurstStepper):
            places = {slot: place for place, slot in enumerate(dict.fromkeys(slots))}
            index = self._index(list(places))
            state = trees.select(self._state, index)
            told, after = self.stepper.burst(inputs, [places[slot] for slot in slots], state)
            self._write(index, after)
            return told
        answers: list[dict[str, Any]] = [{}] * len(slots)
        for rows in rounds_of(slots):
            index = self._index([slots[row] for row in rows])
            found, after = self.stepper.step(inputs[rows], trees.select(self._state, index))
            self._write(index, after)
            for row, answer in zip(rows, found, strict=True):
                answers[row] = answer
        return answers

    def _reserve(self, streams: int) -> None:
        if streams <= self._capacity:
            return
        capacity = min(max(streams, int(self._capacity * GROWTH)), self.most)
        grown = self.stepper.initial(capacity)
        for wide, narrow in zip(trees.leaves(grown), trees.leaves(self._state), strict=True):
            wide[: self._capacity] = narrow
        self._state, self._capacity = grown, capacity

    def _write(self, index: Tensor, state: State) -> None:
        for kept, given in zip(trees.leaves(self._state), trees.leaves(state), strict=True):
            kept.index_copy_(0, index, given)

    def _index(self, slots: list[int]) -> Tensor:
        return torch.tensor(slots, dtype=torch.int64, device=self._device)

    def save(self, path: Path, model: str) -> None:
        """Write all states that are finite, from the least recently seen; `model` is the fingerprint of theirs.

        Raises:
            CheckpointError: the file cannot be written; the old one is untouched.
        """
        state = trees.select(self._state, self._index(list(self._slots.values())))
        finite = torch.ones(len(self), dtype=torch.bool, device=self._device)
        for leaf in trees.leaves(state):
            finite &= leaf.isfinite().reshape(len(leaf), leaf.shape[1:].numel()).all(1)
        keys = [key for key, good in zip(self._slots, finite.tolist(), strict=True) if good]
        checkpoint.write(path, "streams", trees.save(trees.select(state, finite)), {"model": model, "keys": keys})

    @torch.no_grad()
    def load(self, path: Path, model: str) -> None:
        """Take the states that `save` wrote in place of all that are here, the latest if they are more than `most`.

        Raises:
            CheckpointError: the file is none of `save`, is damaged, or belongs to another model.
        """
        try:
            tensors, document = checkpoint.read(path, "streams")
        except CheckpointError as error:
            if error.__cause__ is None:
                raise
            raise CheckpointError(  # without the library's words for what it met
                f"{path} is no file of saved streams, or was cut short; name another file, or remove it to begin anew"
            ) from error
        if document.get("model") != model:
            raise CheckpointError(
                f"{path} holds states of another model; name the model that wrote it, or another file"
            )
        keys = document.get("keys")
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise CheckpointError(f"{path} is damaged: it names no keys; use a backup")
        try:
            state = trees.load(self.stepper.initial(1), tensors)
        except ShapeError as error:
            raise CheckpointError(f"{path} is damaged: {error}") from error
        if len(set(keys)) != len(keys) or any(len(leaf) != len(keys) for leaf in trees.leaves(state)):
            raise CheckpointError(f"{path} is damaged: it has not one state for each key; use a backup")
        kept = keys[-self.most :]
        self._slots = OrderedDict((key, slot) for slot, key in enumerate(kept))
        self._reserve(len(kept))
        self._write(self._index(list(range(len(kept)))), trees.select(state, slice(len(keys) - len(kept), None)))


def model_fingerprint(task: Task) -> str:
    """A name for all that the states of a task's model depend on: weights, vocabulary or scaling."""
    digest = hashlib.sha256(json.dumps([task.name, task.metadata()], sort_keys=True).encode())
    for name, tensor in sorted(checkpoint.parameters(task.model).items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def rounds_of(slots: Sequence[int]) -> list[list[int]]:
    """Row numbers such that no slot comes twice in a round, and each slot's rows keep their order."""
    rounds: list[list[int]] = []
    seen: dict[int, int] = {}
    for row, slot in enumerate(slots):
        turn = seen.get(slot, 0)
        seen[slot] = turn + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(row)
    return rounds
