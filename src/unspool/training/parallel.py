r"""Data-parallel training: the processes that torchrun starts share each batch and make the same update.

Rank r of N computes the rows range(r) of a batch; with n_r items in them and l_b the summed loss of row b,

.. math:: g_r = \nabla \frac{1}{n} \sum_{b \in range(r)} l_b, \quad n = \sum_r n_r, \quad g = \sum_r g_r

so that g is the gradient that one process would have for the whole batch, up to the order of additions. Everything that
is exchanged is a sum, never a mean: torch's DistributedDataParallel averages the gradients of the ranks, which is the
gradient of the batch only where all have equally many items, and a last batch or lanes that N does not divide have not.
One sum over one flat vector needs no wrapper around the network and carries the loss along. Given up is the overlap
with the backward pass, which hides little for the few matrices of a recurrent network: their gradients are ready last.

Decisions are the same everywhere because they are made from the same numbers: loss and gradient are sums of all ranks,
metrics are rank 0's, and the clock is rank 0's, read when all meet in an update.
"""

from __future__ import annotations

import atexit
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from unspool import errors
from unspool.errors import DataError, SpecError, TrainingError, UnspoolError

NAMES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # what torchrun tells a process
TIMEOUT = timedelta(minutes=5)  # in an update: a process that hangs does not hold up the others forever
PATIENCE = timedelta(hours=1)  # while one of them prepares a large text, or measures a baseline


T = TypeVar("T")


class Lost(TrainingError):
    """Another process of the training is gone."""


@runtime_checkable
class Divisible(Protocol):
    """Batches that can be divided: those of `divide(part)` hold the rows `part(n)` of a batch of n."""

    @property
    def rows(self) -> range:
        """The rows of the last batch that are computed here."""

    @property
    def whole(self) -> int:
        """All rows of the last batch."""

    def divide(self, part: Callable[[int], range]) -> None: ...


class Ranks:
    """The processes of one training, here one alone: nothing is exchanged."""

    rank, size = 0, 1
    wish = 0  # the signal by which this process was asked to stop
    stopped = 0  # the signal by which all have agreed to stop

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and speaks."""
        return self.rank == 0

    def part(self, count: int) -> range:
        """Return which of so many rows this process computes."""
        return range(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def now(self) -> float:
        """Return a clock's seconds, the same in all processes since they met last."""
        return time.monotonic()

    def meet(self, items: int = 0) -> int:
        """Return the sum of the items; all take over the clock of rank 0, and learn whether one wishes to stop."""
        return items

    def exchange(self, value: Any) -> list[Any]:
        """Return every rank's value, of what JSON can hold."""
        return [value]

    def same(self, value: Any) -> Any:
        """Return rank 0's value, of what JSON can hold."""
        return value

    def add_gradients(self, parameters: Sequence[nn.Parameter], loss: Tensor) -> Tensor:
        """Put the sum over all ranks into each gradient, and return the sum of the losses."""
        return loss.detach()

    def copy_first(self, tensors: Sequence[Tensor]) -> None:
        """Overwrite tensors with those of rank 0."""

    def gather(self, leaf: Tensor, rows: range, whole: int) -> Tensor:
        """Return all rows [whole, ...] of a tensor of which each rank has its own [rows, ...]."""
        return leaf

    def place(self, device: torch.device) -> torch.device:
        """Return the device of this process."""
        return device

    def check(self, what: str, value: Any) -> None:
        """Refuse to go on where a value, of what JSON can hold, is not the same in all processes."""
        answers = self.exchange(value)
        if any(answer != answers[0] for answer in answers):
            raise DataError(f"{what} must be the same in all processes of a training, but differs; give each the same")

    @contextmanager
    def together(self) -> Iterator[None]:
        """Do something that one process may fail at: then all fail, with the sentence of the first that did."""
        yield

    def by_turns(self, make: Callable[[], T]) -> T:
        """Make something together, one process of each machine first: the others find the files that it leaves."""
        return make()


