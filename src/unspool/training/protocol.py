"""What a task is. The training loop, checkpoints, the command line and the studio know only this."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, NoReturn, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unspool.errors import SpecError
from unspool.training.checkpoint import load_parameters, parameters
from unspool.training.options import Budget, TrainingOptions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

State = Any  # a nested named tuple of tensors, see unspool.cells.state


class Loss(NamedTuple):
    """Sums, never means, so that unequal lengths, windows and ranks add up."""

    sum: Tensor  # [], in the task's unit
    items: int  # that the sum runs over
    state: State  # to be carried into the next batch, None where the task carries none
    extras: dict[str, float]  # further sums over the same items (correct answers, ...)


class Specimen(NamedTuple):
    """What a network is probed with."""

    batch: Any  # for `Task.loss`
    steps: int  # how far back it can be followed
    told: str  # what it is, in words


class Batches(Protocol):
    """An endless, resumable source of training batches."""

    @property
    def steps_per_epoch(self) -> int:
        """Updates in one pass over the data."""

    @property
    def epoch(self) -> int:
        """The pass that the last batch belongs to, from 0."""

    def __iter__(self) -> Iterator[Any]: ...

    def __next__(self) -> Any: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


class Stepper(Protocol):
    """A model that answers every row of a stream at once; B streams take a step together."""

    columns: Sequence[str] | None  # of a table with a header, None where the cells of a row are taken in their order

    def read(self, cells: Sequence[str]) -> NDArray[np.float32]:
        """Return the input of one row, [I].

        Raises:
            DataError: the row is not one that the model reads.
        """

    def initial(self, streams: int) -> State:
        """Return the state of new streams: float32 leaves, one row of each leaf a stream."""

    def step(self, inputs: NDArray[np.float32], state: State) -> tuple[list[dict[str, Any]], State]:
        """Return the answer to each row of the inputs [B, I], as `Task.answers` gives them, and the next state."""

    def told(self, answer: Mapping[str, Any]) -> str:
        """Return an answer as one line."""


class Task(ABC):
    """Data, network, head, metric and rendering of one kind of problem.

    A task is made in one of two ways: `prepare` reads data for training (and then `build` makes the network);
    `from_metadata` makes one from a model file, without any data, for generation, prediction and scoring.
    """

    name: ClassVar[str]
    carries_state: ClassVar[bool] = False
    grows: ClassVar[bool] = False  # a training that starts from a model may ask for more units and layers than it has
    Options: ClassVar[type[TrainingOptions]]
    keeps: Literal["best", "last"] = "best"  # "last" where too little data is held out to choose a best model by it

    unit: str  # of the loss, as a person reads it: "nats a character"
    noun: str  # what one counted item is, plural: "characters"
    options: TrainingOptions
    model: nn.Module
    budget: Budget  # the one that was given, or the task's own
    baselines: Mapping[str, float] = MappingProxyType({})  # what `baseline` measured, empty where nobody asked
    sources: list[str] | None = None  # absolute paths; empty for built-in data, None for data in memory
    fingerprint: str = ""  # of the data, so that `resume` can refuse other data

    @classmethod
    @abstractmethod
    def prepare(
        cls, options: TrainingOptions, data: Any, budget: Budget | None = None, base: Task | None = None
    ) -> Task:
        """Read the data, and choose each option that is None; `base` is the task that `--from` continues."""

    @abstractmethod
    def build(self) -> nn.Module:
        """Return a new network for the options, initialised from `options.seed`."""

    @abstractmethod
    def batches(self) -> Batches:
        """Return the training batches, from the beginning."""

    @abstractmethod
    def loss(self, batch: Any, state: State, generator: torch.Generator | None = None) -> Loss:
        """Return the summed loss of one batch; `generator` is where dropout draws from."""

    def initial_state(self) -> State:
        """Return a zero state shaped like the one that `loss` carries, None where the task carries none."""
        return None

    @abstractmethod
    def metrics(self) -> dict[str, Any]:
        """Return the task's metrics on the held-out data, ready for JSON; `validation_loss` is among them."""

    @abstractmethod
    def specimen(self, data: Any, steps: int) -> Specimen:
        """Return a batch to look at the network with, from data as for `evaluate`; None takes the held-out data."""

    @abstractmethod
    def validation_cost(self) -> float:
        """Return the items of one validation over the items of one training epoch."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return what a person wants to know of the data: counts, split, baseline."""

    @abstractmethod
    def metadata(self) -> dict[str, Any]:
        """Return all that the model file needs beside weights and options: vocabulary, scaling, classes."""

    @classmethod
    @abstractmethod
    def from_metadata(cls, options: TrainingOptions, metadata: Mapping[str, Any]) -> Task:
        """Return the task of a model file; its network is not built yet."""

    def inherit(self, base: Task, origin: str) -> str:
        """Take the weights of the task that `--from` names; return what a person should know of it, if anything."""
        load_parameters(self.model, parameters(base.model), origin)
        return ""

    def baseline(self) -> dict[str, float]:
        """Return the simple answers to be measured against, in the unit of the metrics."""
        return {}

    def figures(self, metrics: Mapping[str, Any]) -> dict[str, Callable[[], Figure]]:
        """Return the pictures of a result by name, to be drawn when called; the first says most. Needs matplotlib."""
        return {}

    def preview(self, step: int) -> str | None:
        """Return a short sample to show during training, None where the task has none."""
        return None

    def advice(self) -> list[str]:
        """Return what the trained network's numbers suggest to try next, a line each."""
        return []

    def evaluate(self, data: Any) -> dict[str, Any]:
        """Return the metrics on other data."""
        raise NotImplementedError

    def answers(self, data: Any) -> list[dict[str, Any]]:
        """Return what the model says of each item of data without labels, ready for JSON.

        Data is a list of paths, a `Text`, or what `prepare` takes from Python.

        Raises:
            SpecError: this kind of model gives no answers.
        """
        self._cannot("predict", "sample or evaluate")

    def told(self, answer: Mapping[str, Any]) -> str:
        """Return one of `answers` as a person reads it."""
        raise NotImplementedError

    def draw_answers(self, data: Any, path: Path) -> list[dict[str, Any]]:
        """Draw `answers` into a picture, and return them.

        Raises:
            SpecError: this kind of model has no picture of them.
        """
        self._cannot("draw what it predicts", "predict without --output")

    def surprises(self, data: Any) -> list[dict[str, Any]]:
        """Return how much each item or step surprises the model: what it is, and `score` in nats, ready for JSON.

        Raises:
            SpecError: this kind of model has none.
        """
        self._cannot("score", "evaluate")

    def stepper(self) -> Stepper:
        """Return what answers row by row.

        Raises:
            SpecError: the model reads whole sequences.
        """
        self._cannot("answer a stream", "predict with files")

    def _cannot(self, verb: str, instead: str) -> NoReturn:
        raise SpecError(f"a {self.name} model cannot {verb}; try {instead}")
