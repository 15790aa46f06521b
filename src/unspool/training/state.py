"""The state of one training: everything that an exact resume or a roll-back needs, captured and restored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from unspool.cells import state as trees
from unspool.draws import noise_generator
from unspool.engine.products import products
from unspool.errors import CheckpointError, SpecError
from unspool.training.checkpoint import check_shape, load_parameters, parameters
from unspool.training.parallel import Divisible, Ranks
from unspool.training.protocol import Loss, Task
from unspool.training.rmsprop import GravesRMSProp


class Snapshot(NamedTuple):
    """One moment of a training: tensors by name, and plain values that JSON can hold."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


class Update(NamedTuple):
    """What one update gave."""

    loss: float  # mean over the batch's items
    items: int
    norm: float  # of the gradient, before clipping


@dataclass
class Place:
    """Where the training stands; plain numbers only, and no clock times."""

    step: int = 0
    smoothed: float | None = None  # exponential mean of the batch losses
    first: float | None = None  # loss of the first batch
    lowest: float | None = None  # lowest smoothed loss
    best: float | None = None  # lowest validation loss
    best_step: int = 0
    validated: int = -1  # step of the last validation
    stale: int = 0  # validations since the best one
    sampled: int = 0  # step of the last early sample
    scale: float = 1.0  # of the learning rate, lowered by roll-backs
    rollbacks: int = 0
    metrics: dict[str, Any] = field(default_factory=dict)  # of the best model
    finished: str = ""

    def record(self, loss: float) -> None:
        """Take one batch loss into the running means."""
        self.first = loss if self.first is None else self.first
        self.smoothed = loss if self.smoothed is None else 0.98 * self.smoothed + 0.02 * loss
        self.lowest = self.smoothed if self.lowest is None else min(self.lowest, self.smoothed)


class Training:
    """A task's network, its optimiser, its place in the data and the state it carries.

    Where several processes train, each has its rows of a batch and of the carried state; a snapshot has all of them.
    """

    def __init__(self, task: Task, ranks: Ranks | None = None) -> None:
        self.task, self.ranks = task, ranks or Ranks()
        self.model = task.model
        self.optimizer = _optimizer(task)
        self.batches = task.batches()
        if self.ranks.size > 1:
            if not isinstance(self.batches, Divisible):
                raise SpecError(f"the task {task.name} is trained by one process, got {self.ranks.size}; start one")
            self.batches.divide(self.ranks.part)
        self.state: Any = None
        self.place = Place()

    def update(self, rate: float) -> Update:
        """Make one update with the given learning rate; a gradient that is not finite changes nothing."""
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        with products(self.task.options.precision):
            result = self._loss()
            items = self.ranks.meet(result.items)
            mean = result.sum / max(1, items)  # this process's share of it
            if mean.requires_grad:
                mean.backward()  # type: ignore[no-untyped-call]
        loss = self.ranks.add_gradients(list(self.model.parameters()), mean)
        norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), self.task.options.clip))
        self.state = None if result.state is None else trees.detach(result.state)
        if norm < float("inf"):  # false for nan
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.step()
        self.place.step += 1
        return Update(float(loss), items, norm)

    def _loss(self) -> Loss:
        """The loss of the next batch, or of this process's rows of it."""
        batch = next(self.batches)
        device = next(self.model.parameters()).device
        generator = noise_generator(self.task.options.seed, self.place.step, device)
        if self.ranks.size > 1:
            assert isinstance(self.batches, Divisible)
            generator.rows, generator.whole = self.batches.rows, self.batches.whole
            if not generator.rows:  # fewer rows than processes
                return Loss(torch.zeros((), device=device), 0, None, {})
        return self.task.loss(batch, self.state, generator)

    def capture(self) -> Snapshot:
        """Return this moment; the tensors are copies."""
        tensors = {f"model/{name}": tensor for name, tensor in parameters(self.model).items()}
        for name, parameter in self.model.named_parameters():
            for leaf, tensor in self.optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer/{name}/{leaf}"] = tensor
        if self.state is not None:
            tensors.update(self._whole_state())
        copies = {name: tensor.detach().clone() for name, tensor in tensors.items()}
        return Snapshot(copies, {"place": asdict(self.place), "batches": self.batches.state_dict()})

    def _whole_state(self) -> dict[str, Tensor]:
        leaves = trees.save(self.state, "state")
        if not isinstance(self.batches, Divisible):
            return leaves
        rows, whole = self.batches.rows, self.batches.whole
        return {name: self.ranks.gather(leaf, rows, whole) for name, leaf in leaves.items()}

    def restore(self, snapshot: Snapshot, origin: str = "the snapshot") -> None:
        """Go back to a moment, exactly.

        Raises:
            CheckpointError: the snapshot does not fit this task.
        """
        tensors, values = snapshot
        load_parameters(self.model, _under("model/", tensors), origin)
        self.optimizer.state.clear()
        for name, parameter in self.model.named_parameters():
            leaves = _under(f"optimizer/{name}/", tensors)
            if leaves:
                for leaf in leaves.keys() - {"step"}:  # a moment is as large as its parameter, the count is one number
                    check_shape(origin, f"{name}/{leaf}", leaves[leaf], parameter)
                self.optimizer.state[parameter] = {
                    leaf: tensor.clone() if leaf == "step" else tensor.clone().to(parameter.device)
                    for leaf, tensor in leaves.items()
                }
        carried = {name: tensor for name, tensor in tensors.items() if name.startswith("state.")}
        self.state = trees.load(self.task.initial_state(), carried, "state") if carried else None
        if carried and self.ranks.size > 1 and isinstance(self.batches, Divisible):
            self.state = trees.select(self.state, slice(self.batches.rows.start, self.batches.rows.stop))
        try:
            self.place = Place(**values["place"])
            self.batches.load_state_dict(values["batches"])
        except (KeyError, TypeError) as error:
            raise CheckpointError(f"{origin} is damaged: {error!r} in its place; use a backup") from error


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _optimizer(task: Task) -> torch.optim.Optimizer:
    options = task.options
    matrices = [p for p in task.model.parameters() if p.dim() > 1]
    vectors = [p for p in task.model.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": options.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    fused = all(p.device.type in ("cpu", "cuda") for p in task.model.parameters())
    rate = options.learning_rate or 1e-3  # each update sets its own
    if options.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=options.momentum, fused=fused)
    if options.optimizer == "graves":
        return GravesRMSProp(groups, lr=rate)
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99), fused=fused)
