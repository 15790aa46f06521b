"""The native generator: symbols chosen and fed back in C++, or one step at a time; states go in and come out."""

from __future__ import annotations

import ctypes
import math
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from ctypes import byref, c_uint32, c_uint64
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor, nn

from unspool.cells import state as trees
from unspool.cells.gru import GRU
from unspool.cells.lstm import LSTM
from unspool.engine import structures
from unspool.engine.dispatch import enabled
from unspool.engine.library import absence, check, isa
from unspool.engine.operators import CELLS
from unspool.engine.plan import GenerationPlan, PlannedLayer
from unspool.engine.structures import generation_library
from unspool.errors import DataError, ShapeError, SpecError

WEIGHTS: Final = ("f32", "bf16", "int8")
"""In the order of `unspool_weights`."""

Made = TypeVar("Made")

CHUNK_SECONDS = 0.02  # a reader waits no longer for symbols that are there already
CHUNK_STEPS = 256
TRIAL_STEPS, TRIAL_CALLS = 4, 64


class Chosen(NamedTuple):
    """What one step chose, a number for each row."""

    ids: list[int]
    log_probs: list[float]  # nats; of the model's own distribution, before masks and filters


class SamplingOptions(Protocol):
    """The options of sampling; see `unspool.sampling.Sampling`."""

    @property
    def temperature(self) -> float: ...
    @property
    def top_k(self) -> int: ...
    @property
    def top_p(self) -> float: ...
    @property
    def min_p(self) -> float: ...
    @property
    def greedy(self) -> bool: ...