class Processes(Ranks):
    """Several processes, joined by torch.distributed: gloo for the processor, nccl for GPUs.

    Raises:
        Lost: another process ended, or was not heard of for five minutes.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.rank, self.size = int(environment["RANK"]), int(environment["WORLD_SIZE"])
        self.local_rank = int(environment.get("LOCAL_RANK", self.rank))
        self.local_size = int(environment.get("LOCAL_WORLD_SIZE", self.size))
        self._now = 0.0
        from torch import distributed

        self._distributed = distributed
        nccl = torch.cuda.is_available() and distributed.is_nccl_available()
        try:
            if not distributed.is_initialized():  # by an earlier training of this process, or by the user's program
                distributed.init_process_group("cpu:gloo,cuda:nccl" if nccl else "gloo", timeout=PATIENCE)
                atexit.register(distributed.destroy_process_group)
            self._quick = distributed.new_group(timeout=TIMEOUT)
        except (RuntimeError, ValueError) as error:
            raise Lost(f"the processes of this training do not find each other ({_short(error)})") from error

    def now(self) -> float:
        return self._now

    def meet(self, items: int = 0) -> int:
        told = torch.zeros(2 + self.size, dtype=torch.float64)
        told[0] = items
        told[1] = time.monotonic() if self.first else 0.0
        told[2 + self.rank] = self.wish
        self._sum(told)
        self._now, self.stopped = float(told[1]), int(told[2:].max())
        return int(told[0])

    def exchange(self, value: Any) -> list[Any]:
        raw = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        lengths = torch.zeros(self.size, dtype=torch.int64)
        lengths[self.rank] = len(raw)
        self._sum(lengths, patient=True)
        table = torch.zeros(self.size, int(lengths.max()), dtype=torch.uint8)
        table[self.rank, : len(raw)] = raw
        self._sum(table, patient=True)
        return [json.loads(bytes(row[:n].tolist())) for row, n in zip(table, lengths.tolist(), strict=True)]

    def same(self, value: Any) -> Any:
        return self.exchange(value if self.first else None)[0]

    def add_gradients(self, parameters: Sequence[nn.Parameter], loss: Tensor) -> Tensor:
        # a parameter without a gradient in any rank has none in the sum either: the optimiser passes it by
        found = loss.new_tensor([parameter.grad is not None for parameter in parameters])
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([*(part.detach().reshape(-1) for part in parts), found, loss.detach().reshape(1)])
        self._sum(flat)
        sizes = [*(p.numel() for p in parameters), len(parameters), 1]
        *gradients, found, total = torch.split(flat, sizes)
        for parameter, gradient, here in zip(parameters, gradients, found.tolist(), strict=True):
            parameter.grad = gradient.view_as(parameter) if here else None
        return total[0]

    def copy_first(self, tensors: Sequence[Tensor]) -> None:
        for tensor in tensors:
            if not self.first:
                tensor.detach().zero_()
            self._sum(tensor.detach())

    def gather(self, leaf: Tensor, rows: range, whole: int) -> Tensor:
        held = leaf.to(torch.uint8) if leaf.dtype == torch.bool else leaf
        table = held.new_zeros(whole, *held.shape[1:])
        table[rows.start : rows.stop] = held
        self._sum(table)
        return table.to(leaf.dtype)

    def place(self, device: torch.device) -> torch.device:
        if device.type == "cpu":
            return device
        if device.type != "cuda":
            raise SpecError(f"several processes train on cpu or cuda, got --device {device.type}; choose one of them")
        if self.local_size > torch.cuda.device_count():
            raise SpecError(
                f"each process needs a GPU of its own, got {self.local_size} processes and "
                f"{torch.cuda.device_count()} GPUs; start fewer processes, or use --device cpu"
            )
        torch.cuda.set_device(self.local_rank)
        return torch.device("cuda", self.local_rank)

    @contextmanager
    def together(self) -> Iterator[None]:
        failure: UnspoolError | None = None
        try:
            yield
        except Lost:
            raise
        except UnspoolError as error:
            failure = error
        told = [answer for answer in self.exchange(failure and [type(failure).__name__, str(failure)]) if answer]
        if told:
            kind, sentence = told[0]
            raise getattr(errors, kind, UnspoolError)(sentence) from failure

    def by_turns(self, make: Callable[[], T]) -> T:
        made: list[T] = []
        for turn in (True, False):
            with self.together():
                if (self.local_rank == 0) is turn:
                    made.append(make())
        return made[0]

    def _sum(self, tensor: Tensor, *, patient: bool = False) -> None:
        """Add up a contiguous tensor over all ranks, in place."""
        try:
            self._distributed.all_reduce(tensor, group=None if patient else self._quick)
        except RuntimeError as error:
            raise Lost(
                f"a process of this training was lost ({_short(error)}); go on with unspool resume where the run is "
                "saved, else start it again"
            ) from error


def join() -> Ranks:
    """Return the processes of a training: those that torchrun started, else this one alone."""
    return Processes(os.environ) if _several() else Ranks()


def speaks() -> bool:
    """Whether this process speaks for all of its training, joined already or not."""
    return not _several() or os.environ["RANK"] == "0"


def _several() -> bool:
    return all(name in os.environ for name in NAMES) and os.environ["WORLD_SIZE"] != "1"


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:160] if str(error) else type(error).__name__