class Generator:
    """A network's weights, converted to float32, bfloat16 or bytes with a scale for each row, ready to be stepped.

    It keeps the weights as they were when it was made, and no state. A row of a batch depends on nothing of the
    others, bit by bit.

    Args:
        plan: what `net.generation_plan()` gave.
        weights: "f32", "bf16" or "int8"; tables of the input, biases and states stay float32.

    Example:
        >>> from unspool.nets.sequence import SequenceNet
        >>> net = SequenceNet(5, cell="lstm", hidden_size=8, layers=2).eval()
        >>> scores, state = Generator(net.generation_plan()).step(torch.tensor([3]), net.init_state(1))
        >>> scores.shape
        torch.Size([1, 5])
    """

    def __init__(self, plan: GenerationPlan, weights: str = "f32") -> None:
        if weights not in WEIGHTS:
            raise SpecError(f"--weights must be one of {', '.join(WEIGHTS)}, got {weights!r}; f32 changes nothing")
        native = generation_library()
        if native is None:
            raise SpecError(absence())
        isa()  # the one that UNSPOOL_KERNELS asks for
        self.vocabulary_size, self.weights = plan.vocabulary_size, weights
        self.state_size = sum(layer.cell.hidden_size * (1 + isinstance(layer.cell, LSTM)) for layer in plan.layers)
        with torch.no_grad():
            held: list[Tensor] = []  # until the library has copied them
            layers = (structures.PlannedLayer * len(plan.layers))(
                *(planned(layer, plan.embedding, held) for layer in plan.layers)
            )
            output = [pointer(tensor, held) for tensor in (plan.weight, plan.bias)]
            made = structures.Plan(
                plan.vocabulary_size, len(layers), layers, plan.skip, *output, WEIGHTS.index(weights)
            )
            self._handle = native.unspool_generator_create(byref(made))
        if not self._handle:
            raise MemoryError("there is not enough memory for the weights of this network")
        weakref.finalize(self, native.unspool_generator_free, self._handle)

    @property
    def bytes_per_step(self) -> int:
        """How many bytes of weights a step reads."""
        native = generation_library()
        assert native is not None
        return int(native.unspool_generator_bytes(self._handle))

    def step(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Feed one symbol to each row: ids [N], the network's state -> scores [N, V] for the next one, the state."""
        native = generation_library()
        assert native is not None
        fed = ids.to("cpu", torch.int64).contiguous()
        if len(fed) and not 0 <= int(fed.min()) <= int(fed.max()) < self.vocabulary_size:
            raise ShapeError(f"ids must be at least 0 and below {self.vocabulary_size}, got {fed.tolist()}")
        flat = self._flat(state, len(fed))
        scores = torch.empty(len(fed), self.vocabulary_size)
        pointers = [tensor.data_ptr() for tensor in (fed, flat, scores)]
        check(native.unspool_step(self._handle, len(fed), *pointers, torch.get_num_threads()))
        return scores, _unflat(flat, state)

    def generate(
        self,
        scores: Tensor,
        state: Any,
        sampling: SamplingOptions,
        samples: Sequence[int],
        *,
        seed: int = 0,
        length: int | None = None,
        utf8: bool = False,
    ) -> Iterator[Chosen]:
        """Choose a symbol, hand it out, feed it back, as `unspool.decode.generate`; without end if `length` is None.

        Row n reads the random numbers of `samples[n]` (`unspool.draws`). Some steps are computed ahead of the reader.

        Shapes: scores [N, V] for the first symbol, and the state before it.
        """
        if utf8 and self.vocabulary_size != 256:
            raise SpecError(f"utf8 needs the 256 bytes as symbols, got {self.vocabulary_size}; leave it out")
        if scores.shape != (len(samples), self.vocabulary_size):
            wanted = [len(samples), self.vocabulary_size]
            raise ShapeError(f"scores must be {wanted}, a row for each sample, got {list(scores.shape)}")
        flat = self._flat(state, len(samples))
        scores = scores.detach().to("cpu", torch.float32).clone(memory_format=torch.contiguous_format)
        return self._chunks(scores, flat, sampling, list(samples), seed, length, utf8)

    def _chunks(
        self,
        scores: Tensor,
        flat: Tensor,
        sampling: SamplingOptions,
        samples: list[int],
        seed: int,
        length: int | None,
        utf8: bool,
    ) -> Iterator[Chosen]:
        native = generation_library()
        assert native is not None
        rows = len(samples)
        numbers, continuing = (c_uint64 * rows)(*samples), (c_uint32 * rows)()
        ids, log_probs = torch.empty(CHUNK_STEPS, rows, dtype=torch.int64), torch.empty(CHUNK_STEPS, rows).double()
        options = structures.Sampling(
            *(0.0 if sampling.greedy else sampling.temperature, sampling.top_p, sampling.min_p, sampling.top_k, seed)
        )
        done, chunks = 0, Chunks(torch.get_num_threads())
        while length is None or done < length:
            steps, threads = chunks.next()
            steps = steps if length is None else min(steps, length - done)
            call = structures.Generation(
                *(rows, steps, flat.data_ptr(), scores.data_ptr(), options, ctypes.addressof(numbers), done),
                *(-1 if length is None else length - done, ctypes.addressof(continuing) if utf8 else None),
                *(ids.data_ptr(), log_probs.data_ptr(), threads),
            )
            began = time.perf_counter()
            check(native.unspool_generate(self._handle, byref(call)))
            chunks.took(steps, threads, time.perf_counter() - began)
            for chosen in zip(ids[:steps].tolist(), log_probs[:steps].tolist(), strict=True):
                _check_ids(chosen[0])
                yield Chosen(*chosen)
            done += steps

    def _flat(self, state: Any, rows: int) -> Tensor:
        """A copy of the state as [N, S]."""
        flat = torch.cat([leaf.detach().to("cpu", torch.float32) for leaf in trees.leaves(state)], dim=1)
        if flat.shape != (rows, self.state_size):
            raise ShapeError(f"the state must hold {[rows, self.state_size]} numbers, got {list(flat.shape)}")
        return flat.contiguous()


class Chunks:
    """How many steps are computed at once, and by one thread or by all: what was fastest lately.

    Threads that share a step wait for each other, so where another program needs the processors one is faster, by far.
    """

    def __init__(self, threads: int) -> None:
        self.steps, self.calls = 1, 0
        self.seconds: dict[int, float | None] = {1: None, threads: None}  # of a step

    def next(self) -> tuple[int, int]:
        """The steps and threads of the next call."""
        fastest, other = min(self.seconds, key=self._known), max(self.seconds, key=self._known)
        self.calls += 1
        if other != fastest and (self.seconds[other] is None or self.calls % TRIAL_CALLS == 0):
            return TRIAL_STEPS, other
        return self.steps, fastest

    def took(self, steps: int, threads: int, seconds: float) -> None:
        """Learn from a call."""
        self.seconds[threads] = seconds / steps
        if seconds < CHUNK_SECONDS / 2 and steps >= self.steps:
            self.steps = min(2 * self.steps, CHUNK_STEPS)
        elif seconds > CHUNK_SECONDS:
            self.steps = max(self.steps // 2, 1)

    def _known(self, threads: int) -> float:
        seconds = self.seconds[threads]
        return math.inf if seconds is None else seconds


def native_generator(net: Any, weights: str = "f32") -> Generator | str:
    """The generator of a network that has a `generation_plan()`, or why it must be stepped in Python.

    It is kept with the network for as long as the weights stay as they are.
    """
    if not enabled():
        return "kernels are switched off"
    if generation_library() is None:
        return absence()
    plan = net.generation_plan()
    if isinstance(plan, str):
        return plan
    return kept(net, weights, plan.parameters(), lambda: Generator(plan, weights))


def kept(net: nn.Module, weights: str, parameters: Iterable[Tensor], make: Callable[[], Made]) -> Made:
    """What was made of a network before, or what `make` makes of it now if its parameters are not the same."""
    found = _kept.setdefault(net, {})
    now = [parameter.detach() for parameter in parameters]
    key = (weights, isa())
    if key in found:
        made, copies = found[key]
        if len(copies) == len(now) and all(map(torch.equal, copies, now)):
            return made  # type: ignore[no-any-return]
    made = make()
    found[key] = (made, [parameter.clone() for parameter in now])
    return made


_kept: weakref.WeakKeyDictionary[nn.Module, dict[tuple[str, str], tuple[Any, list[Tensor]]]]
_kept = weakref.WeakKeyDictionary()


def planned(layer: PlannedLayer, embedding: Tensor | None, held: list[Tensor]) -> structures.PlannedLayer:
    """The C structure of a layer."""
    cell = layer.cell
    table = layer.table(embedding)
    below = cell.weight_ih[:, cell.input_size - layer.below :] if layer.below else None
    peephole = None
    if isinstance(cell, LSTM) and cell.peephole:
        peephole = torch.stack([cell.weight_peephole_i, cell.weight_peephole_f, cell.weight_peephole_o])
    bias = cell.bias_hh if isinstance(cell, GRU) else None
    tensors = (table, below, cell.weight_hh, bias, peephole)
    pointers = [None if tensor is None else pointer(tensor, held) for tensor in tensors]
    return structures.PlannedLayer(CELLS.index(layer.name), cell.hidden_size, len(table), *pointers)


def pointer(tensor: Tensor, held: list[Tensor]) -> int:
    """Where its numbers are, which are there for as long as `held` is."""
    held.append(tensor.detach().contiguous())
    return held[-1].data_ptr()


def _unflat(flat: Tensor, like: Any) -> Any:
    named = trees.save(like)
    parts = torch.split(flat, [leaf.shape[1] for leaf in named.values()], dim=1)
    return trees.load(like, {name: part.contiguous() for name, part in zip(named, parts, strict=True)})


def _check_ids(ids: list[int]) -> None:
    if min(ids) < 0:
        raise DataError(
            f"scores must have a finite maximum in every row, row {ids.index(min(ids))} has none; "
            "a diverged network gives nan (use an earlier model)"
        )
